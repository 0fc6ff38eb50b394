"""What `AudioSRPipeline` accepts as audio, turned into clips."""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audiosr_pipeline.audio_io import read_audio
from audiosr_pipeline.pipelines.forms import unwrap
from audiosr_pipeline.pipelines.rates import agreed_rate, check_rate, in_short
from audiosr_pipeline.pipelines.tensors import is_tensor, samples_of

MOST_CHANNELS = 32
# Few paths are longer, and few audio files in base64 shorter.
LONGEST_PATH = 1_024
# 30 dB over full scale: no mix is that far over, and integers of 16 bit that stay below are 60 dB under theirs.
USUAL_PEAK = 32.0
# 32-bit integers reach 2e9. From 1e19 on, the square of a float32 is infinite; this leaves room for sums and gains.
LARGEST_SAMPLE = 1e12
FORMS = (
    "accepted are a 1-D array or tensor (one mono clip), 2-D (batch, num_samples), 3-D (batch, channels, num_samples), "
    "a list of clips that are each 1-D, (channels, num_samples) or one of the following, a path, an open file or its "
    "bytes, (audio, sampling_rate), (sampling_rate, audio), a dict with 'audio' and 'sampling_rate', or an output "
    "object with .audios or .audio"
)


@dataclass(frozen=True)
class Clip:
    """One clip: `audio` `(channels, num_samples)`, float32, at `sampling_rate` Hz; `is_flat` if it came as 1-D.

    `notes` are for its report; `has_rate` if its rate came with it.
    """

    audio: np.ndarray
    sampling_rate: int
    is_flat: bool
    notes: tuple[str, ...] = ()
    has_rate: bool = False


def load_clips(audio: Any, sampling_rate: int | None) -> list[Clip]:
    """Turns whatever a generator hands over into clips (forms: see `FORMS`).

    Integers are scaled to [-1, 1] by their type's range, of either byte order. An axis order is never guessed. Floats
    are taken as they are; where their peak is above 32, a note says so, as they may be integers. Clips of a batch that
    came with their lengths are cut to them.

    Args:
        audio: The audio.
        sampling_rate: Rate of arrays in Hz; files and dicts bring their own.

    Returns:
        The clips, in order.

    Raises:
        ValueError: If there is no audio in it, if its shape, type or rate can't be used, or if a sample is NaN,
            infinite or above 1e12.
    """
    is_clip = has_rate = False
    lengths = None
    while (form := unwrap(audio, sampling_rate, "audio", is_clip)) is not None:
        audio, sampling_rate, lengths = form.audio, form.sampling_rate, form.lengths or lengths
        is_clip, has_rate = is_clip or form.is_clip, has_rate or form.has_rate
    if isinstance(audio, (str, Path)):
        return [_load_clip(audio, sampling_rate, "audio", True)]
    if isinstance(audio, (list, tuple)):
        if not audio:
            raise ValueError(f"audio is an empty list; {FORMS}.")
        if isinstance(audio[0], (int, float, np.number)):
            raise ValueError(f"audio is a list of numbers; {FORMS}.")
        return [_load_clip(item, sampling_rate, f"audio[{index}]", has_rate) for index, item in enumerate(audio)]
    array = as_array(audio, "audio")
    if array.ndim == 1 or (array.ndim == 2 and is_clip):
        return [_load_clip(array, sampling_rate, "audio", has_rate)]
    if array.ndim not in (2, 3) or 0 in array.shape[:-1]:
        raise ValueError(f"audio has shape {array.shape}; {FORMS}.")
    if array.ndim == 2 and array.shape[0] > array.shape[1] > 0:
        raise ValueError(
            f"audio has shape {array.shape}, read as (batch, num_samples): {array.shape[0]} clips of {array.shape[1]} "
            "samples. If the last axis is channels, transpose it to (channels, num_samples) and pass it in a list."
        )
    items = list(array)
    if lengths is not None and len(lengths) == len(array) and max(lengths) <= array.shape[-1]:
        # Of which nothing is said to be there, all is padding, and stays.
        items = [item[..., : length or None] for item, length in zip(items, lengths, strict=True)]
    return [_load_clip(item, sampling_rate, f"audio[{index}]", has_rate) for index, item in enumerate(items)]


def warned(clips: list[Clip]) -> list[Clip]:
    """The clips as they are; a warning for each note on them."""
    for index, clip in enumerate(clips):
        for note in clip.notes:
            warnings.warn(f"audio[{index}]: {note}.", stacklevel=4)
    return clips


def _load_clip(item: Any, sampling_rate: int | None, name: str, has_rate: bool) -> Clip:
    """One clip from an array, a path or a form; `name` says in errors which one it is."""
    is_wrapped = False
    while (form := unwrap(item, sampling_rate, name, is_clip=True)) is not None:
        item, sampling_rate, has_rate, is_wrapped = form.audio, form.sampling_rate, has_rate or form.has_rate, True
    if isinstance(item, (str, Path)):
        _check_is_path(item, name)
        name, has_rate = str(item), True
        array, rate = read_audio(item)
        sampling_rate = agreed_rate(rate, sampling_rate, name)
        item = array[0] if len(array) == 1 else array
    array = as_array(item, name)
    sampling_rate = check_rate(sampling_rate, name)
    # ComfyUI's dict always holds a batch.
    if is_wrapped and array.ndim == 3 and len(array) == 1:
        array = array[0]
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
    if array.dtype.kind != "f":
        return Clip(scaled(array), sampling_rate, is_flat, has_rate=has_rate)
    peak = check_samples(array, sampling_rate, name)
    notes = []
    if peak > USUAL_PEAK:
        notes.append(
            f"the input's peak is {peak:.6g}, where floats have 1 as full scale: if they are integers, pass them as "
            "int16 or int32, or divide by 32768 or 2147483648"
        )
    return Clip(array.astype(np.float32, copy=False), sampling_rate, is_flat, tuple(notes), has_rate)


def _check_is_path(item: str | Path, name: str) -> None:
    """Raises ValueError if a text is no path, but an audio file in base64 or a text of such a length."""
    text = str(item)
    if text.startswith("data:") or (len(text) > LONGEST_PATH and not os.path.exists(text)):
        raise ValueError(
            f"{name} is a text of {len(text)} characters, {in_short(text)}, which is no path. If it is a file in "
            "base64, pass base64.b64decode(audio), without what stands before a comma."
        )


def check_samples(array: np.ndarray, sampling_rate: int, name: str) -> float:
    """The largest absolute sample of `(channels, num_samples)`; raises ValueError if one can't be used."""
    peak = max(float(array.max()), -float(array.min()))
    if peak <= LARGEST_SAMPLE:
        return peak
    is_bad = ~np.isfinite(array)
    what, remedy = "NaN or infinite", "Pass finite samples"
    if not is_bad.any():
        is_bad = np.abs(array) > LARGEST_SAMPLE
        what, remedy = f"beyond {LARGEST_SAMPLE:g}", "Floats have 1 as full scale: divide by the range"
    channel, sample = np.argwhere(is_bad)[0]
    raise ValueError(
        f"{name} has {np.count_nonzero(is_bad)} samples that are {what}, the first {array[channel, sample]} in "
        f"channel {channel} at sample {sample} ({sample / sampling_rate:.3f} s). {remedy}."
    )


def as_array(audio: Any, name: str, accepted: str = FORMS) -> np.ndarray:
    """An array of floats or of integers that can be scaled, in the machine's byte order."""
    if is_tensor(audio):
        audio = samples_of(audio, name)
    if not isinstance(audio, np.ndarray):
        raise ValueError(f"{name} is a {type(audio).__name__}; {accepted}.")
    if np.ma.is_masked(audio):
        raise ValueError(f"{name} is a masked array: fill in what is masked, `audio.filled(0)`.")
    audio = np.asarray(audio)
    dtype = audio.dtype.newbyteorder("=")
    if dtype.kind != "f" and dtype not in (np.uint8, np.int16, np.int32):
        raise ValueError(f"{name} has dtype {audio.dtype}; accepted are floats, int16, int32 and uint8.")
    return audio.astype(dtype, copy=False)


def scaled(audio: np.ndarray) -> np.ndarray:
    """Integers as float32 by their type's range, unsigned bytes around 128."""
    if audio.dtype == np.uint8:
        return (audio.astype(np.float32) - 128) / 128
    return (audio / -float(np.iinfo(audio.dtype).min)).astype(np.float32)
