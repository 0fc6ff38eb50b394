"""Any other generator: a function, or an object of which every method is watched."""

import functools
import inspect
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from torch import nn
from typing_extensions import override

from audiosr_pipeline.adapters import diffusers_pipelines, transformers_models
from audiosr_pipeline.adapters.adapter import Adapter, Call, exhausted
from audiosr_pipeline.adapters.replacing import refill, with_extras
from audiosr_pipeline.adapters.watching import looks_like_audio, watched
from audiosr_pipeline.dsp.resample import resampled_length
from audiosr_pipeline.pipelines.forms import is_number, unwrap
from audiosr_pipeline.pipelines.inputs import Clip, load_clips
from audiosr_pipeline.pipelines.rates import RATE_NAMES, check_rate

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
# Of these, the ones that objects have for other ends too: a part that has no more isn't said to make audio.
COMMON_METHODS = ("forward", "sample", "stream")
# What a part is called that makes audio by being called, in its class or where it is kept.
CALLED_WORDS = ("vocoder", "vocos", "hifigan", "synth", "tts", "texttospeech")
# Where an object tells the rate of its audio.
RATE_PLACES = (*RATE_NAMES, "config.sampling_rate", "config.sample_rate")
# WAV, FLAC, AIFF: these begin once in a file. What is sent as Ogg or MP3 begins anew with each piece.
WHOLE_FILE_HEADS = (b"RIFF", b"RF64", b"fLaC", b"FORM")
KNOWN_CLASSES = {
    name for adapter in (*diffusers_pipelines.ADAPTERS, *transformers_models.ADAPTERS) for name in adapter.classes
}


class Chunks(list):
    """What a generator function yielded: one clip, piece by piece."""

    # Whether whoever called it expects pieces.
    are_wanted = False


class FunctionAdapter(Adapter):
    """Returns audio in one of the forms that `AudioSRPipeline` takes, or yields one clip in chunks.

    Of an object, the call and the methods in `GENERATION_METHODS` are taken to return audio. What its other methods
    return, and its attributes, are its own: if it looks like audio (`watching.py` has the rule), that of a method is an
    error, and that of an attribute gives a warning. So does a part that has methods of those names.
    """

    needs_rate = False

    def __init__(self, generator: Any, sampling_rate: int | None = None):
        self.is_object = not inspect.isroutine(generator) and not isinstance(generator, functools.partial)
        if self.is_object:
            names = (name for name in GENERATION_METHODS if callable(getattr(generator, name, None)))
            self.methods = ("__call__", *names)
        super().__init__(generator, sampling_rate)
        told = self.told_rates()
        if not self.is_object and told and sampling_rate is not None and sampling_rate not in told.values():
            shown = ", ".join(f"{place}={rate}" for place, rate in told.items())
            warnings.warn(
                f"the {type(generator.__self__).__name__} of {self.name} tells {shown}; its audio is taken to be at "
                f"{sampling_rate} Hz, as passed.",
                stacklevel=4,
            )

    @override
    def check(self) -> None:
        # An object has several rates, as of what it hears: the one passed must be among them.
        told = self.told_rates()
        if self.is_object and told and self.passed_rate not in told.values():
            shown = ", ".join(f"{place}={rate}" for place, rate in told.items())
            method = next(iter(self.methods[1:]), "__call__")
            raise ValueError(
                f"{self.name} tells {shown}, but sampling_rate={self.passed_rate} was passed. Pass the rate of the "
                "audio that it makes; if it is none of those told, put super-resolution behind the method: "
                f"with_super_resolution(generator.{method}, audiosr, sampling_rate={self.passed_rate})."
            )

    @override
    def check_call(self, call: Call) -> None:
        # It may have been changed, or loaded, since.
        self.check()
        super().check_call(call)

    def told_rates(self) -> dict[str, int]:
        """The rates in Hz that an object tells, by where; of a method, those of its object."""
        told = {}
        owner: Any = self.generator if self.is_object else getattr(self.generator, "__self__", None)
        is_told = owner is not None and not isinstance(owner, (type, ModuleType))
        for place in RATE_PLACES if is_told else ():
            value: Any = owner
            for part in place.split("."):
                value = value.get(part) if isinstance(value, Mapping) else getattr(value, part, None)
            if is_number(value) and value > 0:
                told[place] = int(value)
        return told

    @override
    def rate_of(self, output: Any, call: Call) -> int | None:
        with suppress(ValueError):
            form = unwrap(output, self.passed_rate, "audio")
            return self.passed_rate if form is None else check_rate(form.sampling_rate, "audio")
        return self.passed_rate

    @override
    def own_rate(self, call: Call) -> int | None:
        return self.passed_rate if self.told_rates() else None

    @override
    def finish(self, output: Any, call: Call) -> Any:
        if hasattr(output, "read"):
            if getattr(output, "seekable", lambda: False)():
                output.seek(0)
            return output.read()
        if not isinstance(output, Iterator):
            return output
        items = exhausted(output)
        # Dicts are whole clips, as those of transformers' pipelines, but for those of edge-tts.
        if items and all(isinstance(item, Mapping) for item in items):
            pieces = [item["data"] for item in items if _is_piece_of_file(item)]
            return Chunks(pieces) if pieces else items
        chunks = Chunks(items)
        chunks.are_wanted = call.method == "stream"
        return chunks

    @override
    def load(self, output: Any, call: Call) -> list[Clip]:
        audio = joined(output, self.rate(call))
        clips = load_clips(audio, self.rate(call))
        shape = tuple(getattr(audio, "shape", ()))
        if len(shape) == 2 and shape[0] == 2:
            warnings.warn(
                f"what {self.name} returned has shape {shape} and is taken for two mono clips. For one stereo clip, "
                "return [audio]; for two without this warning, list(audio).",
                stacklevel=6,
            )
        return clips

    @override
    def replace(
        self, output: Any, audios: list[np.ndarray], original: list[np.ndarray], sampling_rate: int, reports: list[Any]
    ) -> Any:
        form = inside = joined(output, self.passed_rate)
        while (inner := unwrap(inside, self.passed_rate, "audio")) is not None:
            inside = inner.audio
        is_path = isinstance(inside, (str, Path))
        before = original[0] if is_path else refill(inside, original, sampling_rate, self.passed_rate)
        extras = {"sampling_rate": sampling_rate, "original": before, "reports": reports}
        is_in_pieces = isinstance(output, Chunks) and output.are_wanted and not _is_file(output)
        new = parted(output, audios[0], sampling_rate, self.passed_rate) if is_in_pieces else None
        return with_extras(refill(form, audios, sampling_rate, self.passed_rate) if new is None else new, extras)

    @override
    def pass_on(self, name: str, result: Any) -> Any:
        # Weights, and what any network has.
        if not self.is_object or hasattr(nn.Module, name):
            return result
        return watched(result, functools.partial(self._check_result, name))

    def _check_result(self, name: str, result: Any) -> Any:
        """What a method returned; raises ValueError if it looks like audio."""
        if looks_like_audio(result):
            error = ValueError(
                f"{self.name}.{name} returned what looks like audio, at the generator's own rate. Put super-resolution "
                f"behind it: with_super_resolution(generator.{name}, audiosr, sampling_rate={self.passed_rate}). If it "
                f"is no audio, call generator.{name} itself. What it returned is this error's `output`."
            )
            error.output = result  # type: ignore[attr-defined]
            raise error
        _warn_of_makers(f"what {self.name}.{name} returned", "it", result, self.passed_rate)
        return result

    @override
    def see(self, name: str, value: Any) -> None:
        if not self.is_object or hasattr(nn.Module, name):
            return
        if looks_like_audio(value):
            warnings.warn(
                f"{self.name}.{name} looks like audio; it is the generator's own, at its own rate, not at 48 kHz.",
                stacklevel=3,
            )
        _warn_of_makers(f"{self.name}.{name}", f"generator.{name}", value, self.passed_rate)


def _warn_of_makers(what: str, name: str, value: Any, sampling_rate: int | None) -> None:
    """Warns if a part of an object, or one of several in a list or a dict, makes audio itself."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
    for part in parts:
        package = type(part).__module__.partition(".")[0]
        is_known = package in ("diffusers", "transformers")
        way = None if isinstance(part, type) else _way_of_making_audio(name, part, is_known)
        if way is not None:
            rate = "" if is_known and way != "its call" else f", sampling_rate={sampling_rate}"
            warnings.warn(
                f"{what} makes audio by {way}, which comes at the generator's own rate. Put super-resolution "
                f"behind it: with_super_resolution({name}, audiosr{rate}).",
                stacklevel=4,
            )
            return


def _way_of_making_audio(name: str, part: Any, is_known: bool) -> str | None:
    """How a part of an object makes audio, judged by names; None if it doesn't."""
    names = (method for method in GENERATION_METHODS if method not in COMMON_METHODS)
    methods = [method for method in names if callable(inspect.getattr_static(part, method, None))]
    # In these libraries, whatever makes text has `generate`, too.
    if methods and (not is_known or type(part).__name__ in KNOWN_CLASSES):
        return f"`{methods[0]}`"
    is_called_so = any(word in f"{name} {type(part).__name__}".lower() for word in CALLED_WORDS)
    return "its call" if is_called_so and callable(part) and not inspect.isroutine(part) else None


def joined(output: Any, sampling_rate: int | None) -> Any:
    """Chunks as one clip, with its rate if they have one, or as the file whose bytes they are; all else as it is.

    Raises:
        ValueError: If chunks don't fit together, or if a tuple is none that is known.
    """
    if isinstance(output, Chunks):
        chunks = [audio for chunk in output if (audio := _audio_of(chunk)) is not None]
        if _is_file(output):
            return b"".join(chunks)
        if not (spoken := [audio for audio in chunks if not _is_empty(audio, sampling_rate)]):
            raise ValueError(
                f"no samples: {len(chunks)} chunks, all of them empty." if chunks else "no chunk of audio."
            )
        clips = load_clips(spoken, sampling_rate)
        if len({(clip.sampling_rate, len(clip.audio)) for clip in clips}) > 1:
            raise ValueError("chunks of different rates or numbers of channels, which don't make one clip.")
        audio = np.concatenate([clip.audio for clip in clips], axis=1)
        audio = audio[0] if clips[0].is_flat else audio[None]
        if isinstance(spoken[0], (bytes, bytearray)):
            return {"audio": audio, "sampling_rate": clips[0].sampling_rate}
        return (audio, clips[0].sampling_rate) if clips[0].has_rate else audio
    if isinstance(output, tuple) and unwrap(output, sampling_rate, "audio") is None:
        kinds = [type(item).__name__ for item in output[:4]]
        raise ValueError(
            f"a tuple of {', '.join(kinds)}{', ...' if len(output) > 4 else ''}; accepted are (audio, sampling_rate), "
            "(sampling_rate, audio), a dict with 'audio' and 'sampling_rate', or with sampling_rate= passed audio "
            "alone: an array, a tensor or a list of them, or an object with .audios or .audio. Behind the first two "
            "may stand what is no audio: texts, numbers, None, a spectrogram."
        )
    return output


def parted(chunks: Chunks, audio: np.ndarray, sampling_rate: int, own_rate: int | None) -> list[Any]:
    """One clip in the pieces that it came in.

    Args:
        chunks: The pieces as they came.
        audio: The clip that they became, `(num_samples,)` or `(channels, num_samples)`.
        sampling_rate: Its rate in Hz.
        own_rate: That of the pieces, if it was passed.

    Returns:
        As many pieces, each in its form and with what stands beside its audio.
    """
    new = []
    begin = num_before = 0
    for chunk in chunks:
        own = _audio_of(chunk)
        if own is None or _is_empty(own, own_rate):
            new.append(chunk)
            continue
        (clip,) = load_clips([own], own_rate)
        num_before += clip.audio.shape[1]
        end = resampled_length(num_before, clip.sampling_rate, sampling_rate)
        (piece,) = refill([own], [audio[..., begin:end]], sampling_rate, own_rate)
        is_beside = isinstance(chunk, tuple) and own is not chunk
        new.append(tuple(piece if item is own else item for item in chunk) if is_beside else piece)
        begin = end
    return new


def _is_piece_of_file(item: Mapping) -> bool:
    """Whether it is `{"type": "audio", "data": bytes}`; edge-tts yields dicts of other types between, without bytes."""
    return item.get("type") == "audio" and isinstance(item.get("data"), (bytes, bytearray))


def _is_file(chunks: Chunks) -> bool:
    """Whether chunks are one audio file as it is sent; several if each is of a format that begins once."""
    audios = [audio for audio in map(_audio_of, chunks) if audio is not None]
    if not all(isinstance(audio, (bytes, bytearray)) for audio in audios):
        return False
    filled = [audio for audio in audios if audio]
    return len(filled) == 1 or not all(audio.startswith(WHOLE_FILE_HEADS) for audio in filled)


def _audio_of(chunk: Any) -> Any:
    """The audio of a chunk; None for silence.

    What may be beside it is left out: texts, as in `(text, phonemes, audio)`, a dict or an object of what was measured.
    """
    if isinstance(chunk, tuple):
        rest = [item for item in chunk if item is not None and not isinstance(item, str)]
        arrays = [item for item in rest if getattr(item, "shape", ())]
        if len(arrays) == 1 and not any(map(is_number, rest)):
            return arrays[0]
        if len(rest) == 1 or not rest:
            return rest[0] if rest else None
    return chunk


def _is_empty(chunk: Any, sampling_rate: int | None) -> bool:
    """Whether there is no sample in a chunk."""
    while not isinstance(chunk, (str, Path)):
        if hasattr(chunk, "__len__") and len(chunk) == 0:
            return True
        if (form := unwrap(chunk, sampling_rate, "audio", is_clip=True)) is None:
            return 0 in getattr(chunk, "shape", ())
        chunk, sampling_rate = form.audio, form.sampling_rate
    return False
