"""An output that is as it was, with other audio in it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from audiosr_pipeline.pipelines.forms import unwrap


def refill(form: Any, audios: list[np.ndarray], sampling_rate: int, own_rate: int | None = None) -> Any:
    """Clips arranged as the audio `form` is.

    Args:
        form: A list, a tensor or an array of one clip or a batch, or a form that holds such with its rate.
        audios: One for each clip in it, in order; none for what is None.
        sampling_rate: Their rate in Hz.
        own_rate: That of the audio in the form, if it was passed.

    Returns:
        A list, a tensor on the same device, an array, or the same form at the new rate; of a path and of what else
        can't be made again, transformers' dict.
    """
    return _refill(form, audios, sampling_rate, own_rate, is_clip=False)


def _refill(form: Any, audios: list[np.ndarray], sampling_rate: int, own_rate: int | None, is_clip: bool) -> Any:
    """As `refill`; `is_clip` says that the form is one clip."""
    if isinstance(form, list):
        rest = iter(audios)
        return [None if item is None else _refill(item, [next(rest)], sampling_rate, own_rate, True) for item in form]
    if isinstance(form, (str, Path)):
        return {"audio": audios[0], "sampling_rate": sampling_rate}
    if (inner := unwrap(form, own_rate, "audio", is_clip)) is not None:
        if isinstance(inner.audio, (str, Path)):
            return inner.rewrap(audios[0], sampling_rate)
        return inner.rewrap(_refill(inner.audio, audios, sampling_rate, own_rate, is_clip), sampling_rate)
    if form.ndim == audios[0].ndim:
        (joined,) = audios
    else:
        longest = max(audio.shape[-1] for audio in audios)
        silence = [(0, 0)] * (audios[0].ndim - 1)
        joined = np.stack([np.pad(audio, [*silence, (0, longest - audio.shape[-1])]) for audio in audios])
    # Such as a batch of one clip of one channel.
    joined = joined.reshape(*(1,) * (form.ndim - joined.ndim), *joined.shape)
    return torch.from_numpy(joined).to(form.device) if isinstance(form, torch.Tensor) else joined


class Tuple(tuple):
    """A tuple that can carry attributes."""


class List(list):
    """A list that can carry attributes."""


class Array(np.ndarray):
    """An array that can carry attributes."""


def with_extras(value: Any, extras: dict[str, Any]) -> Any:
    """`value` with more attributes, or keys if it is a dict, or values if it is diffusers' PipelineState."""
    if type(value) is dict:
        return {**value, **extras}
    if any(cls.__name__ == "PipelineState" for cls in type(value).__mro__):
        value.values.update(extras)
        return value
    if isinstance(value, np.ndarray):
        value = value.view(Array)
    elif type(value) in (tuple, list):
        value = Tuple(value) if isinstance(value, tuple) else List(value)
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        # One whose class, unlike a named tuple's own, lets it carry attributes.
        value = type(type(value).__name__, (type(value),), {})(*value)
    for name, extra in extras.items():
        setattr(value, name, extra)
    return value
