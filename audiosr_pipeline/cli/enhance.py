"""Takes audio files to 48 kHz. What is in OUT already is kept: an interrupted run goes on where it stopped."""

import argparse
import os
import sys
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

from tqdm import tqdm

from audiosr_pipeline.cli.arguments import DEVICE, INPUTS, STDOUT, device, number
from audiosr_pipeline.cli.enhance_file import complete_file, enhance_file
from audiosr_pipeline.cli.enhance_plan import SUBTYPES, Job, output_path, plan
from audiosr_pipeline.cli.messages import OUTCOMES, complain, describe_error, say
from audiosr_pipeline.cli.model import check_model, load_pipeline
from audiosr_pipeline.cli.obstacles import find_obstacles, remove_left
from audiosr_pipeline.cli.streams import shown
from audiosr_pipeline.pipelines.inspection import ON_FULL_BAND
from audiosr_pipeline.printable import printable

OUTPUT = (
    "a folder, in which a.mp3 becomes a.wav, or a.mp3.wav if another audio file beside a.mp3 would be a.wav too; for a "
    "single input also a file, or - for stdout"
)
FULL_BAND = "files that lack no highs are written as they are (skip, the default), run all the same, or failed (error)"
SAMPLE_FORMAT = "of wav and, but for float, flac; default: the input's, or pcm16 if it is lossy or of 8 bits"
SEED = "where the noise starts in every file, whatever the others are; default: 0"


def add_parser(commands: Any) -> None:
    """Options of `enhance`."""
    parser = commands.add_parser("enhance", help="take audio files to 48 kHz", description=__doc__)
    parser.set_defaults(command=run)
    option = parser.add_argument
    option("inputs", nargs="+", metavar="IN", help=INPUTS)
    option("-o", "--output", metavar="OUT", type=output_path, required=True, help=OUTPUT)
    option("--model", default="audiosr-mini", help="a folder, a model of this package, or a Hub id")
    option("--device", type=device, help=DEVICE)
    option("--steps", type=number(int, 1), metavar="N", help="denoising steps; default: the model's")
    option("--guidance-scale", type=number(float, 0), metavar="W", help="weight of the guidance; default: the model's")
    option("--eta", type=number(float, 0, 1), help="noise added in each step, 0 to 1; default: the model's")
    option("--cutoff-freq", type=number(float, 0), metavar="HZ", help="where the inputs' own band ends; default: found")
    option("--on-full-band", choices=ON_FULL_BAND, default="skip", help=FULL_BAND)
    option("--seed", type=number(int, 0, 2**63 - 1), default=0, help=SEED)
    option("--format", choices=("wav", "flac", "ogg"), help="default: as OUT is named, else wav")
    option("--sample-format", choices=SUBTYPES, help=SAMPLE_FORMAT)
    option("--overwrite", action="store_true", help="make again what is in OUT already")
    option("--report", action="store_true", help="write a JSON report beside each output")
    option("--spectrogram", action="store_true", help="draw each file before and after, as a PNG beside the output")
    option("--quiet", action="store_true", help="print failures alone")


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
