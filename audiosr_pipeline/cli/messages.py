"""What several commands say."""

import sys
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


def complain(line: str) -> None:
    """Prints a line to stderr, above the progress bars."""
    tqdm.write(f"audiosr-pipeline: {line}", file=sys.stderr)


def describe_error(path: Path, error: Exception) -> str:
    """The file and the reason in one line; errors of the reader name the file themselves."""
    line = one_line(error)
    return line if line.startswith(f"{path}: ") else f"{path}: {line}"


def one_line(error: Exception) -> str:
    """The message of an error, with its type where the message is not meant for users."""
    message = " ".join(str(error).split())
    return message if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: {message}"
