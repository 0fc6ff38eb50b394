"""What is said of a file that can't be read or written."""

import os
from pathlib import Path


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


def damaged(path: Path | str, promised: int, found: int) -> AudioFileError:
    """The error for a file that holds less than it says; both are numbers of samples."""
    return AudioFileError(path, f"truncated or damaged: its header promises {promised} samples, {found} could be read")
