"""DAG's network: the published sizes, lengths of any number, labels and noise levels that count."""

import pytest
import torch

from audiosr_pipeline.models.dag import DAGModel
from audiosr_pipeline.training.settings import DAG_NETWORKS


def build(size: str, sampling_rate: int, num_labels: int) -> DAGModel:
    """The network of one of the trainer's sizes."""
    widths, strides, num_gru_layers, noise_width = DAG_NETWORKS[size, sampling_rate]
    return DAGModel(
        sampling_rate=sampling_rate,
        num_labels=num_labels,
        widths=widths,
        strides=strides,
        num_gru_layers=num_gru_layers,
        noise_width=noise_width,
    )


@pytest.fixture
def tiny() -> DAGModel:
    """Not zero at its output, as a network that has learned something."""
    torch.manual_seed(0)
    model = DAGModel(16_000, num_labels=2, widths=(4, 8), strides=(2, 5), num_gru_layers=1, noise_width=8)
    torch.nn.init.normal_(model.conv_out.weight, std=0.1)
    return model.eval()


@pytest.mark.parametrize(
    ("size", "sampling_rate", "num_labels", "millions"),
    [
        # UrbanSound8K has 10 labels, TUT Acoustic Scenes 15; the paper says 22 million of all.
        ("paper", 48_000, 10, 21.626),
        ("paper", 22_050, 10, 21.429),
        ("paper", 48_000, 15, 22.319),
        ("paper", 22_050, 15, 22.122),
        ("mini", 48_000, 10, 1.593),
        ("mini", 16_000, 10, 1.544),
    ],
)
def test_the_networks_have_the_published_sizes(size, sampling_rate, num_labels, millions):
    with torch.device("meta"):
        model = build(size, sampling_rate, num_labels)
    assert sum(parameter.numel() for parameter in model.parameters()) / 1e6 == pytest.approx(millions, abs=5e-4)


def test_an_untrained_network_predicts_no_noise():
    model = DAGModel(widths=(4,), strides=(2,), num_gru_layers=1, noise_width=8)
    # The loss of zeros is 0.5, that of a network that knows nothing.
    assert not model(torch.randn(1, 10), torch.ones(1), torch.zeros(1, dtype=torch.long)).any()


@pytest.mark.parametrize("num_samples", [1, 9, 10, 101])
def test_any_length_comes_back(tiny, num_samples):
    output = tiny(torch.randn(2, num_samples), torch.ones(2), torch.tensor([0, 2]))
    assert output.shape == (2, num_samples)


def test_label_and_noise_level_count(tiny):
    sample = torch.randn(1, 100).expand(3, -1)
    of_labels = tiny(sample, torch.ones(3), torch.tensor([0, 1, 2]))
    assert len({tuple(each.tolist()) for each in of_labels}) == 3
    of_levels = tiny(sample, torch.tensor([1.0, 0.1, 0.001]), torch.zeros(3, dtype=torch.long))
    assert len({tuple(each.tolist()) for each in of_levels}) == 3


def test_no_label_begins_as_zeros_and_is_learned(tiny):
    assert not tiny.embed_label.weight[2].any()
    tiny(torch.randn(1, 10), torch.ones(1), torch.tensor([2])).sum().backward()
    assert tiny.embed_label.weight.grad[2].any()


def test_it_is_saved_with_its_random_frequencies_and_names(tiny, tmp_path):
    tiny.register_to_config(id2label={"0": "rain", "1": "sea"})
    tiny.save_pretrained(tmp_path)
    loaded = DAGModel.from_pretrained(tmp_path)
    assert torch.equal(loaded.frequencies, tiny.frequencies)
    assert loaded.config.id2label == {"0": "rain", "1": "sea"}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"widths": (4, 8), "strides": (2,)}, "needed is a width for each stride"),
        ({"num_labels": 0}, "num_labels=0"),
        ({"num_labels": 2, "id2label": {"0": "rain"}}, "a name of its own for each of 0 to 1"),
        ({"num_labels": 2, "id2label": {"0": "rain", "1": "rain"}}, "a name of its own"),
    ],
)
def test_what_cannot_be_is_refused(settings, complaint):
    with torch.device("meta"), pytest.raises(ValueError, match=complaint):
        DAGModel(**settings)
