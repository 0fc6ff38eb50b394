"""Who is on the accelerator when.

There is none where the tests run, and the order of moves is what counts: these networks only say that they are on one.
"""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.adapters import with_super_resolution
from audiosr_pipeline.adapters.find import find_adapter
from tests.adapters.cases import CASES
from tests.signals import noise


class Place(nn.Module):
    """A network that takes itself to be on a device, and writes into a log where it goes and where it is called."""

    def __init__(self, name, device, log):
        super().__init__()
        self.name, self.device, self.log = name, torch.device(device), log
        self.dtype = torch.float32 if name == "upscaler" else torch.float16

    def parameters(self, recurse=True):
        # A network's first parameters may be whole numbers.
        yield SimpleNamespace(device=self.device, dtype=torch.int8, is_floating_point=lambda: False)
        yield SimpleNamespace(device=self.device, dtype=self.dtype, is_floating_point=lambda: True)

    def to(self, device, dtype=None):
        if torch.device(device) != self.device:
            self.device, self.dtype = torch.device(device), dtype or self.dtype
            self.log.append(f"{self.name} to {device}" + (f" in {dtype}" if dtype else ""))
        return self

    def forward(self):
        self.log.append(f"{self.name} runs on {self.device}")
        return noise(0.1, 16_000)


class Upscaler(AudioSRPipeline):
    """A pipeline behind a network with a log."""

    def __init__(self, network, pipe):
        self.network, self.pipe, self.sampling_rate = network, pipe, 48_000

    @property
    def components(self):
        return {"unet": self.network}

    def __call__(self, *args, **kwargs):
        self.network()
        return self.pipe(*args, **kwargs)


def fail(*args, **kwargs):
    raise torch.OutOfMemoryError("no memory left")


TURNS = [
    "generator runs on cuda:0",
    "generator to cpu",
    "upscaler to cuda:0 in torch.float16",
    "upscaler runs on cuda:0",
    "upscaler to cpu in torch.float32",
    "generator to cuda:0",
]


def test_generator_and_upscaler_take_turns(tiny_pipeline):
    log = []
    generator, network = Place("generator", "cuda:0", log), Place("upscaler", "cpu", log)
    wrapped = with_super_resolution(generator, Upscaler(network, tiny_pipeline), sampling_rate=16_000)
    wrapped()
    assert log == TURNS
    wrapped()
    assert log == 2 * TURNS


def test_an_upscaler_on_the_accelerator_makes_room_first(tiny_pipeline):
    log = []
    generator, network = Place("generator", "cuda:0", log), Place("upscaler", "cuda:0", log)
    with_super_resolution(generator, Upscaler(network, tiny_pipeline), sampling_rate=16_000)()
    assert log == ["upscaler to cpu", *TURNS]


def test_both_are_back_after_a_failure():
    log = []
    generator, network = Place("generator", "cuda:0", log), Place("upscaler", "cpu", log)
    wrapped = with_super_resolution(generator, Upscaler(network, fail), sampling_rate=16_000)
    with pytest.raises(torch.OutOfMemoryError):
        wrapped()
    assert log == TURNS


def test_each_network_of_a_pipeline_returns_where_it_was(tiny_pipeline):
    log = []
    parts = {"unet": Place("unet", "cuda:1", log), "vocoder": Place("vocoder", "cpu", log), "tokenizer": object()}

    class Generator:
        components = parts

        def __call__(self):
            return noise(0.1, 16_000)

    audiosr = Upscaler(Place("upscaler", "cpu", log), tiny_pipeline)
    with_super_resolution(Generator(), audiosr, sampling_rate=16_000)()
    assert log[0] == "unet to cpu" and log[1] == "upscaler to cuda:1 in torch.float16"
    assert [str(parts[name].device) for name in ("unet", "vocoder")] == ["cuda:1", "cpu"]


@pytest.mark.parametrize("hooked", ["generator", "upscaler"])
def test_what_accelerate_moves_is_left_to_it(hooked, tiny_pipeline):
    log = []
    places = {"generator": Place("generator", "cuda:0", log), "upscaler": Place("upscaler", "cpu", log)}
    places[hooked]._hf_hook = object()
    audiosr = Upscaler(places["upscaler"], tiny_pipeline)
    with_super_resolution(places["generator"], audiosr, sampling_rate=16_000)()
    assert log == ["generator runs on cuda:0", "upscaler runs on cpu"]


def test_on_the_cpu_nothing_moves(tiny_pipeline):
    log = []
    generator, network = Place("generator", "cpu", log), Place("upscaler", "cuda:0", log)
    audiosr = Upscaler(network, tiny_pipeline)
    with_super_resolution(generator, audiosr, sampling_rate=16_000)()
    assert log == ["generator runs on cpu", "upscaler runs on cuda:0"]


@pytest.mark.parametrize(
    ("name", "num_networks"), [("AudioLDM", 4), ("Stable Audio", 4), ("MusicGen", 1), ("text-to-audio", 1)]
)
def test_no_parameter_of_a_real_generator_is_left_behind(name, num_networks):
    generator = CASES[name].build()
    networks = find_adapter(generator).networks()
    assert len(networks) == num_networks
    for network in networks:
        network.to("meta")
    parts = getattr(generator, "components", {"": getattr(generator, "model", generator)}).values()
    parameters = [parameter for part in parts if isinstance(part, nn.Module) for parameter in part.parameters()]
    assert parameters and all(parameter.device.type == "meta" for parameter in parameters)
