"""Scores the files of folders against those of the same name in a folder of true recordings; or compares two sets."""

import argparse
from pathlib import Path
from typing import Any

from audiosr_pipeline.cli.options.values import number
from audiosr_pipeline.evaluation_settings import FIGURES, LENGTH_TOLERANCE, SET_EMBEDDINGS, SETS_TABLE, TABLES

ESTIMATE = "what was made of them, NAME= if the folder's own name won't do; several are compared with the first"
NEW_BAND = "above which the estimates are new; without it the new band gets no scores"
PERCEPTUAL = "also what ViSQOL and Zimtohrli say, which needs the [perceptual] extra and takes long"
SETS = "instead: a folder of true recordings and one of as many generated clips, compared as sets"
EMBEDDING = (
    "with --sets, what clips are compared by: mel, classifier, clap=FOLDER or ast=FOLDER, the last two checkpoints of "
    f"transformers; may be given again; default: {' and '.join(SET_EMBEDDINGS)}"
)
CAPTIONS = "with --sets, a CSV file of the columns name and caption, for the similarity to texts by clap=FOLDER"
CUT = "lengths may differ by fewer samples than this at 48 kHz, the longer is cut; default: %(default)s"
WRITTEN = f"also write {', '.join((*TABLES, *FIGURES))} there, or {SETS_TABLE}"


def add_parser(commands: Any) -> None:
    """Options of `evaluate`."""
    parser = commands.add_parser("evaluate", help="score outputs against the true recordings", description=__doc__)
    parser.set_defaults(command="evaluate")
    option = parser.add_argument
    option("--reference", metavar="DIR", type=Path, help="the true recordings")
    option("--estimate", metavar="[NAME=]DIR", type=system, default=[], action="append", help=ESTIMATE)
    option("--cutoff-freq", type=number(float, 0), metavar="HZ", help=NEW_BAND)
    option("--as-read", action="store_true", help="compare the samples as read, instead of rounded to 16 bit")
    option("--perceptual", action="store_true", help=PERCEPTUAL)
    option("--length-tolerance", type=number(int, 1), metavar="N", default=LENGTH_TOLERANCE, help=CUT)
    option("--sets", nargs=2, metavar=("REF", "GEN"), type=Path, help=SETS)
    option("--embedding", action="append", metavar="KIND", help=EMBEDDING)
    option("--captions", metavar="CSV", type=Path, help=CAPTIONS)
    option("--seed", type=number(int, 0), default=0, help="of the resampling; default: %(default)s")
    option("--output", metavar="DIR", type=Path, help=WRITTEN)
    option("--overwrite", action="store_true", help="replace such files of DIR")
    option("--quiet", action="store_true", help="show no progress")


def system(text: str) -> tuple[str, Path]:
    """An argparse type: a folder, and the name of the system whose outputs it holds."""
    name, separator, folder = text.partition("=")
    # A folder may be called "eta=1".
    if not separator or Path(text).is_dir():
        return Path(text).resolve().name, Path(text)
    if not (name and folder):
        raise argparse.ArgumentTypeError(f"{text} is not of the form NAME=DIR")
    return name, Path(folder)
