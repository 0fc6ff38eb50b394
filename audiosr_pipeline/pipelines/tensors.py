"""torch's tensors among what is handed over as audio; torch, which takes seconds, is imported for tensors alone."""

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def is_tensor(value: Any) -> bool:
    """Whether it is one of torch's tensors. While torch isn't imported, or not wholly, there are none."""
    return isinstance(value, getattr(sys.modules.get("torch"), "Tensor", ()))


def samples_of(audio: "Tensor", name: str) -> np.ndarray:
    """The values of a tensor of any layout, on any device.

    Raises:
        ValueError: If they can't be read, as of a tensor on the meta device; `name` says which tensor it is.
    """
    import torch

    if audio.is_meta:
        raise ValueError(f"{name} is a tensor on the meta device, which has a shape but no samples. Pass one that has.")
    try:
        audio = audio.detach()
        if audio.is_quantized:
            audio = audio.dequantize()
        if audio.layout is not torch.strided:
            audio = audio.to_dense()
        audio = audio.cpu().resolve_conj().resolve_neg()
        # numpy has no bfloat16, nor floats of 8 bits.
        is_narrow = audio.is_floating_point() and audio.dtype not in (torch.float32, torch.float64)
        return (audio.float() if is_narrow else audio).numpy()
    # Nested tensors, such as are on no device, and whatever else torch has.
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise ValueError(f"{name} is a tensor whose samples can't be read: {error}. Pass a dense one.") from error
