"""Layers in the form in which oneDNN computes them fastest."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

# The operator is what torch.compile makes of a linear layer; a later torch may have another name for it.
IS_AVAILABLE = (
    torch.backends.mkldnn.is_available()
    and torch.backends.cpu.get_cpu_capability() == "AVX512"
    and hasattr(torch.ops.mkldnn, "_linear_pointwise")
)

# Stride, padding, dilation and groups of a convolution that looks at one point at a time.
POINTWISE = ((1, 1), (0, 0), (1, 1), 1)


class OneDNN(TorchFunctionMode):
    """While it holds, in this thread, oneDNN computes float32 layers on a CPU with AVX-512 without detours.

    - Linear layers, and convolutions of one point: torch gives them to MKL, which on processors that aren't Intel's
      makes no use of AVX-512.
    - Convolutions: torch gives them to oneDNN channels first, so that each copies its input and its output to reorder
      them. Here they are channels last, as is then all between them; one-dimensional ones become two-dimensional.

    Weights stay as they are. Results differ by rounding.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        layer = LAYERS.get(func)
        # A quantised weight is of a type of its own, and torch.compile chooses by itself.
        if layer is None or types or kwargs or torch.compiler.is_compiling() or not _is_suited(*args):
            return func(*args, **(kwargs or {}))
        return layer(*args)


def _is_suited(hidden: Tensor, weight: Tensor, bias: Tensor | None = None, *settings: Any) -> bool:
    """Whether oneDNN takes the tensors, and a convolution's first settings are, as a module's, a number per axis."""
    return (
        IS_AVAILABLE
        and hidden.device.type == "cpu"
        and hidden.dtype == weight.dtype == torch.float32
        and all(isinstance(setting, tuple) for setting in settings[:3])
    )


def _linear(hidden: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(hidden, weight, bias, "none", [], "")


def _conv1d(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int],
    padding: tuple[int],
    dilation: tuple[int],
    groups: int,
) -> Tensor:
    settings = (1, *stride), (0, *padding), (1, *dilation), groups
    return _conv2d(hidden.unsqueeze(2), weight.unsqueeze(2), bias, *settings).squeeze(2)


def _conv2d(hidden: Tensor, weight: Tensor, bias: Tensor | None = None, *settings: Any) -> Tensor:
    hidden = hidden.contiguous(memory_format=torch.channels_last)
    if weight.shape[2:] == (1, 1) and settings == POINTWISE:
        return _linear(hidden.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)
    convolved = functional.conv2d(hidden, weight, bias, *settings)
    # Of one channel, first and last are the same: what follows it must learn which is meant.
    return convolved.contiguous(memory_format=torch.channels_last)


def _conv_transpose1d(hidden: Tensor, *arguments: Any) -> Tensor:
    convolved = functional.conv_transpose1d(hidden, *arguments)
    return convolved.unsqueeze(2).contiguous(memory_format=torch.channels_last).squeeze(2)


LAYERS: dict[Callable[..., Any], Callable[..., Tensor]] = {
    functional.linear: _linear,
    functional.conv1d: _conv1d,
    functional.conv2d: _conv2d,
    functional.conv_transpose1d: _conv_transpose1d,
}
