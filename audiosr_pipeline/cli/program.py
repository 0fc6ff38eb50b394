"""The commands of `audiosr-pipeline`, and what they have in common."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from audiosr_pipeline import __version__
from audiosr_pipeline.cli.arguments import UsageError
from audiosr_pipeline.cli.messages import complain, expect_stdout, printable_messages, say_text, stdout_failed
from audiosr_pipeline.cli.options import convert, enhance, evaluate, generate, inspection, live, study, train
from audiosr_pipeline.cli.signals import importing, signals_as_interrupt

# In the order of --help.
COMMANDS = (enhance, generate, live, inspection, convert, evaluate, train, study)


class Parser(argparse.ArgumentParser):
    """Answers bad usage with one line instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        """Raises UsageError, where argparse prints the usage and exits."""
        raise UsageError(f"{message} ({self.prog} --help says more)")

    def print_help(self, file: Any = None) -> None:
        """Prints the help; `... --help | head` is no error."""
        say_text(self.format_help().rstrip("\n"))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code, see `audiosr_pipeline.cli`."""
    expect_stdout()
    _fill_standard_descriptors()
    # Not every file name can be printed in every encoding.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        with signals_as_interrupt(), printable_messages():
            code = _run(arguments)
    except UsageError as error:
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
    return 1 if code == 0 and stdout_failed() else code


def build_parser() -> Parser:
    """The parser of all commands."""
    parser = Parser(prog="audiosr-pipeline", description="Audio super-resolution to 48 kHz.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


def _run(argv: list[str]) -> int:
    with importing():
        _refuse_names_like_options(argv)
        arguments = build_parser().parse_args(argv)
        command = import_module(f"audiosr_pipeline.cli.{arguments.command}")
    return command.run(arguments)


def _refuse_names_like_options(argv: list[str]) -> None:
    """A shell's `*.wav` may hold "-out.wav", which would be taken for `-o ut.wav`."""
    for argument in argv[: argv.index("--")] if "--" in argv else argv:
        if argument.startswith("-") and argument != "-" and os.path.lexists(argument):
            raise UsageError(
                f"{argument} is taken for an option, but a file is called so: give it as .{os.sep}{argument}, or "
                "rename it"
            )


def _fill_standard_descriptors() -> None:
    """Opens those of stdin, stdout and stderr that are closed, or files would be opened there and printed into."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
