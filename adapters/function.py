"""Any other generator: a function, or an object of which every method is watched."""

import functools
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
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
SAMPLE_TYPES = ("float16", "bfloat16", "float32", "float64", "int16")
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
        form = inside = joined(output, self.passed_rate)
        while (inner := unwrap(inside, self.passed_rate, "audio")) is not None:
            inside = inner.audio
        before = original[0] if isinstance(inside, (str, Path)) else refill(inside, original, sampling_rate)
        extras = {"sampling_rate": sampling_rate, "original": before, "reports": reports}
        return with_extras(refill(form, audios, sampling_rate, self.passed_rate), extras)

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
        clips = load_clips([audio for chunk in output if (audio := _audio_of(chunk)) is not None], sampling_rate)
        if len({(clip.sampling_rate, len(clip.audio)) for clip in clips}) > 1:
            raise ValueError("chunks of different rates or numbers of channels, which don't make one clip.")
        audio = np.concatenate([clip.audio for clip in clips], axis=1)
        audio = audio[0] if clips[0].is_flat else audio[None]
        return (audio, clips[0].sampling_rate) if clips[0].has_rate else audio
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
        rest = [item for item in chunk if item is not None and not isinstance(item, str)]
        if len(rest) == 1 or not rest:
            return rest[0] if rest else None
    return chunk


def looks_like_audio(value: Any, depth: int = 3) -> bool:
    """Whether what a method returned may be audio: long rows of samples, an audio file's bytes, or what holds such, no
    deeper than `depth`."""
    if isinstance(value, (bytes, bytearray)):
        return value.startswith(FILE_HEADS)
    if isinstance(value, (np.ndarray, torch.Tensor)):
        is_sampled = str(value.dtype).removeprefix("torch.") in SAMPLE_TYPES
        rows = max(value.shape[:-1], default=1)
        return is_sampled and 1 <= value.ndim <= 3 and rows <= MOST_ROWS and value.shape[-1] >= FEWEST_SAMPLES
    if depth == 0 or value is None or callable(value):
        return False
    if isinstance(value, (list, tuple)):
        return any(looks_like_audio(item, depth - 1) for item in value)
    held = value if isinstance(value, Mapping) else getattr(value, "__dict__", {})
    found = (held[name] if name in held else getattr(value, name, None) for name in AUDIO_NAMES)
    return any(looks_like_audio(item, depth - 1) for item in found)
