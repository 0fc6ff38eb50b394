"""The networks' layers by oneDNN: the same results, and nothing else is touched."""

import pytest
import torch
from torch import nn

from audiosr_pipeline.pipelines import onednn
from audiosr_pipeline.pipelines.onednn import OneDNN

pytestmark = pytest.mark.skipif(not onednn.IS_AVAILABLE, reason="without oneDNN and AVX-512 the mode does nothing")

LAYERS = {
    "linear": (nn.Linear(48, 96), (2, 7, 48)),
    "linear without bias": (nn.Linear(48, 96, bias=False), (2, 7, 48)),
    "strided convolution in one dimension": (nn.Conv1d(8, 16, 5, stride=2, padding=1), (2, 8, 31)),
    "dilated convolution": (nn.Conv1d(8, 16, 5, dilation=3, padding=6, groups=2, bias=False), (2, 8, 31)),
    "padding by name": (nn.Conv1d(8, 16, 5, padding="same"), (2, 8, 31)),
    "convolution in two dimensions": (nn.Conv2d(8, 16, (3, 5), stride=(1, 2), padding=(1, 0)), (2, 8, 9, 11)),
    "convolution of one point": (nn.Conv2d(8, 16, 1), (2, 8, 9, 11)),
    "convolution of one point in one dimension": (nn.Conv1d(8, 16, 1, bias=False), (2, 8, 31)),
    "strided convolution of one point": (nn.Conv2d(8, 16, 1, stride=2), (2, 8, 9, 11)),
    "transposed convolution": (nn.ConvTranspose1d(16, 8, 5, stride=3, padding=1, output_padding=1), (2, 16, 9)),
}


@pytest.fixture
def called(monkeypatch) -> list[str]:
    """The names of the layers that were handed over."""
    names: list[str] = []

    def noted(layer):
        return lambda *args: names.append(layer.__name__) or layer(*args)

    monkeypatch.setattr(onednn, "LAYERS", {torch_layer: noted(layer) for torch_layer, layer in onednn.LAYERS.items()})
    return names


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_gives_the_same(name, called):
    layer, shape = LAYERS[name]
    hidden = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = layer(hidden)
        with OneDNN():
            found = layer(hidden)
    # A name doesn't say how many samples to pad: torch finds out.
    assert len(called) == (name != "padding by name")
    # Sums of up to 80 products of about 0.1, in another order.
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_between_convolutions_nothing_is_reordered():
    hidden = torch.randn(1, 1, 16)
    with torch.no_grad(), OneDNN():
        for layer in (nn.Conv1d(1, 8, 3), nn.LeakyReLU(), nn.ConvTranspose1d(8, 4, 2, stride=2), nn.SiLU()):
            hidden = layer(hidden)
            assert hidden.mT.is_contiguous()


def test_other_precisions_and_other_layers_are_left_alone(called):
    for module in (nn.Linear(48, 48).double(), nn.Linear(48, 48).bfloat16(), nn.LayerNorm(48)):
        hidden = torch.randn(2, 48).to(next(module.parameters()).dtype)
        with torch.no_grad(), OneDNN():
            found = module(hidden)
        assert torch.equal(found, module(hidden))
    assert not called


def test_where_there_is_no_onednn_nothing_changes(called, monkeypatch):
    monkeypatch.setattr(onednn, "IS_AVAILABLE", False)
    with OneDNN():
        nn.Linear(48, 48)(torch.randn(2, 48))
    assert not called


def test_the_pipeline_runs_all_its_networks_by_it_and_keeps_its_components(tiny_pipeline, called):
    networks = {name: getattr(tiny_pipeline, name) for name in ("vae", "unet", "vocoder")}
    classes = {name: [type(module) for module in network.modules()] for name, network in networks.items()}
    strides = {name: [weight.stride() for weight in network.parameters()] for name, network in networks.items()}
    out = tiny_pipeline(torch.randn(8_000), sampling_rate=16_000, num_inference_steps=2, cutoff_freq=4_000)
    assert out.reports[0].action == "enhanced"
    assert {"_linear", "_conv1d", "_conv2d"} <= set(called)
    assert classes == {name: [type(module) for module in network.modules()] for name, network in networks.items()}
    assert strides == {name: [weight.stride() for weight in network.parameters()] for name, network in networks.items()}
