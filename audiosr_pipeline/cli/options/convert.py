"""Makes a model folder, as enhance --model takes it, from the official AudioSR checkpoint; runs no code in it."""

from pathlib import Path
from typing import Any


def add_parser(commands: Any) -> None:
    """Options of `convert`."""
    parser = commands.add_parser("convert", help="make a model of the official checkpoint", description=__doc__)
    parser.set_defaults(command="convert")
    option = parser.add_argument
    option("checkpoint", metavar="PATH", type=Path, help="pytorch_model.bin, or .safetensors with the same keys")
    option("output", metavar="DIR", type=Path, help="a folder that is not there yet, or empty")
