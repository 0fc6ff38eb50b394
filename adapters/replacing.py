"""An output that is as it was, with other audio in it."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audiosr_pipeline.adapters.watching import attributes_of, looks_like_audio, rows_of
from audiosr_pipeline.dsp.resample import resampled_length
from audiosr_pipeline.pipelines.forms import counts_of, unwrap, with_attribute
from audiosr_pipeline.pipelines.rates import plain_number

# Integers of 16 bit may be cut or rounded, and scaled by 32767 or 32768.
COPY_TOLERANCE = 2**-14


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
    if isinstance(form, (str, Path)):
        return {"audio": audios[0], "sampling_rate": sampling_rate}
    inner = unwrap(form, own_rate, "audio", is_clip)
    if inner is None and isinstance(form, list):
        rest = iter(audios)
        return [None if item is None else _refill(item, [next(rest)], sampling_rate, own_rate, True) for item in form]
    if inner is not None:
        # What is encoded comes back as samples.
        if isinstance(inner.audio, (str, Path, bytes, bytearray)) or hasattr(inner.audio, "read"):
            return inner.rewrap(audios[0], sampling_rate)
        new = _refill(inner.audio, audios, sampling_rate, own_rate, is_clip)
        rewrapped, others = with_copies(inner.rewrap(new, sampling_rate), form, inner.audio, new)
        if (own := plain_number(inner.sampling_rate)) is not None:
            rewrapped = with_counts(rewrapped, form, inner.audio, int(own), sampling_rate)
        if others:
            warnings.warn(
                f"a {type(form).__name__} holds other audio beside: {', '.join(others)}, left as it came, at the "
                "generator's own rate.",
                stacklevel=2,
            )
        return rewrapped
    if form.ndim == audios[0].ndim:
        (joined,) = audios
    else:
        longest = max(audio.shape[-1] for audio in audios)
        silence = [(0, 0)] * (audios[0].ndim - 1)
        joined = np.stack([np.pad(audio, [*silence, (0, longest - audio.shape[-1])]) for audio in audios])
    # Such as a batch of one clip of one channel.
    joined = joined.reshape(*(1,) * (form.ndim - joined.ndim), *joined.shape)
    return torch.from_numpy(joined).to(form.device) if isinstance(form, torch.Tensor) else joined


def with_copies(new: Any, old: Any, before: Any, after: Any) -> tuple[Any, list[str]]:
    """An output whose audio was replaced, with copies of that audio replaced, too.

    What an object holds in several attributes, or a dict under several keys, is one audio if it is the same array, or
    the same samples in another type: an int16 array, the bytes of one, a list, or the other axis order. Each becomes
    the new audio in its own type, integers cut at full scale.

    Args:
        new: The object or the dict with its audio replaced.
        old: The same before.
        before: Its audio then.
        after: Its audio now.

    Returns:
        `new`, and the names of what looks like other audio, which is left as it is.
    """
    is_dict = type(new) is dict and isinstance(old, Mapping)
    if not is_dict and (type(new) is not type(old) or (isinstance(old, tuple) and not hasattr(old, "_fields"))):
        return new, []
    others = []
    for name, held in (dict(old) if is_dict else attributes_of(old)).items():
        if held is None or (new.get(name) if is_dict else getattr(new, name, None)) is not held:
            continue
        copied = after if held is before else _copy_in_type(held, before, after)
        if copied is None:
            others += [name] if _is_other_audio(held) else []
        elif is_dict:
            new = {**new, name: copied}
        elif isinstance(new, tuple):
            new = new._replace(**{name: copied})  # type: ignore[attr-defined]
        else:
            new = _set(new, name, copied)
    return new, others


def with_counts(new: Any, old: Any, before: Any, own_rate: int, sampling_rate: int) -> Any:
    """An output whose audio was replaced, with lengths and masks beside it that are those of the new audio.

    What is called a length is one in samples if the longest is that of the audio; a mask, if it has as many numbers.

    Args:
        new: The object or the dict with its audio replaced.
        old: The same before.
        before: Its audio then, `(num_samples,)`, `(batch, num_samples)` or `(batch, channels, num_samples)`.
        own_rate: Its rate in Hz.
        sampling_rate: That of the new audio.
    """
    is_dict = isinstance(new, Mapping) and isinstance(old, Mapping)
    num_samples = tuple(getattr(before, "shape", ()))[-1:]
    if not num_samples or not (is_dict or type(new) is type(old)) or isinstance(new, (list, np.ndarray, torch.Tensor)):
        return new
    for name, held in (dict(old) if is_dict else attributes_of(old)).items():
        if (counts := counts_of(name, held)) is not None and counts.size and counts.max() == num_samples[0]:
            lengths = [resampled_length(int(count), own_rate, sampling_rate) for count in counts.ravel()]
            scaled: Any = np.array(lengths, counts.dtype).reshape(counts.shape)
        elif "mask" in str(name) and tuple(getattr(held, "shape", ()))[-1:] == num_samples:
            new_samples = np.arange(resampled_length(num_samples[0], own_rate, sampling_rate))
            scaled = held[..., np.minimum(new_samples * own_rate // sampling_rate, num_samples[0] - 1)]
        else:
            continue
        if isinstance(held, torch.Tensor):
            scaled = torch.as_tensor(scaled, dtype=held.dtype, device=held.device)
        elif not isinstance(held, np.ndarray):
            scaled = type(held)(scaled.tolist())
        if is_dict and type(new) is dict:
            new = {**new, name: scaled}
        elif is_dict:
            new[name] = scaled
        else:
            new = with_attribute(new, name, scaled)
    return new


def _copy_in_type(held: Any, before: Any, after: Any) -> Any:
    """`after` in the type of what is held, if that is a copy of `before`; None if it isn't."""
    old, copy = _samples_of(before), _samples_of(held)
    if old is None or copy is None or old.size != copy.size:
        return None
    old, copy = np.squeeze(old), np.squeeze(copy)
    new = np.squeeze(np.asarray(after, np.float32))
    if copy.shape != old.shape and copy.shape == old.T.shape:
        old, new = old.T, new.T
    if (
        copy.shape != old.shape
        or min(np.abs(copy - old).max(), np.abs(copy - np.clip(old, -1, 1)).max()) > COPY_TOLERANCE
    ):
        return None
    if isinstance(held, (bytes, bytearray)):
        return type(held)((np.clip(new, -1, 1) * 32_767).round().astype("<i2").tobytes())
    if isinstance(held, (list, tuple)):
        return type(held)(new.tolist())
    # Axes of length one are as they were.
    shape = [new.shape[list(copy.shape).index(length)] if length > 1 else 1 for length in held.shape]
    new = new.reshape(shape)
    is_tensor = isinstance(held, torch.Tensor)
    dtype = rows_of(held).dtype
    if dtype.kind in "iu":
        new = (np.clip(new, -1, 1) * np.iinfo(dtype).max).round().astype(dtype)
    return torch.from_numpy(new).to(held.device, held.dtype) if is_tensor else new.astype(dtype)


def _samples_of(value: Any) -> np.ndarray | None:
    """Numbers as samples, integers by their type's range; bytes as integers of 16 bit; None if it is something else."""
    if isinstance(value, (bytes, bytearray)):
        value = np.frombuffer(value, "<i2") if len(value) % 2 == 0 else None
    rows = None if value is None else rows_of(value)
    if rows is None or rows.size == 0 or rows.dtype.kind == "b":
        return None
    scale = np.iinfo(rows.dtype).max if rows.dtype.kind in "iu" else 1
    return rows.astype(np.float64) / scale


def _is_other_audio(held: Any) -> bool:
    """Whether something beside the audio is audio, of one or two channels: more rows are features."""
    rows = rows_of(held)
    is_narrow = rows is None or max(np.squeeze(rows).shape[:-1], default=1) <= 2 or np.squeeze(rows).shape[-1] <= 2
    return is_narrow and looks_like_audio(held, depth=1)


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
    elif isinstance(value, tuple):
        # A field may have the name of one of them: a class's own attributes come first.
        return tuple.__new__(type(type(value).__name__, (type(value),), extras), value)
    for name, extra in extras.items():
        value = _set(value, name, extra)
    return value


def _set(value: Any, name: str, attribute: Any) -> Any:
    """An object with an attribute set; of a class that allows no more, a copy of a class derived from it."""
    for set_on in (setattr, object.__setattr__):
        # What a class raises that refuses is its own matter.
        try:
            set_on(value, name, attribute)
            return value
        except (AttributeError, TypeError, ValueError):
            continue
    try:
        derived: Any = object.__new__(type(type(value).__name__, (type(value),), {name: attribute}))
    except TypeError as error:
        raise ValueError(
            f"a {type(value).__name__} can't carry `{name}`: return (audio, sampling_rate) instead, or a dict with "
            "'audio' and 'sampling_rate'."
        ) from error
    for kept, held in attributes_of(value).items():
        object.__setattr__(derived, kept, held)
    return derived
