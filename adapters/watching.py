"""What an object that isn't known hands over beside the audio that is expected of it: whether it is audio, too.

Taken for audio, and never passed on unsaid, are

- rows of 256 floats or more, at most 32 of them, of both signs or all zero; but not rows as wide as embeddings (a power
  of two, or three or five times one, up to 8192), unless neighbours in them are alike, as in speech and music. A single
  row of 64 to 255 floats, if its neighbours are alike;
- such rows of whole numbers, of which more than one in a hundred is negative; -1 and -100 don't count, which labels
  have for "none";
- bytes of an audio file or a video, and 320 or more bytes that are neither text nor of another type of file that is
  known; what is open for reading, by the same rule;
- what holds such, three levels deep: lists, tuples, dicts under any key, objects in any attribute.

Arrays and tensors of any library and lists of plain numbers count as rows. Axes of length one don't count. The samples
are along the last axis, or along the first if the last is two channels.

So these pass as they are: strings, paths, numbers, None, token ids, codes, masks, labels, short lists, embeddings,
probabilities, durations, pitch, spectrograms of more than 32 bands, images, networks and their weights. What a method
writes to a file, or hands to a callback, can't be seen.
"""

import functools
import inspect
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sized, ValuesView
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from audiosr_pipeline.audio_io import looks_like_file

# 16 ms at 16 kHz; below, it must look like sound, too.
FEWEST_SAMPLES, FEWEST_ALIKE = 256, 64
MOST_ROWS = 32
WIDEST_EMBEDDING = 8_192
# 10 ms of 16-bit samples at 16 kHz; hashes and keys are shorter.
FEWEST_BYTES = 320
# PNG, JPEG, GIF, zip and so numpy's and torch's files, gzip, zstd, PDF, pickles, an array of numpy, text of 16 bit.
OTHER_HEADS = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"(\xb5/\xfd",
    b"%PDF",
    b"\x80\x03",
    b"\x80\x04",
    b"\x80\x05",
    b"\x93NUMPY",
    b"\xff\xfe",
    b"\xfe\xff",
)
HEAD_LENGTH = 4_096
# Kept as properties, which aren't among an object's own attributes.
AUDIO_NAMES = ("audio", "audios", "pcm", "samples", "sound", "speech", "wav", "waveform")


def looks_like_audio(value: Any, depth: int = 3) -> bool:
    """Whether a value may be audio, by the rule above; `depth` is how far what it holds is looked at."""
    if value is None or isinstance(value, (str, Path, int, float, complex, nn.Module, nn.Parameter, ModuleType, type)):
        return False
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _is_encoded(bytes(value[:HEAD_LENGTH]), len(value))
    if hasattr(value, "read"):
        head = _head_of(value)
        return isinstance(head, bytes) and _is_encoded(head, len(head))
    if (rows := rows_of(value)) is not None:
        return _are_samples(rows)
    if depth == 0 or inspect.isroutine(value):
        return False
    return any(looks_like_audio(item, depth - 1) for item in _held_by(value))


def rows_of(value: Any) -> np.ndarray | None:
    """The numbers in an array of any library, or in a list of plain numbers; None if it is neither."""
    if isinstance(value, torch.Tensor):
        if value.is_meta or value.layout is not torch.strided or value.is_complex() or value.is_quantized:
            return None
        value = value.detach().cpu()
        return (value.float() if value.is_floating_point() else value).numpy()
    if isinstance(value, (list, tuple)):
        is_row = len(value) >= FEWEST_ALIKE and all(_is_plain_number(item) for item in value)
        return np.asarray(value, np.float64) if is_row else None
    if type(value).__module__ == "array":
        value = np.frombuffer(value, value.typecode) if value.typecode not in "uw" else None
    elif not isinstance(value, np.ndarray) and hasattr(value, "__array__"):
        with suppress(Exception):
            value = np.asarray(value)
    return value if isinstance(value, np.ndarray) and value.dtype.kind in "biuf" else None


def attributes_of(value: Any) -> dict[str, Any]:
    """What an object keeps in its attributes, those in slots and the fields of a named tuple included."""
    slots: list[str] = [*getattr(value, "_fields", ())] if isinstance(value, tuple) else []
    for cls in type(value).__mro__:
        own = vars(cls).get("__slots__", ())
        slots += [own] if isinstance(own, str) else own
    kept = {name: getattr(value, name) for name in slots if not name.startswith("__") and hasattr(value, name)}
    return {**kept, **getattr(value, "__dict__", {})}


def watched(result: Any, check: Callable[[Any], Any]) -> Any:
    """What a method returned, or something that is used as it, which checks what it gives when it gives it.

    Args:
        result: What a method returned.
        check: Returns what it is given, or something in its place, or raises.
    """
    if inspect.isgenerator(result):
        return (watched(item, check) for item in result)
    if inspect.iscoroutine(result):
        return _awaited(result, check)
    if inspect.isroutine(result) or isinstance(result, functools.partial):

        @functools.wraps(result)
        def function(*args: Any, **kwargs: Any) -> Any:
            return watched(result(*args, **kwargs), check)

        return function
    is_read = hasattr(result, "read") or isinstance(result, (nn.Module, type, torch.Tensor, np.ndarray))
    is_lazy = isinstance(result, Iterator) or (isinstance(result, Iterable) and not isinstance(result, Sized))
    if not is_read and (is_lazy or isinstance(result, Awaitable) or hasattr(result, "__aiter__")):
        protocols = {name: protocol for name, protocol in PROTOCOLS.items() if hasattr(type(result), name)}
        return type("Watched", (Watched,), protocols)(result, check)
    return check(result)


class Watched:
    """Stands for what is iterated or awaited; each item is checked as it comes.

    Args:
        result: What it stands for, whose attributes it has.
        check: Returns an item, or something in its place, or raises.
    """

    def __init__(self, result: Any, check: Callable[[Any], Any]):
        self._result, self._check = result, check

    def __getattr__(self, name: str) -> Any:
        # Protocols such as copying look at an object before it stands for anything.
        if name.startswith("__") or "_result" not in vars(self):
            raise AttributeError(name)
        value = getattr(self._result, name)
        return watched(value, self._check) if inspect.isroutine(value) else value


async def _awaited(result: Awaitable, check: Callable[[Any], Any]) -> Any:
    """What is awaited, checked."""
    return watched(await result, check)


async def _each(watch: Any) -> AsyncIterator[Any]:
    """What is iterated as it comes, checked."""
    async for item in watch._result:
        yield watched(item, watch._check)


# Each stand-in has those that the object has.
PROTOCOLS: dict[str, Callable[[Any], Any]] = {
    "__iter__": lambda watch: (watched(item, watch._check) for item in watch._result),
    "__next__": lambda watch: watched(next(watch._result), watch._check),
    "__await__": lambda watch: _awaited(watch._result, watch._check).__await__(),
    "__aiter__": _each,
    "__anext__": lambda watch: _awaited(anext(watch._result), watch._check),
}


def _is_plain_number(value: Any) -> bool:
    """Whether it is a number, or a tensor of one, that may be a sample."""
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.complexfloating))
    return is_number or (isinstance(value, torch.Tensor) and value.ndim == 0 and not value.is_complex())


def _held_by(value: Any) -> list[Any]:
    """What a collection holds, or an object in its attributes."""
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (list, tuple, set, frozenset, deque, ValuesView)):
        return list(value)
    if isinstance(value, np.ndarray):
        return value.ravel().tolist() if value.dtype == object else []
    if isinstance(value, torch.Tensor):
        return []
    held = attributes_of(value)
    properties = []
    for name in AUDIO_NAMES:
        # What a property raises isn't the caller's matter.
        with suppress(Exception):
            properties += [] if name in held else [getattr(value, name)]
    return [*held.values(), *properties]


def _head_of(file: Any) -> Any:
    """What an open file would give next, which stays in it; None if it couldn't be put back."""
    with suppress(Exception):
        if file.seekable():
            place = file.tell()
            head = file.read(HEAD_LENGTH)
            file.seek(place)
            return head
    return None


def _is_encoded(head: bytes, num_bytes: int) -> bool:
    """Whether bytes that begin so are of audio, as a file or bare."""
    if head.startswith(OTHER_HEADS) or head[8:12] == b"WEBP":
        return False
    if looks_like_file(head):
        return True
    # A character may be cut in two at the end.
    text = head.decode("utf-8", errors="ignore")
    is_text = len(text.encode()) >= len(head) - 3 and all(letter.isprintable() or letter.isspace() for letter in text)
    return num_bytes >= FEWEST_BYTES and not is_text


def _are_samples(numbers: np.ndarray) -> bool:
    """Whether numbers are samples of audio."""
    rows = np.squeeze(numbers)
    if rows.ndim == 2 and rows.shape[1] <= 2 and len(rows) >= FEWEST_SAMPLES:
        rows = rows.T
    if not 1 <= rows.ndim <= 3 or max(rows.shape[:-1], default=1) > MOST_ROWS or rows.dtype == bool:
        return False
    if rows.dtype == np.uint8:
        return rows.ndim == 1 and rows.max(initial=0) > 1 and _is_encoded(rows[:HEAD_LENGTH].tobytes(), rows.size)
    width, kind = rows.shape[-1], rows.dtype
    is_long = width >= FEWEST_SAMPLES
    if not is_long and (rows.ndim > 1 or width < FEWEST_ALIKE):
        return False
    rows = rows.astype(np.float64)
    if not rows.any():
        # Zeros are silence in a type that samples have, but for a state that is still empty.
        return is_long and (kind.kind == "f" or kind == np.int16) and not _is_embedding_width(width)
    if kind.kind in "iu" or (np.isfinite(rows).all() and np.abs(rows).max() > 1 and (rows == np.round(rows)).all()):
        return is_long and bool(np.mean((rows < 0) & (rows != -1) & (rows != -100)) > 0.01)
    if rows.min() >= 0 or rows.max() <= 0:
        return False
    return (is_long and not _is_embedding_width(width)) or _are_alike(rows)


def _is_embedding_width(width: int) -> bool:
    """Whether networks have so many channels: a power of two, or three or five times one."""
    for odd in (1, 3, 5):
        quotient, rest = divmod(width, odd)
        if not rest and quotient & (quotient - 1) == 0:
            return width <= WIDEST_EMBEDDING
    return False


def _are_alike(rows: np.ndarray) -> bool:
    """Whether samples follow from those up to four before them: correlated beyond what happens by chance."""
    rows = np.nan_to_num(rows, posinf=0.0, neginf=0.0)
    rows = rows - rows.mean(axis=-1, keepdims=True)
    power = np.sum(rows**2)
    # Five standard deviations of the correlation of independent numbers.
    by_chance = max(0.25, 5 / np.sqrt(rows.size))
    return bool(power) and any(
        abs(np.sum(rows[..., lag:] * rows[..., :-lag])) > by_chance * power for lag in range(1, 5)
    )
