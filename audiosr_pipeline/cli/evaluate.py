"""`evaluate`: the scores of folders, printed and written."""

import argparse
import sys
from pathlib import Path

from audiosr_pipeline.cli.arguments import UsageError
from audiosr_pipeline.cli.messages import complain, one_line, say_text
from audiosr_pipeline.evaluate import Evaluation, evaluate, summary, write_tables
from audiosr_pipeline.evaluation_figure import save_figures
from audiosr_pipeline.evaluation_settings import FIGURES, TABLES
from audiosr_pipeline.printable import printable

# Of names without a partner, so many are printed; all are in skipped.csv.
NUM_NAMED = 5


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
