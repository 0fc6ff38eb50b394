"""Scores the files of a folder against those of the same name in another."""

import argparse
import sys
from pathlib import Path
from typing import Any

from audiosr_pipeline.audio_io import written_whole
from audiosr_pipeline.cli.arguments import UsageError, number
from audiosr_pipeline.cli.messages import complain, one_line
from audiosr_pipeline.evaluate import evaluate

NEW_BAND = "above which the estimates are new; without it the new band gets no scores"


def add_parser(commands: Any) -> None:
    """Options of `evaluate`."""
    parser = commands.add_parser("evaluate", help="score outputs against the true recordings", description=__doc__)
    parser.set_defaults(command=run)
    option = parser.add_argument
    option("--reference", metavar="DIR", type=Path, required=True, help="the true recordings")
    option("--estimate", metavar="DIR", type=Path, required=True, help="what was made of them")
    option("--cutoff-freq", type=number(float, 0), metavar="HZ", help=NEW_BAND)
    option("--as-read", action="store_true", help="compare the samples as read, instead of rounded to 16 bit")
    option("--output", metavar="CSV", type=Path, help="also write the scores of each file")
    option("--overwrite", action="store_true", help="replace CSV if it is there")
    option("--quiet", action="store_true", help="show no progress")


def run(arguments: argparse.Namespace) -> int:
    """Prints the scores of a folder, and writes them if asked; returns the exit code."""
    if arguments.output is not None and arguments.output.exists() and not arguments.overwrite:
        raise UsageError(f"{arguments.output} is there already: --overwrite replaces it")
    show_progress = not arguments.quiet and sys.stderr.isatty()
    try:
        evaluation = evaluate(
            arguments.reference, arguments.estimate, arguments.cutoff_freq, not arguments.as_read, show_progress
        )
    except (OSError, ValueError) as error:
        complain(one_line(error))
        return 1
    print(evaluation.summary())
    if arguments.output is not None:
        with written_whole(arguments.output) as temporary:
            evaluation.write_csv(temporary)
    for name, reason in evaluation.skipped.items():
        complain(f"{name}: {reason}")
    return 1 if evaluation.skipped else 0
