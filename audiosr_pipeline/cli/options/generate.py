"""Generates a sound of a label, with a model that ships with the package or one that was trained with train dag.

audiosr-pipeline generate rain -o rain.wav
audiosr-pipeline enhance rain.wav
"""

import argparse
from typing import Any

from audiosr_pipeline.cli.options.enhance import output_path
from audiosr_pipeline.cli.options.values import DEVICE, device, number


def add_parser(commands: Any) -> None:
    """Options of `generate`."""
    parser = commands.add_parser(
        "generate",
        help="generate a sound of a label",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command="generate")
    option = parser.add_argument
    option("label", metavar="LABEL", help="what to generate, one of the model's labels")
    option("-o", "--output", metavar="OUT", type=output_path, help="WAV or FLAC file; - is stdout; default: LABEL.wav")
    option("--model", default="dag-mini", help="a folder, a model of this package, or a Hub id; default: %(default)s")
    option("--seconds", type=number(float, 0.01, 3_600), default=4.0, metavar="S", help="length; default: %(default)s")
    option("--steps", type=number(int, 2), default=100, metavar="N", help="denoising steps; default: %(default)s")
    option("--guidance-scale", type=number(float, 0), default=3.0, metavar="W", help="1 is none; default: %(default)s")
    option("--seed", type=number(int, 0, 2**63 - 1), default=0, help="where the noise starts; default: %(default)s")
    option("--device", type=device, help=DEVICE)
    option("--overwrite", action="store_true", help="replace an output that is there")
    option("--quiet", action="store_true", help="print failures alone")
