"""A block of a stream, checked before anything is changed."""

from typing import Any

import numpy as np

from audiosr_pipeline.pipelines.inputs import as_array, check_samples, scaled


def read_block(block: Any, channels: int, sampling_rate: int) -> tuple[np.ndarray, bool]:
    """A block as float32 `(channels, num_samples)`, and whether it came as `(num_samples,)`.

    Args:
        block: An array or a tensor.
        channels: What it must have.
        sampling_rate: In Hz, for the messages.

    Raises:
        ValueError: If its type, shape or samples can't be used.
    """
    array = as_array(block, "block", "accepted are arrays and tensors of floats or of int16, int32 and uint8")
    accepted = "(num_samples,) or (1, num_samples)" if channels == 1 else f"({channels}, num_samples)"
    is_flat = array.ndim == 1
    if (is_flat and channels != 1) or array.ndim not in (1, 2) or (array.ndim == 2 and len(array) != channels):
        raise ValueError(f"block has shape {array.shape}; a stream of channels={channels} accepts {accepted}.")
    array = np.atleast_2d(array)
    if array.dtype.kind != "f":
        return scaled(array), is_flat
    if array.size:
        check_samples(array, sampling_rate, "block")
    return array.astype(np.float32), is_flat
