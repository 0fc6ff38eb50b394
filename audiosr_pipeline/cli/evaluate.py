"""`evaluate`: the scores of folders, printed and written."""

import argparse
import sys
from pathlib import Path

from audiosr_pipeline.cli.arguments import UsageError
from audiosr_pipeline.cli.messages import complain, one_line, say_text
from audiosr_pipeline.cli.signals import importing
from audiosr_pipeline.evaluate import Evaluation, evaluate, read_named_captions, summary, write_tables
from audiosr_pipeline.evaluation_figure import save_figures
from audiosr_pipeline.evaluation_settings import FIGURES, LENGTH_TOLERANCE, SET_EMBEDDINGS, SETS_TABLE, TABLES
from audiosr_pipeline.printable import printable

# Of names without a partner, so many are printed; all are in skipped.csv.
NUM_NAMED = 5


def run(arguments: argparse.Namespace) -> int:
    """Prints the scores of each folder, or of sets, and writes them if asked; returns the exit code."""
    check_kind(arguments)
    if arguments.sets:
        return run_sets(arguments)
    names = [name for name, _ in arguments.estimate]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"two estimates are called {repeated}: --estimate NAME=DIR gives them names")
    if arguments.output is not None:
        check_output(arguments.output, arguments.overwrite, (*TABLES, *FIGURES))
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


def run_sets(arguments: argparse.Namespace) -> int:
    """Prints how two sets compare, and writes it if asked; returns the exit code."""
    if arguments.output is not None:
        check_output(arguments.output, arguments.overwrite, (SETS_TABLE,))
    with importing():
        from audiosr_pipeline.evaluate_sets import (
            evaluate_sets,
            load_embeddings,
            sets_summary,
            write_sets_table,
        )
    try:
        evaluation = evaluate_sets(
            arguments.sets[0],
            arguments.sets[1],
            load_embeddings(list(dict.fromkeys(arguments.embedding or SET_EMBEDDINGS))),
            read_named_captions(arguments.captions) if arguments.captions else None,
            arguments.seed,
            not arguments.quiet and sys.stderr.isatty(),
        )
        say_text(sets_summary(evaluation))
        if arguments.output is not None:
            write_sets_table(evaluation, arguments.output)
    except (OSError, ValueError) as error:
        complain(one_line(error))
        return 1
    for line in evaluation.passed_over:
        complain(line)
    return 0


def check_kind(arguments: argparse.Namespace) -> None:
    """Raises `UsageError` unless pairs or sets are asked for, with options of that kind alone."""
    of_pairs = {
        "--reference": arguments.reference,
        "--estimate": arguments.estimate,
        "--cutoff-freq": arguments.cutoff_freq,
        "--as-read": arguments.as_read,
        "--perceptual": arguments.perceptual,
        "--length-tolerance": arguments.length_tolerance != LENGTH_TOLERANCE,
    }
    of_sets = {"--embedding": arguments.embedding, "--captions": arguments.captions}
    if not arguments.sets and not (arguments.reference and arguments.estimate):
        raise UsageError("name folders: --reference DIR and --estimate DIR, or --sets REF GEN")
    for option, given in (of_pairs if arguments.sets else of_sets).items():
        if given:
            raise UsageError(f"{option} doesn't go with {'--sets' if arguments.sets else 'pairs, but with --sets'}")


def check_output(output: Path, overwrite: bool, written: tuple[str, ...]) -> None:
    """Refuses to write where something else is."""
    if output.exists() and not output.is_dir():
        raise UsageError(f"--output {output} is a file; name a folder")
    existing = [name for name in written if (output / name).exists()]
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
