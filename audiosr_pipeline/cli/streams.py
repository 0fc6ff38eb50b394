"""Inputs and an output that are no files on a disk: stdin, stdout and named pipes."""

import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from audiosr_pipeline.cli.arguments import STDIN, STDOUT
from audiosr_pipeline.cli.messages import give_up_stdout


def is_stream(source: Path) -> bool:
    """Whether a source can be read only once, from its beginning to its end: stdin, or a pipe."""
    if source == STDIN:
        return True
    try:
        mode = source.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def shown(path: Path) -> str:
    """How a source or an output is called in messages and reports."""
    return {STDIN: "stdin", STDOUT: "stdout"}.get(path, str(path))


def as_text(path: Path) -> str:
    """A path for a report: bytes that are no text as escapes, because JSON has no place for them."""
    return shown(path).encode(errors="backslashreplace").decode()


@contextmanager
def as_file(source: Path) -> Iterator[Path]:
    """Gives the path of a file with what a source holds: itself, or a temporary copy of a stream.

    Raises:
        ValueError: If stdin is a terminal or closed.
        OSError: If it can't be copied.
    """
    if not is_stream(source):
        yield source
        return
    # Which format it is can't be told without going back and forth in it.
    with tempfile.TemporaryDirectory(prefix="audiosr-pipeline-") as folder:
        copy = Path(folder) / "stream"
        if source == STDIN:
            _copy(open_stdin(), copy)
        else:
            with open(source, "rb") as pipe:
                _copy(pipe, copy)
        try:
            yield copy
        except ValueError as error:
            if not str(error).startswith(f"{copy}: "):
                raise
            raise ValueError(str(error).removeprefix(f"{copy}: ")) from error


def _copy(stream: BinaryIO, copy: Path) -> None:
    try:
        with open(copy, "wb") as file:
            shutil.copyfileobj(stream, file)
    except OSError as error:
        folder = copy.parent.parent
        raise OSError(
            f"can't be copied to {folder}: {(error.strerror or str(error)).lower()}. The variable TMPDIR names another "
            "folder for what is temporary"
        ) from error


def deliver(file: Path) -> None:
    """Copies a file to stdout.

    Raises:
        OSError: If stdout can't be written.
    """
    if sys.stdout is None:
        raise OSError("stdout is closed")
    try:
        sys.stdout.flush()
        with open(file, "rb") as written:
            shutil.copyfileobj(written, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except OSError as error:
        give_up_stdout(error)
        raise OSError(f"stdout can't be written: {(error.strerror or str(error)).lower()}") from error


def open_stdin() -> BinaryIO:
    """What is piped in; raises ValueError if stdin is a terminal or closed."""
    if sys.stdin is None:
        raise ValueError("stdin is closed: pipe audio into it")
    if sys.stdin.isatty():
        raise ValueError("stdin is a terminal: pipe audio into it")
    return sys.stdin.buffer
