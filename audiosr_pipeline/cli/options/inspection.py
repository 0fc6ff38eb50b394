"""Prints what is found in audio files, and what `enhance` would do with them; needs no model."""

from typing import Any

from audiosr_pipeline.cli.options.values import INPUTS


def add_parser(commands: Any) -> None:
    """Options of `inspect`."""
    parser = commands.add_parser("inspect", help="print what is found in audio files", description=__doc__)
    parser.set_defaults(command="inspection")
    parser.add_argument("inputs", nargs="+", metavar="IN", help=INPUTS)
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
