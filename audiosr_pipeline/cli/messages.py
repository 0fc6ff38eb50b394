"""What several commands say, and what is done when it can't be written."""

import os
import sys
import unicodedata
from pathlib import Path

from tqdm import tqdm

# What can become of a file: the report's actions and the command line's own, in the order of the closing line.
OUTCOMES = {
    "enhanced": "enhanced",
    "silent": "silent",
    "left_alone": "left alone",
    "done": "already done",
    "failed": "failed",
}
# Unicode's control characters, invisible marks, halves of characters (bytes that are no text), and ends of lines.
UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}

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
    """Prints several lines to stdout, see `say`."""
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


def printable(text: str) -> str:
    """The text in one line that changes nothing about the terminal: control characters and the like as escapes."""
    return "".join(
        character.encode("unicode_escape").decode() if unicodedata.category(character) in UNPRINTABLE else character
        for character in text
    )


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
