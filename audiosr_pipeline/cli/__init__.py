"""`audiosr-pipeline`: each command parses, calls the public API and writes files.

Exit codes: 0 all done, 1 some inputs failed and the others are done, 2 bad usage, 130 interrupted.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from typing import NoReturn

from audiosr_pipeline import __version__
from audiosr_pipeline.cli import convert, enhance, evaluate, inspection, study, train
from audiosr_pipeline.cli.arguments import UsageError
from audiosr_pipeline.cli.messages import complain

# Each has an `add_parser` and a `run`, from the parsed arguments to the exit code. In the order of --help.
COMMANDS = (enhance, inspection, convert, evaluate, train, study)


class Parser(argparse.ArgumentParser):
    """Answers bad usage with one line instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} ({self.prog} --help says more)")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code (see above)."""
    # Not every file name can be printed in every encoding.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        arguments = build_parser().parse_args(argv)
        return arguments.command(arguments)
    except UsageError as error:
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        complain("interrupted")
        return 130


def build_parser() -> Parser:
    """The parser of all commands."""
    parser = Parser(prog="audiosr-pipeline", description="Audio super-resolution to 48 kHz.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser
