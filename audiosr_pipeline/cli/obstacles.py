"""What is in the way of outputs, found before the work: names taken, folders that can't be written, no space."""

import os
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from audiosr_pipeline.audio_io import audio_length, kept_subtype, sample_format
from audiosr_pipeline.cli.arguments import STDOUT, UsageError
from audiosr_pipeline.cli.enhance_plan import Job, is_own
from audiosr_pipeline.cli.parts import PREFIX, SUFFIX, remove_left_parts
from audiosr_pipeline.cli.streams import is_stream

SAMPLING_RATE = 48_000
# Bytes per sample; of what is compressed fewer than come out of almost any audio.
BYTES_PER_SAMPLE = {"PCM_16": 2.0, "PCM_24": 3.0, "FLOAT": 4.0, "VORBIS": 0.05}
FLAC_SHARE = 0.2
# Hardly any output has as many bytes for each of its input's. Where that fits, headers need not be read: some formats
# have none that says the length.
LARGEST_GROWTH = 1_000


def find_obstacles(jobs: Sequence[Job], overwrite: bool) -> dict[Job, Exception]:
    """What is in the way of each job that can't be carried out, before a model is loaded. Their folders are made.

    Raises:
        UsageError: If none of the outputs can be written, or they are larger than what is free.
    """
    obstacles: dict[Job, Exception] = {}
    for job in jobs:
        try:
            _check_names(job, overwrite)
        except (OSError, ValueError) as error:
            obstacles[job] = error
    to_run = [job for job in jobs if job not in obstacles and job.output != STDOUT and (overwrite or not job.is_done)]
    _check_space(to_run)
    reasons: dict[Path, OSError | None] = {}
    for job in to_run:
        folder = job.output.parent
        if folder not in reasons:
            reasons[folder] = try_to_write(folder)
        if (reason := reasons[folder]) is not None:
            obstacles[job] = reason
    if reasons and None not in reasons.values():
        raise UsageError(f"-o: {next(iter(reasons.values()))}; name another folder")
    return obstacles


def remove_left(jobs: Sequence[Job]) -> None:
    """Removes what runs that were killed have left beside the outputs."""
    names: dict[Path, set[str]] = defaultdict(set)
    for job in jobs:
        if job.output != STDOUT:
            names[job.output.parent] |= {path.name for path in (job.output, *job.beside)}
    for folder, of_folder in names.items():
        remove_left_parts(folder, of_folder)


def check_free(folder: Path, num_bytes: float) -> None:
    """Compares what is to be written with what is free.

    Raises:
        OSError: If it isn't enough.
    """
    free = shutil.disk_usage(_existing(folder)).free
    if num_bytes > free:
        raise OSError(
            f"{folder} has {_megabytes(free)} left, and {_megabytes(num_bytes)} or more are needed: free some"
        )


def smallest_size(suffix: str, subtype: str, num_samples: int, sampling_rate: int, num_channels: int) -> float:
    """How many bytes the output of so much audio has at least."""
    share = FLAC_SHARE if suffix == ".flac" else 1
    return num_samples * SAMPLING_RATE / sampling_rate * num_channels * BYTES_PER_SAMPLE[subtype] * share


def try_to_write(folder: Path) -> OSError | None:
    """Makes a folder and something in it; returns why that can't be done, None if it can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = tempfile.mkdtemp(prefix=PREFIX, suffix=SUFFIX, dir=folder)
    except OSError as error:
        return OSError(f"{folder} can't be written: {(error.strerror or str(error)).lower()}")
    # Another run may take it for one that was left behind.
    with suppress(OSError):
        os.rmdir(made)
    return None


def _check_space(jobs: Sequence[Job]) -> None:
    """Raises `UsageError` if all outputs together are larger than what is free."""
    needed: Counter[int] = Counter()
    folders = {}
    num_bytes = sum(job.source.stat().st_size for job in jobs if job.source.is_file())
    frees = [shutil.disk_usage(folder).free for folder in {_existing(job.output.parent) for job in jobs}]
    if not frees or LARGEST_GROWTH * num_bytes < min(frees):
        return
    for job in jobs:
        folder = _existing(job.output.parent)
        disk = folder.stat().st_dev
        folders[disk] = folder
        needed[disk] += round(_size_by_header(job))
        # An old output goes when the new one takes its place.
        needed[disk] -= job.output.stat().st_size if job.is_done else 0
    for disk, folder in folders.items():
        try:
            check_free(folder, needed[disk])
        except OSError as error:
            raise UsageError(f"-o: {error}, or name a folder on another disk") from error


def _size_by_header(job: Job) -> float:
    """How many bytes the output has at least, as far as its input's header tells: one channel, because it may not."""
    if is_stream(job.source):
        return 0
    try:
        num_samples, sampling_rate = audio_length(job.source)
        subtype = job.subtype or kept_subtype(job.suffix, sample_format(job.source))
    except ValueError:  # Reading will say why.
        return 0
    return smallest_size(job.suffix, subtype, num_samples, sampling_rate, 1)


def _check_names(job: Job, overwrite: bool) -> None:
    """Raises what is in the way of a job's files as far as their names tell."""
    if job.output == STDOUT:
        return
    for path in (job.output, *job.beside):
        with suppress(FileNotFoundError):
            # Fails also if the name is too long, or a file stands where a folder is needed.
            path.lstat()
            if path.exists() and not path.is_file():
                raise ValueError(f"{path} is there, and is no file")
    if job.is_done and not overwrite:
        if is_stream(job.source):
            raise FileExistsError(
                f"{job.output} is there, and whether it is of what comes from the pipe now can't be known: --overwrite "
                "replaces it"
            )
        return
    for path in (job.output, *job.beside):
        if path.exists() and not is_own(path, job):
            raise FileExistsError(
                f"{path} is there, and is no file that this program made of such an input: move it, or name another "
                "folder"
            )


def _existing(folder: Path) -> Path:
    """The folder itself, or the next of those above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _megabytes(num_bytes: float) -> str:
    return f"{num_bytes / 1e6:,.1f} MB"
