"""What is said of a file that can't be read or written."""

import os
from pathlib import Path

REMEDY = "Fetch the whole file again, or save what is sound of it with: ffmpeg -i FILE OUT.wav"


class AudioFileError(ValueError):
    """A file that can't be read or written as audio, in one line: `path: reason`."""

    def __init__(self, path: Path | str, reason: str):
        super().__init__(f"{path}: {reason}")


def reason(error: Exception) -> str:
    """The reason alone, of an error of the operating system or of libsndfile."""
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return getattr(error, "error_string", str(error)).rstrip(".").lower()


def native_path(path: Path | str) -> bytes | str:
    """The name as soundfile takes it: from text it can't make the bytes of names that aren't Unicode."""
    # A dash alone is stdin or stdout to libsndfile.
    path = os.path.join(os.curdir, path) if os.fspath(path) == "-" else path
    return os.fspath(path) if os.name == "nt" else os.fsencode(path)


def damaged(path: Path | str, found: int, promised: int | None, sampling_rate: int, detail: str = "") -> AudioFileError:
    """The error for a file that holds less sound than it says, or than lies between its start and its end.

    Args:
        path: Its name.
        found: How many samples could be read.
        promised: How many it says that it holds; None if it doesn't say.
        sampling_rate: In Hz.
        detail: What is wrong, if more is known.
    """
    detail = f" ({detail})" if detail else ""
    promise = (
        "its header doesn't say its length"
        if promised is None
        else f"its header promises {_length(promised, sampling_rate)}"
    )
    return AudioFileError(
        path,
        f"truncated or damaged: {promise}, {_length(found, sampling_rate)} could be read{detail}. {REMEDY}",
    )


def _length(num_samples: int, sampling_rate: int) -> str:
    return f"{num_samples} samples ({num_samples / sampling_rate:.2f} s)"
