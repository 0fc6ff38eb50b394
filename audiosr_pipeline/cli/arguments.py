"""How the program's own streams are given, and what is said of arguments that can't be carried out."""

from pathlib import Path

# A file can be given as ./-.
STREAM = "-"
STDIN, STDOUT = Path("/dev/stdin"), Path("/dev/stdout")


class UsageError(Exception):
    """A command line that can't be carried out, in one line."""
