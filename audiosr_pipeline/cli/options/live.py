"""Takes a stream of sound to 48 kHz while it is being made: WAV or bare samples from stdin, the same to stdout.

espeak-ng --stdout "It is raining." | audiosr-pipeline live | aplay
"""

import argparse
from typing import Any

from audiosr_pipeline.cli.options.values import number


def add_parser(commands: Any) -> None:
    """Options of `live`."""
    parser = commands.add_parser(
        "live",
        help="take a stream to 48 kHz while it is being made",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command="live")
    parser.add_argument(
        "--model",
        default="audiosr-mini-streaming",
        help="the package's own streaming model, the folder of one, or an ONNX file of one; default: %(default)s",
    )
    parser.add_argument(
        "--cutoff-freq",
        type=number(float, 2_000, 20_000),
        metavar="HZ",
        help="where the input's content ends; else found",
    )
    parser.add_argument(
        "--raw",
        choices=("s16le", "s24le", "s32le", "f32le"),
        help="stdin and stdout are bare samples of this format, without a WAV header",
    )
    parser.add_argument("--sampling-rate", type=number(int, 4_000, 48_000), metavar="HZ", help="of --raw")
    parser.add_argument("--channels", type=int, choices=(1, 2), default=1, help="of --raw; default: %(default)s")
