"""`enhance`: each input that isn't in OUT already."""

import argparse
import os
import sys
import unicodedata
from collections import Counter
from importlib import import_module
from pathlib import Path

from tqdm import tqdm

from audiosr_pipeline.cli.arguments import STDOUT
from audiosr_pipeline.cli.enhance_file import complete_file, enhance_file
from audiosr_pipeline.cli.enhance_plan import Job, plan
from audiosr_pipeline.cli.messages import OUTCOMES, complain, describe_error, say
from audiosr_pipeline.cli.model import check_model, load_pipeline
from audiosr_pipeline.cli.obstacles import find_obstacles, remove_left
from audiosr_pipeline.cli.signals import importing
from audiosr_pipeline.cli.streams import shown
from audiosr_pipeline.printable import printable


def run(arguments: argparse.Namespace) -> int:
    """Enhances each input that isn't in OUT already; returns the exit code."""
    jobs, failures = plan(arguments)
    check_model(arguments.model)
    remove_left(jobs)
    obstacles = find_obstacles(jobs, arguments.overwrite)
    for failure in failures:
        complain(failure)
    counts = Counter(failed=len(failures))
    hide_bars = arguments.quiet or sys.stderr is None or not sys.stderr.isatty()
    to_stderr = arguments.output == STDOUT
    num_seen = 0
    try:
        to_run = {job for job in jobs if job not in obstacles and (arguments.overwrite or not job.is_done)}
        pipeline = load_pipeline(arguments.model, arguments.device, hide_bars) if to_run else None
        if arguments.spectrogram:
            with importing():
                import_module("audiosr_pipeline.spectrogram")
        seen: dict[tuple[int, int], Job] = {}
        for job in tqdm(jobs, desc="enhance", unit="file", disable=hide_bars):
            try:
                if job in obstacles:
                    raise obstacles[job]
                check_not_another(job, seen)
                if pipeline is not None and job in to_run:
                    name = printable(shown(job.source) if to_stderr else job.source.name)
                    pipeline.set_progress_bar_config(desc=name, leave=False, disable=hide_bars)
                    outcome, line = enhance_file(pipeline, job, arguments)
                else:
                    outcome, line = complete_file(job)
                remember(job, seen)
            # Whatever is wrong with one file, the others are still to be done.
            except Exception as error:
                outcome = "failed"
                complain(describe_error(shown(job.source), error))
            else:
                if not arguments.quiet:
                    say(f"{shown(job.source)} -> {shown(job.output)}: {line}", to_stderr)
            counts[outcome] += 1
            num_seen += 1
    except KeyboardInterrupt:
        again = "starts over, because of --overwrite" if arguments.overwrite else "goes on from there"
        complain(f"interrupted after {num_seen} of {len(jobs)} files; the same command {again}")
        return 130
    if not arguments.quiet:
        say(", ".join(f"{counts[outcome]} {label}" for outcome, label in OUTCOMES.items()), to_stderr)
    return 1 if counts["failed"] else 0


def check_not_another(job: Job, seen: dict[tuple[int, int], Job]) -> None:
    """Raises an error if an output is one of another input: to some disks "A.wav" and "a.wav" are one name."""
    if not job.is_done or (other := seen.get(_identity(job.output))) is None:
        return
    if _folded(job.output) == _folded(other.output):
        raise FileExistsError(
            f"{job.output} is the same file as {other.output}, the output of {shown(other.source)}: name another folder"
        )


def remember(job: Job, seen: dict[tuple[int, int], Job]) -> None:
    """Notes which file a job's output is."""
    if job.output != STDOUT:
        seen[_identity(job.output)] = job


def _identity(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _folded(path: Path) -> str:
    """The name as disks that don't tell all names apart take it."""
    return unicodedata.normalize("NFC", path.name).casefold()
