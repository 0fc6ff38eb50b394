"""Two models on one accelerator, one at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from audiosr_pipeline.pipelines.audiosr import AudioSRPipeline


def make_room(networks: list[nn.Module], audiosr: AudioSRPipeline) -> None:
    """Takes the upscaler off the accelerator if the generator's networks are on one."""
    if take_turns(networks, audiosr):
        for network in networks_of(audiosr):
            network.to("cpu")


@contextmanager
def in_place_of(networks: list[nn.Module], audiosr: AudioSRPipeline) -> Iterator[None]:
    """Within the block the upscaler is on the generator's accelerator, in its dtype, and the generator on the CPU.

    Without an accelerator, and where accelerate moves networks by itself (`enable_model_cpu_offload`, `device_map`),
    everything stays where it is.
    """
    if not take_turns(networks, audiosr):
        yield
        return
    devices = [device_of(network) for network in networks]
    accelerator = next(device for device in devices if device.type != "cpu")
    dtype = next((dtype for network in networks if (dtype := dtype_of(network))), None)
    own_dtypes = [dtype_of(network) for network in networks_of(audiosr)]
    try:
        for network in networks:
            network.to("cpu")
        for network in networks_of(audiosr):
            network.to(accelerator, dtype)
        yield
    finally:
        for network, own_dtype in zip(networks_of(audiosr), own_dtypes, strict=True):
            network.to("cpu", own_dtype)
        for network, device in zip(networks, devices, strict=True):
            network.to(device)


def take_turns(networks: list[nn.Module], audiosr: AudioSRPipeline) -> bool:
    """Whether the generator is on an accelerator, and accelerate moves neither it nor the upscaler."""
    modules = (module for network in [*networks, *networks_of(audiosr)] for module in network.modules())
    is_moved = any(hasattr(module, "_hf_hook") for module in modules)
    return not is_moved and any(device_of(network).type not in ("cpu", "meta") for network in networks)


def device_of(network: nn.Module) -> torch.device:
    """Where a network's parameters are; the CPU if it has none."""
    return next((parameter.device for parameter in network.parameters()), torch.device("cpu"))


def dtype_of(network: nn.Module) -> torch.dtype | None:
    """What a network computes in; None if it has no such parameters."""
    return next((parameter.dtype for parameter in network.parameters() if parameter.is_floating_point()), None)


def networks_of(audiosr: AudioSRPipeline) -> list[nn.Module]:
    """The networks of the upscaler."""
    return [part for part in audiosr.components.values() if isinstance(part, nn.Module)]
