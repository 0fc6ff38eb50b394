"""What several commands say, and what is done when it can't be written."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from audiosr_pipeline.printable import printable

# What can become of a file: the report's actions and the command line's own, in the order of the closing line.
OUTCOMES = {
    "enhanced": "enhanced",
    "silent": "silent",
    "left_alone": "left alone",
    "done": "already done",
    "failed": "failed",
}
# Why stdout can't be written any more; empty while it can.
_stdout_errors: list[Exception] = []


def say(line: str, to_stderr: bool = False) -> None:
    """Prints a line to stdout, above the progress bars.

    If stdout is full or closed, that is said once on stderr, later lines are lost, and `stdout_failed` tells it.
    """
    if to_stderr:
        _write_stderr(line)
        return
    if _stdout_errors:
        return
    try:
        if sys.stdout is None:
            raise OSError("stdout is closed")
        tqdm.write(printable(line), file=sys.stdout)
        # A pipe or file would tell only at the end that it can't be written.
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        give_up_stdout(error)
        complain(f"stdout can't be written: {one_line(error)}. What it would have said is lost, the work goes on")


def say_text(text: str) -> None:
    """Prints several lines to stdout, see `say`. Names in them must not hold ends of lines: see `printable`."""
    for line in text.split("\n"):
        say(line)


def complain(line: str) -> None:
    """Prints a line to stderr, above the progress bars. One that can't be written is lost: the exit code is left."""
    _write_stderr(f"audiosr-pipeline: {line}")


def give_up_stdout(error: Exception) -> None:
    """Has what is still buffered for stdout go nowhere, where Python would fail once more at its end."""
    _stdout_errors.append(error)
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    # A stand-in for stdout has no descriptor.
    except (OSError, ValueError, AttributeError):
        pass


def stdout_failed() -> bool:
    """Whether something that was to be printed since `expect_stdout` is lost."""
    return bool(_stdout_errors)


def expect_stdout() -> None:
    """Takes stdout for one that can be written, at the beginning of a command."""
    _stdout_errors.clear()


@contextmanager
def printable_messages() -> Iterator[None]:
    """Has Python's warnings and the lines of loggers escaped too: see `printable`. They may name files.

    Libraries say several lines at once: the ends of these stay, but for a message of this package.
    """
    former_format, former_factory = warnings.formatwarning, logging.getLogRecordFactory()

    def format_warning(message: Any, category: Any, filename: str, lineno: int, line: str | None = None) -> str:
        # Without the line of code, which says nothing to users.
        return former_format(printable(str(message)), category, printable(filename), lineno, "")

    def make_record(*arguments: Any, **options: Any) -> logging.LogRecord:
        record = former_factory(*arguments, **options)
        message = record.getMessage()
        is_own = record.name.partition(".")[0] == __name__.partition(".")[0]
        escaped = printable(message) if is_own else "\n".join(map(printable, message.split("\n")))
        if escaped != message:
            record.msg, record.args = escaped, ()
        return record

    warnings.formatwarning = format_warning
    logging.setLogRecordFactory(make_record)
    try:
        yield
    finally:
        warnings.formatwarning = former_format
        logging.setLogRecordFactory(former_factory)


def describe_error(path: Path | str, error: Exception) -> str:
    """The file and the reason in one line; errors of the reader name the file themselves."""
    return f"{path}: {one_line(error, without=f'{path}: ')}"


def one_line(error: Exception, without: str = "") -> str:
    """The message of an error, with its type where the message is not meant for users; `without` this beginning."""
    message = " ".join(str(error).removeprefix(without).split())
    return message if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: {message}"


def _write_stderr(line: str) -> None:
    try:
        if sys.stderr is not None:
            tqdm.write(printable(line), file=sys.stderr)
    except (OSError, ValueError):
        pass
