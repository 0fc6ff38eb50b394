"""Scores the files of folders against those of the same name in a folder of true recordings."""

import argparse
import sys
from pathlib import Path
from typing import Any

from audiosr_pipeline.cli.arguments import UsageError, number
from audiosr_pipeline.cli.messages import complain, one_line, say_text
from audiosr_pipeline.evaluate import LENGTH_TOLERANCE, TABLES, Evaluation, evaluate, summary, write_tables
from audiosr_pipeline.evaluation_figure import FIGURES, save_figures
from audiosr_pipeline.printable import printable

ESTIMATE = "what was made of them, NAME= if the folder's own name won't do; several are compared with the first"
NEW_BAND = "above which the estimates are new; without it the new band gets no scores"
PERCEPTUAL = "also what ViSQOL and Zimtohrli say, which needs the [perceptual] extra and takes long"
CUT = "lengths may differ by fewer samples than this at 48 kHz, the longer is cut; default: %(default)s"
# Of names without a partner, so many are printed; all are in skipped.csv.
NUM_NAMED = 5


def add_parser(commands: Any) -> None:
    """Options of `evaluate`."""
    parser = commands.add_parser("evaluate", help="score outputs against the true recordings", description=__doc__)
    parser.set_defaults(command=run)
    option = parser.add_argument
    option("--reference", metavar="DIR", type=Path, required=True, help="the true recordings")
    option("--estimate", metavar="[NAME=]DIR", type=system, required=True, action="append", help=ESTIMATE)
    option("--cutoff-freq", type=number(float, 0), metavar="HZ", help=NEW_BAND)
    option("--as-read", action="store_true", help="compare the samples as read, instead of rounded to 16 bit")
    option("--perceptual", action="store_true", help=PERCEPTUAL)
    option("--length-tolerance", type=number(int, 1), metavar="N", default=LENGTH_TOLERANCE, help=CUT)
    option("--seed", type=number(int, 0), default=0, help="of the resampling; default: %(default)s")
    option("--output", metavar="DIR", type=Path, help=f"also write {', '.join((*TABLES, *FIGURES))} there")
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


def run(arguments: argparse.Namespace) -> int:
    """Prints the scores of each folder, and writes them if asked; returns the exit code."""
    names = [name for name, _ in arguments.estimate]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"two estimates are called {repeated}: --estimate NAME=DIR gives them names")
    if arguments.output is not None:
        check_output(arguments.output, arguments.overwrite)
    show_progress = not arguments.quiet and sys.stderr.isatty()
    try:
        evaluations = {
            name: evaluate(
                arguments.reference,
                folder,
                arguments.cutoff_freq,
                not arguments.as_read,
                show_progress,
                arguments.length_tolerance,
                arguments.perceptual,
            )
            for name, folder in arguments.estimate
        }
        say_text(summary({printable(name): evaluation for name, evaluation in evaluations.items()}, arguments.seed))
        if arguments.output is not None:
            write_tables(evaluations, arguments.output, arguments.seed)
            save_figures(evaluations, arguments.output, arguments.seed)
            # Of an earlier run with more systems.
            if len(evaluations) == 1:
                (arguments.output / FIGURES[1]).unlink(missing_ok=True)
    except (ImportError, OSError, ValueError) as error:
        complain(one_line(error))
        return 1
    # That of the references is in each.
    for line in dict.fromkeys(line for evaluation in evaluations.values() for line in evaluation.passed_over):
        complain(line)
    for name, evaluation in evaluations.items():
        name_unscored(f"{name}: " if len(evaluations) > 1 else "", evaluation)
    return 1 if any(evaluation.skipped for evaluation in evaluations.values()) else 0


def check_output(output: Path, overwrite: bool) -> None:
    """Refuses to write where something else is."""
    if output.exists() and not output.is_dir():
        raise UsageError(f"--output {output} is a file; name a folder")
    existing = [name for name in (*TABLES, *FIGURES) if (output / name).exists()]
    if existing and not overwrite:
        raise UsageError(f"{output / existing[0]} is there already: --overwrite replaces it")


def name_unscored(prefix: str, evaluation: Evaluation) -> None:
    """Names on stderr what has no scores."""
    for name, reason in evaluation.skipped.items():
        complain(f"{prefix}{name}: {reason}")
    for kind, alone in (("estimate", evaluation.only_reference), ("reference", evaluation.only_estimate)):
        if alone:
            more = f" and {len(alone) - NUM_NAMED} more" if len(alone) > NUM_NAMED else ""
            complain(
                f"{prefix}without {'an' if kind == 'estimate' else 'a'} {kind}: {', '.join(alone[:NUM_NAMED])}{more}"
            )
