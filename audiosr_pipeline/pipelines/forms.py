"""Forms that hold audio together with its rate, as libraries hand it over: what is inside, and the same form anew."""

import copy
import inspect
import tempfile
from array import ArrayType
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from audiosr_pipeline.audio_io import AudioFileError, looks_like_file, read_audio
from audiosr_pipeline.pipelines.rates import RATE_NAMES, USUAL_RATES, agreed_rate, is_rate, plain_number
from audiosr_pipeline.pipelines.tensors import is_tensor

# transformers and datasets say `audio` and `array`, ComfyUI and torchaudio's users `waveform`, Coqui's XTTS `wav`,
# CosyVoice `tts_speech`.
AUDIO_KEYS = ("audio", "array", "waveform", "wav", "tts_speech")
# What is called so beside audio may be its length.
LENGTH_WORDS = ("length", "num_samples")
# A list of fewer numbers is hardly audio.
FEWEST_NUMBERS = 64
# An array with two axes longer than this is a spectrogram.
MOST_CHANNELS = 8


@dataclass(frozen=True)
class Form:
    """What is in a form.

    Args:
        audio: An array, a tensor, a list of clips, a path, or another form.
        sampling_rate: Rate in Hz that it came with, or that was passed; None if neither.
        has_rate: Whether it came with one.
        is_clip: Whether two axes of `audio` are channels and samples.
        rewrap: Makes the same form of other audio and its rate in Hz; where that can't be, as of bytes, transformers'
            dict.
        lengths: In samples, of each clip of a batch that is padded to the longest; None if they aren't told.
    """

    audio: Any
    sampling_rate: Any
    has_rate: bool
    is_clip: bool
    rewrap: Callable[[Any, int], Any] = lambda audio, sampling_rate: {"audio": audio, "sampling_rate": sampling_rate}
    lengths: list[int] | None = None


def unwrap(value: Any, sampling_rate: Any, name: str, is_clip: bool = False) -> Form | None:
    """What is in a form; None if it is none, such as an array.

    Args:
        value: What may be a form.
        sampling_rate: Rate in Hz that was passed, which one in the form must equal.
        name: What errors call it.
        is_clip: Whether it is known to be one clip.

    Raises:
        ValueError: If it is one, but there is no audio in it, its rate isn't the one passed, or it has two meanings.
    """
    if isinstance(value, Mapping) and not hasattr(value, "audios"):
        return _in_dict(value, sampling_rate, name)
    if isinstance(value, tuple) and sum(map(is_number, value[:2])) == 1 and all(map(_is_beside_audio, value[2:])):
        return _in_pair(value, sampling_rate, name, is_clip)
    # Of Python itself: bytes are those of a file.
    if isinstance(value, memoryview) and value.format in ("B", "b", "c"):
        value = value.tobytes()
    elif isinstance(value, (ArrayType, memoryview)):
        return Form(np.asarray(value), sampling_rate, False, is_clip, lambda audio, rate: audio)
    if (encoded := _bytes_in_array(value)) is not None:
        value = encoded
    if isinstance(value, (bytes, bytearray)) or hasattr(value, "read"):
        return _in_file(value, sampling_rate, name)
    # torchcodec's AudioDecoder, and so the Audio column of datasets.
    if hasattr(value, "get_all_samples"):
        value = value.get_all_samples()
    # Its AudioSamples.
    if hasattr(value, "sample_rate") and is_tensor(getattr(value, "data", None)):
        return Form(value.data, agreed_rate(value.sample_rate, sampling_rate, name), True, True)
    # Of diffusers, Kokoro, Piper and sherpa-onnx.
    for attribute in ("audios", "audio", "audio_float_array", "samples"):
        if (audio := getattr(value, attribute, None)) is not None and not callable(audio):
            return _in_object(value, attribute, sampling_rate, name)
    return _in_other_arrays(value, sampling_rate, name)


def _in_dict(value: Mapping, sampling_rate: Any, name: str) -> Form:
    """Audio and rate under keys that libraries use, or an encoded file's bytes or path; a row of a dataset too."""
    audio_keys = [key for key in AUDIO_KEYS if key in value]
    rate_keys = [key for key in (*RATE_NAMES, "rate") if key in value and is_rate(key, value[key])]
    if not audio_keys and ("bytes" in value or "path" in value):
        encoded = value.get("bytes") if value.get("bytes") is not None else value.get("path")
        if encoded is None:
            raise ValueError(f"{name} is a dict whose bytes and path are both None.")

        def decoded(audio: Any, rate: int) -> dict:
            return {"path": value.get("path"), "array": audio, "sampling_rate": rate}

        inner = unwrap(encoded, sampling_rate, name)
        if inner is None:
            return Form(encoded, sampling_rate, True, True, decoded)
        return Form(inner.audio, inner.sampling_rate, True, True, decoded)
    if len(audio_keys) == 1 and not rate_keys:
        # A row of a dataset: what has the rate is one level down.
        key = audio_keys[0]
        row = unwrap(value[key], sampling_rate, f'{name}["{key}"]', is_clip=True)
        if row is not None and row.has_rate:
            rewrap = row.rewrap
            return Form(
                row.audio, row.sampling_rate, True, row.is_clip, lambda audio, rate: {**value, key: rewrap(audio, rate)}
            )
    missing = [*([] if audio_keys else ["audio"])]
    missing += [] if rate_keys or (audio_keys and sampling_rate is not None) else ["sampling_rate"]
    if missing:
        raise ValueError(f"{name} is a dict without {missing}; its keys are {sorted(map(str, value))}.")
    is_clear = all(_is_same(value[key], value[audio_keys[0]]) for key in audio_keys[1:])
    if not is_clear or any(value[key] != value[rate_keys[0]] for key in rate_keys[1:]):
        raise ValueError(f"{name} is a dict with {audio_keys + rate_keys}: keep one of each.")
    audio_key, rate_key = audio_keys[0], rate_keys[0] if rate_keys else None
    own_rate = value[rate_key] if rate_key else None

    def rewrap_dict(audio: Any, rate: int) -> Any:
        new = {**dict.fromkeys(audio_keys, audio), **dict.fromkeys(rate_keys, rate)}
        if type(value) is dict or not isinstance(value, MutableMapping):
            return {**value, **new}
        # Such as an output of transformers, whose keys are attributes too.
        copied = copy.copy(value)
        for key, item in new.items():
            copied[key] = item
        return copied

    rate = agreed_rate(own_rate, sampling_rate, name)
    lengths = _lengths_of(value, value[audio_key])
    is_batch = lengths is not None or any(cls.__name__ == "ModelOutput" for cls in type(value).__mro__)
    return Form(value[audio_key], rate, own_rate is not None, not is_batch, rewrap_dict, lengths)


def _lengths_of(beside: Mapping, audio: Any) -> list[int] | None:
    """The lengths in samples of the clips of a batch, from what is beside it: the longest is as long as the batch."""
    shape = tuple(getattr(audio, "shape", ()))
    for name in beside if len(shape) in (2, 3) else ():
        counts = counts_of(name, beside[name])
        if counts is not None and counts.shape == shape[:1] and counts.max(initial=0) == shape[-1]:
            return counts.tolist()
    return None


def counts_of(name: Any, value: Any) -> np.ndarray | None:
    """A length, or one for each clip `(batch,)`, in samples or in other units; None if its name or type is another."""
    if not any(word in str(name) for word in LENGTH_WORDS) or isinstance(value, (str, bytes)):
        return None
    try:
        counts = np.asarray(value.cpu() if is_tensor(value) else value)
    # Ragged lists.
    except (ValueError, TypeError):
        return None
    return counts if counts.dtype.kind in "iu" and counts.ndim <= 1 else None


def _is_same(one: Any, other: Any) -> bool:
    """Whether two values are one, or hold equal numbers."""
    try:
        return one is other or np.array_equal(one, other)
    # What can't be made an array is no copy of one.
    except (TypeError, ValueError, RuntimeError):
        return False


def _in_pair(value: tuple, sampling_rate: Any, name: str, is_clip: bool) -> Form:
    """`(audio, rate)` or `(rate, audio)`, perhaps with a spectrogram or texts behind, as of F5-TTS.

    A number that is the audio's length and no usual rate is taken for the length, as models that pad return it.

    With the rate first, as Gradio and scipy have it, two axes are samples and channels. With the rate last they may be
    anything: torchaudio means channels and samples, soundfile samples and channels, others a batch.
    """
    _check_is_no_length(value[0], value[1], sampling_rate, name)
    if is_number(value[0]):
        rate, audio, *beside = value
        audio = _read_out(audio)
        if getattr(audio, "ndim", 0) == 2:
            if audio.shape[0] < audio.shape[1]:
                raise ValueError(
                    f"{name} is (sampling_rate, audio) with audio of shape {tuple(audio.shape)}, where that form has "
                    "(num_samples, channels). Pass (audio, sampling_rate) instead, or transpose it."
                )
            audio = audio.T

        def rewrap(audio: Any, rate: int) -> tuple:
            return _like(value, (rate, audio.T if getattr(audio, "ndim", 0) == 2 else audio, *beside))

        return Form(audio, agreed_rate(rate, sampling_rate, name), True, True, rewrap)
    audio, rate, *beside = value
    shape = tuple(getattr(audio, "shape", ()))
    if not is_clip and len(shape) == 2 and shape[0] == 2 < shape[1]:
        raise ValueError(
            f"{name} is (audio, sampling_rate) with audio of shape {shape}, which may be one stereo clip or two mono "
            "ones: pass ([audio], sampling_rate) for one, (list(audio), sampling_rate) for two."
        )

    return Form(
        audio,
        agreed_rate(rate, sampling_rate, name),
        True,
        is_clip,
        lambda audio, rate: _like(value, (audio, rate, *beside)),
    )


def _check_is_no_length(first: Any, second: Any, sampling_rate: Any, name: str) -> None:
    """Raises ValueError if the number of a pair is the length of its audio rather than a rate."""
    number, audio = (first, second) if is_number(first) else (second, first)
    number = plain_number(number)
    num_samples = max(getattr(audio, "shape", ()), default=0)
    if number == num_samples and number not in (*USUAL_RATES, sampling_rate):
        known = "" if sampling_rate is None else f", as sampling_rate={sampling_rate} is known"
        raise ValueError(
            f"{name} is audio of shape {tuple(audio.shape)} and {number}, which is its length and no usual rate: pass "
            f"the audio alone{known or ', with sampling_rate= in Hz'}."
        )


def _like(value: tuple, items: tuple) -> tuple:
    """A tuple of other items; a named one keeps its names."""
    return value._make(items) if hasattr(value, "_make") else items


def _bytes_in_array(value: Any) -> bytes | None:
    """The bytes of an audio file that are in an array, as torch reads files; None if there is none."""
    is_flat = (isinstance(value, np.ndarray) or is_tensor(value)) and value.ndim == 1 and len(value) > 0
    if not is_flat or str(value.dtype) not in ("uint8", "torch.uint8") or getattr(value, "is_meta", False):
        return None
    encoded = np.asarray(value.cpu() if is_tensor(value) else value).tobytes()
    return encoded if looks_like_file(encoded) else None


def _in_file(value: Any, sampling_rate: Any, name: str) -> Form:
    """What is in the bytes of an audio file, or in a file that is open for reading, which is read from its start."""
    kind = type(value).__name__
    if hasattr(value, "read"):
        if getattr(value, "seekable", lambda: False)():
            value.seek(0)
        value = value.read()
        if not isinstance(value, bytes):
            raise ValueError(
                f"{name} is a {kind} that reads as {type(value).__name__}; accepted is an audio file opened as binary."
            )
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/audio"
        with open(path, "wb") as file:
            file.write(value)
        try:
            audio, rate = read_audio(path)
        except AudioFileError as error:
            reason = str(error).removeprefix(f"{path}: ")
            raise ValueError(
                f"{name}, a {kind} of {len(value)} bytes, {reason}. Accepted are the bytes of an audio file; of bare "
                "samples, pass an array: np.frombuffer(audio, np.int16)."
            ) from error
    return Form(audio[0] if len(audio) == 1 else audio, agreed_rate(rate, sampling_rate, name), True, True)


def _in_object(value: Any, attribute: str, sampling_rate: Any, name: str) -> Form:
    """Audio in the attribute of an object, and its rate if that is a number beside it."""
    told = {key: getattr(value, key, None) for key in (*RATE_NAMES, "rate")}
    rate_names = [key for key, held in told.items() if is_number(held) and is_rate(key, held)]
    own_rates = {key: told[key] for key in rate_names}
    if len(set(own_rates.values())) > 1:
        raise ValueError(f"{name} is a {type(value).__name__} with several rates, {own_rates}: keep one, in Hz.")
    own_rate = next(iter(own_rates.values()), None)

    def rewrap(audio: Any, rate: int) -> Any:
        try:
            new = with_attribute(value, attribute, audio)
            for rate_name in rate_names:
                new = with_attribute(new, rate_name, rate)
            return new
        # Of a frozen class, one that computes them, or one that can't be copied.
        except (AttributeError, TypeError, ValueError):
            return {"audio": audio, "sampling_rate": rate}

    rate = agreed_rate(own_rate, sampling_rate, name)
    audio = getattr(value, attribute)
    # sherpa-onnx has a list of floats.
    if attribute == "samples" and isinstance(audio, (list, tuple)) and all(map(is_number, audio)):
        audio = np.asarray(audio, np.float32)
    # `.audios` may be a batch of mono clips, as diffusers has it.
    lengths = _lengths_of(getattr(value, "__dict__", {}), audio)
    return Form(audio, rate, own_rate is not None, attribute != "audios" and lengths is None, rewrap, lengths)


def _in_other_arrays(value: Any, sampling_rate: Any, name: str) -> Form | None:
    """Arrays of other libraries, lists of floats, and arrays of arrays, which are lists of clips."""
    array = np.asarray(value) if _is_row_of_floats(value) else _read_out(value)
    if isinstance(array, np.ndarray) and array.dtype == object and array.ndim == 1:
        return Form(list(array), sampling_rate, False, False, lambda audio, rate: _object_array(audio))
    if array is not value:
        return Form(array, sampling_rate, False, False, lambda audio, rate: audio)
    if inspect.isawaitable(value) or hasattr(value, "__aiter__"):
        if inspect.iscoroutine(value):
            value.close()
        raise ValueError(
            f"{name} is a {type(value).__name__}, which gives its audio when it is awaited. Await it before; behind a "
            "generator, pass a function that does: lambda *args: asyncio.run(speak(*args))."
        )
    if isinstance(value, Iterator):
        raise ValueError(
            f"{name} is a {type(value).__name__}, which gives its audio later. Pass list(audio) if it gives clips, "
            "np.concatenate(list(audio), axis=-1) if it gives one clip in chunks."
        )
    return None


def _is_row_of_floats(value: Any) -> bool:
    """Whether it is a list or a tuple of samples: whole numbers alone would be token ids."""
    is_row = isinstance(value, (list, tuple)) and len(value) >= FEWEST_NUMBERS and all(map(is_number, value))
    return is_row and any(isinstance(number, (float, np.floating)) for number in value)


def _read_out(value: Any) -> Any:
    """An array of numpy in place of one of another library, such as pandas or jax; anything else as it is."""
    if isinstance(value, (np.ndarray, np.generic)) or is_tensor(value) or not hasattr(value, "__array__"):
        return value
    return np.asarray(value)


def _object_array(items: list) -> np.ndarray:
    """A list as an array of objects."""
    array = np.empty(len(items), object)
    array[:] = items
    return array


def is_number(value: Any) -> bool:
    """Whether it is a number that may be a rate, or an array or a tensor of one."""
    value = plain_number(value)
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_beside_audio(value: Any) -> bool:
    """Whether it may stand behind audio and its rate without being audio: no array, but for a spectrogram."""
    if isinstance(value, Mapping):
        return all(map(_is_beside_audio, value.values()))
    if isinstance(value, (list, tuple)):
        return len(value) < FEWEST_NUMBERS or not all(map(is_number, value))
    if value is None or isinstance(value, str) or is_number(value):
        return True
    return sum(n > MOST_CHANNELS for n in getattr(value, "shape", ())) == 2


def with_attribute(value: Any, attribute: str, new: Any) -> Any:
    """A copy of an object, or of a named tuple, with another value of an attribute."""
    if isinstance(value, tuple):
        return value._replace(**{attribute: new})  # type: ignore[attr-defined]
    copied = copy.copy(value)
    # diffusers' PipelineState answers for its values as if they were attributes.
    values = getattr(value, "values", None)
    if isinstance(values, dict) and attribute in values and attribute not in vars(value):
        copied.values = {**value.values, attribute: new}
    else:
        setattr(copied, attribute, new)
    return copied
