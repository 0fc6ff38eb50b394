"""Any other generator: a function, or an object of which every method is watched."""

import functools
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from audiosr_pipeline.adapters.adapter import Adapter, Call
from audiosr_pipeline.adapters.replacing import refill, with_extras
from audiosr_pipeline.pipelines.forms import unwrap
from audiosr_pipeline.pipelines.inputs import Clip, load_clips
from audiosr_pipeline.pipelines.rates import RATE_NAMES

# What an object's method is called if it generates.
GENERATION_METHODS = (
    "forward",
    "generate",
    "generate_audio",
    "generate_music",
    "generate_speech",
    "infer",
    "inference",
    "sample",
    "speak",
    "stream",
    "synth",
    "synthesise",
    "synthesize",
    "text_to_speech",
    "tts",
)
# Where objects and dicts keep audio.
AUDIO_NAMES = ("audio", "audios", "audio_sequences", "audio_values", "sound", "speech", "wav", "waveform", "waveforms")
# Shorter is no audio: 16 ms at 16 kHz.
FEWEST_SAMPLES = 256
MOST_ROWS = 32
FILE_HEADS = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"\xff\xfb")


class Chunks(list):
    """What a generator function yielded: one clip, piece by piece."""


class FunctionAdapter(Adapter):
    """Returns audio in one of the forms that `AudioSRPipeline` takes, or yields one clip in chunks.

    Of an object, the call and the methods in `GENERATION_METHODS` are taken to return audio.
    """

    needs_rate = False

    def __init__(self, generator: Any, sampling_rate: int | None = None):
        self.is_object = not inspect.isroutine(generator) and not isinstance(generator, functools.partial)
        if self.is_object:
            names = (name for name in GENERATION_METHODS if callable(getattr(generator, name, None)))
            self.methods = ("__call__", *names)
        super().__init__(generator, sampling_rate)

    def tells_rate(self, clips: list[Clip], call: Call) -> bool:
        own_rates = [getattr(self.generator, name, None) for name in RATE_NAMES]
        return super().tells_rate(clips, call) or self.rate(call) in own_rates

    def finish(self, output: Any) -> Any:
        if hasattr(output, "read"):
            if getattr(output, "seekable", lambda: False)():
                output.seek(0)
            return output.read()
        if not isinstance(output, Iterator):
            return output
        items = list(output)
        # Dicts are whole clips, as those of transformers' pipelines.
        return items if items and all(isinstance(item, Mapping) for item in items) else Chunks(items)

    def load(self, output: Any, call: Call) -> list[Clip]:
        return load_clips(joined(output, self.rate(call)), self.rate(call))

    def replace(
        self, output: Any, audios: list[np.ndarray], original: list[np.ndarray], sampling_rate: int, reports: list[Any]
    ) -> Any:
        form = joined(output, None)
        inside = form
        while (inner := unwrap(inside, None, "audio")) is not None:
            inside = inner.audio
        extras = {"sampling_rate": sampling_rate, "original": refill(inside, original, sampling_rate), "reports": reports}
        return with_extras(refill(form, audios, sampling_rate), extras)

    def pass_on(self, name: str, result: Any) -> Any:
        if not self.is_object or (isinstance(self.generator, nn.Module) and hasattr(nn.Module, name)):
            return result
        if inspect.isgenerator(result):
            return (self.pass_on(name, item) for item in result)
        if looks_like_audio(result):
            error = ValueError(
                f"{self.name}.{name} returned what looks like audio, at the generator's own rate. Put super-resolution "
                f"behind it: with_super_resolution(generator.{name}, audiosr, sampling_rate={self.passed_rate}). If it "
                f"is no audio, call generator.{name} itself. What it returned is this error's `output`."
            )
            error.output = result  # type: ignore[attr-defined]
            raise error
        return result


def joined(output: Any, sampling_rate: int | None) -> Any:
    """Chunks as one clip, with its rate if they have one; anything but a form of audio is refused by its kind.

    Raises:
        ValueError: If chunks don't fit together, or if a tuple is none that is known.
    """
    if isinstance(output, Chunks):
        clips = load_clips([_audio_of(chunk) for chunk in output if _audio_of(chunk) is not None], sampling_rate or 48_000)
        if len({(clip.sampling_rate, len(clip.audio)) for clip in clips}) > 1:
            raise ValueError("chunks of different rates or numbers of channels, which don't make one clip.")
        audio = np.concatenate([clip.audio for clip in clips], axis=1)
        audio = audio[0] if clips[0].is_flat else audio
        return (audio[None], clips[0].sampling_rate) if clips[0].has_rate else audio
    if isinstance(output, tuple) and unwrap(output, sampling_rate, "audio") is None:
        raise ValueError(
            f"a tuple of {', '.join(type(item).__name__ for item in output)}; accepted are (audio, sampling_rate), "
            "(sampling_rate, audio), a dict with 'audio' and 'sampling_rate', or with sampling_rate= passed audio "
            "alone: an array, a tensor or a list of them, or an object with .audios or .audio."
        )
    return output


def _audio_of(chunk: Any) -> Any:
    """The audio of a chunk, which may come with texts, as `(text, phonemes, audio)`; None for silence."""
    if isinstance(chunk, tuple):
        arrays = [item for item in chunk if isinstance(item, (np.ndarray, torch.Tensor))]
        if len(arrays) == 1 and all(item is arrays[0] or item is None or isinstance(item, str) for item in chunk):
            return arrays[0]
    return chunk


def looks_like_audio(value: Any) -> bool:
    """Whether what a method returned may be audio: long rows of samples, an audio file's bytes, or what holds such."""
    if isinstance(value, (bytes, bytearray)):
        return value.startswith(FILE_HEADS)
    if isinstance(value, (np.ndarray, torch.Tensor)):
        is_sampled = str(value.dtype).removeprefix("torch.") in ("float16", "bfloat16", "float32", "float64", "int16")
        shape = tuple(value.shape)
        return is_sampled and 1 <= len(shape) <= 3 and shape[-1] >= FEWEST_SAMPLES and max(shape[:-1], default=1) <= MOST_ROWS
    if isinstance(value, (list, tuple)):
        return any(looks_like_audio(item) for item in value)
    if isinstance(value, Mapping):
        return any(looks_like_audio(value[name]) for name in AUDIO_NAMES if name in value)
    if isinstance(value, nn.Module) or isinstance(value, type) or callable(value):
        return False
    return any(looks_like_audio(getattr(value, name, None)) for name in AUDIO_NAMES)
