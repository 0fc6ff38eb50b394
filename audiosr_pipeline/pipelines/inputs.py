"""What `AudioSRPipeline` accepts as audio, turned into clips."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audiosr_pipeline.audio_io import read_audio

MOST_CHANNELS = 32
LOWEST_RATE, HIGHEST_RATE = 4_000, 384_000
FORMS = (
    "accepted are a 1-D array or tensor (one mono clip), 2-D (batch, num_samples), 3-D (batch, channels, num_samples), "
    "a list of clips that are each 1-D, (channels, num_samples) or a path, a path, a dict with 'audio' and "
    "'sampling_rate', or an output object with .audios"
)


@dataclass(frozen=True)
class Clip:
    """One clip: `audio` `(channels, num_samples)`, float32, at `sampling_rate` Hz; `is_flat` if it came as 1-D."""

    audio: np.ndarray
    sampling_rate: int
    is_flat: bool


def load_clips(audio: Any, sampling_rate: int | None) -> list[Clip]:
    """Turns whatever a generator hands over into clips (forms: see `FORMS`).

    Integers are scaled to [-1, 1] by their type's range. An axis order is never guessed.

    Args:
        audio: The audio.
        sampling_rate: Rate of arrays in Hz; files and dicts bring their own.

    Returns:
        The clips, in order.

    Raises:
        ValueError: If there is no audio in it, if its shape, type or rate can't be used, or if a sample is NaN or
            infinite.
    """
    if hasattr(audio, "audios"):
        audio = audio.audios
    if isinstance(audio, Mapping):
        audio, sampling_rate = _unpack(audio, sampling_rate, "audio")
        # transformers' text-to-audio puts a list there where it was given several texts.
        return load_clips(audio if isinstance(audio, (list, tuple)) else [audio], sampling_rate)
    if isinstance(audio, (str, Path)):
        return [_load_clip(audio, sampling_rate, "audio")]
    if isinstance(audio, (list, tuple)):
        if not audio:
            raise ValueError(f"audio is an empty list; {FORMS}.")
        if isinstance(audio[0], (int, float)):
            raise ValueError(f"audio is a list of numbers; {FORMS}.")
        return [_load_clip(item, sampling_rate, f"audio[{index}]") for index, item in enumerate(audio)]
    array = _as_float(audio, "audio")
    if array.ndim == 1:
        return [_load_clip(array, sampling_rate, "audio")]
    if array.ndim not in (2, 3) or 0 in array.shape[:-1]:
        raise ValueError(f"audio has shape {array.shape}; {FORMS}.")
    if array.ndim == 2 and array.shape[0] > array.shape[1] > 0:
        raise ValueError(
            f"audio has shape {array.shape}, read as (batch, num_samples): {array.shape[0]} clips of {array.shape[1]} "
            "samples. If the last axis is channels, transpose it to (channels, num_samples) and pass it in a list."
        )
    return [_load_clip(item, sampling_rate, f"audio[{index}]") for index, item in enumerate(array)]


def _load_clip(item: Any, sampling_rate: int | None, name: str) -> Clip:
    """One clip from a path, a dict or an array; `name` says in errors which one it is."""
    if isinstance(item, Mapping):
        item, sampling_rate = _unpack(item, sampling_rate, name)
    if isinstance(item, (str, Path)):
        name = str(item)
        array, rate = read_audio(item)
        sampling_rate = _agreed_rate(rate, sampling_rate, name)
        item = array[0] if len(array) == 1 else array
    array = _as_float(item, name)
    sampling_rate = _check_rate(sampling_rate, name)
    if array.ndim not in (1, 2):
        raise ValueError(f"{name} has shape {array.shape}; a clip is (num_samples,) or (channels, num_samples).")
    if array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}: zero samples. Pass at least one.")
    if array.ndim == 2 and (array.shape[0] > array.shape[1] or array.shape[0] > MOST_CHANNELS):
        raise ValueError(
            f"{name} has shape {array.shape}, read as (channels, num_samples): {array.shape[0]} channels, of which "
            f"{min(MOST_CHANNELS, array.shape[1])} are possible here. If the last axis is channels, transpose it."
        )
    is_flat = array.ndim == 1
    array = np.atleast_2d(array)
    if not np.isfinite(array.sum(dtype=np.float64)):
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            channel, sample = bad[0]
            raise ValueError(
                f"{name} has {len(bad)} samples that are NaN or infinite, the first {array[channel, sample]} in "
                f"channel {channel} at sample {sample} ({sample / sampling_rate:.3f} s). Pass finite samples."
            )
    return Clip(array, sampling_rate, is_flat)


def _unpack(item: Mapping, sampling_rate: int | None, name: str) -> tuple[Any, int]:
    """Audio and rate of a dict."""
    missing = {"audio", "sampling_rate"} - set(item)
    if missing:
        raise ValueError(f"{name} is a dict without {sorted(missing)}; its keys are {sorted(map(str, item))}.")
    return item["audio"], _agreed_rate(item["sampling_rate"], sampling_rate, name)


def _agreed_rate(own_rate: int, sampling_rate: int | None, name: str) -> int:
    """The rate that the audio came with, which the one that was passed, if any, must equal."""
    if sampling_rate not in (None, own_rate):
        raise ValueError(f"{name} has a rate of its own, {own_rate} Hz, but sampling_rate={sampling_rate} was passed.")
    return own_rate


def _as_float(audio: Any, name: str) -> np.ndarray:
    """A float32 array; integers by their type's range, unsigned bytes around 128."""
    if isinstance(audio, torch.Tensor):
        audio = audio.detach().cpu()
        audio = audio.float().numpy() if audio.is_floating_point() else audio.numpy()
    if not isinstance(audio, np.ndarray):
        raise ValueError(f"{name} is a {type(audio).__name__}; {FORMS}.")
    if audio.dtype.kind == "f":
        return audio.astype(np.float32, copy=False)
    if audio.dtype == np.uint8:
        return (audio.astype(np.float32) - 128) / 128
    if audio.dtype in (np.int16, np.int32):
        return (audio / -float(np.iinfo(audio.dtype).min)).astype(np.float32)
    raise ValueError(f"{name} has dtype {audio.dtype}; accepted are floats, int16, int32 and uint8.")


def _check_rate(sampling_rate: Any, name: str) -> int:
    """The sampling rate as an int; raises ValueError if it is missing or impossible."""
    if sampling_rate is None:
        raise ValueError(f"{name} is an array, whose rate can't be known: pass sampling_rate= in Hz.")
    is_possible = isinstance(sampling_rate, Real) and LOWEST_RATE <= float(sampling_rate) <= HIGHEST_RATE
    if not is_possible or sampling_rate != int(sampling_rate):
        raise ValueError(
            f"sampling_rate={sampling_rate} for {name}; accepted are whole rates from {LOWEST_RATE} to "
            f"{HIGHEST_RATE} Hz."
        )
    return int(sampling_rate)
