"""The answers of a study, turned into tables, a figure and a report."""

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from audiosr_pipeline.csv_files import write_csv
from audiosr_pipeline.study.answers import Answer, Key, Rejected, read_answers, read_key
from audiosr_pipeline.study.exclusions import ExclusionRules, judge_listeners
from audiosr_pipeline.study.figure import save_figure
from audiosr_pipeline.study.report import report_html
from audiosr_pipeline.study.results import Analysis, planning, summarise
from audiosr_pipeline.study.tables import tables
from audiosr_pipeline.version import __version__
from audiosr_pipeline.writing import new_folder

PACKAGES = ("numpy", "scipy", "matplotlib")


def analyse_answers(
    answer_files: Sequence[Path | str],
    key_file: Path | str,
    output: Path | str,
    rules: ExclusionRules | None = None,
    seed: int = 0,
) -> Analysis:
    """Writes what the answers of a study say; `tables.summary` puts it in a few lines.

    Args:
        answer_files: CSV files as the page downloads them and `study serve` writes them, in any order; an answer that
            is in several of them counts once.
        key_file: `key.csv` of the study.
        output: Folder to write, new or empty: `report.html`, `figure1.png` and `figure1.svg` (if there are
            preferences), and the tables as CSV. It appears whole or not at all.
        rules: Who is left out; None is the defaults of `ExclusionRules`.
        seed: Of the resampling. The same answers with the same seed give the same files.

    Returns:
        What the files hold.

    Raises:
        FileNotFoundError: If a file doesn't exist.
        FileExistsError: If `output` is there and not empty.
        ValueError: If the key isn't one, or no row of the answers belongs to it.
    """
    with new_folder(output) as folder:
        key = read_key(key_file)
        answers, rejected = read_answers(answer_files, key)
        analysis = analyse(answers, key, rejected, rules or ExclusionRules(), seed)
        for name, rows in tables(analysis).items():
            write_csv(folder / name, rows)
        drawing = None
        if analysis.results.preferences:
            save_figure(folder, analysis.results.preferences)
            drawing = (folder / "figure1.svg").read_text(encoding="utf-8")
        (folder / "report.html").write_text(report_html(analysis, drawing), encoding="utf-8")
    return analysis


def analyse(
    answers: Sequence[Answer], key: Key, rejected: Sequence[Rejected], rules: ExclusionRules, seed: int
) -> Analysis:
    """What checked answers say; the arguments are those of `analyse_answers` and what `read_answers` returns."""
    listeners = judge_listeners(answers, key, rules)
    kept = [listener for listener in listeners if not listener.reasons]
    # Each from the seed anew, so that without exclusions both are the same.
    results = summarise(answers, key, kept, np.random.default_rng(seed))
    return Analysis(
        study=key.study,
        rules=rules,
        listeners=listeners,
        results=results,
        results_of_all=summarise(answers, key, listeners, np.random.default_rng(seed)),
        powers=planning(results.preferences),
        rejected=list(rejected),
        seed=seed,
        versions={
            "audiosr-pipeline": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
    )
