"""One input of `enhance`: read, enhanced and written, or found done."""

import argparse
import hashlib
import json
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiosr_pipeline.audio_io import (
    audio_channels,
    audio_length,
    audio_notes,
    fitting_gain,
    is_narrower,
    kept_subtype,
    read_audio,
    read_comment,
    sample_format,
    write_audio,
)
from audiosr_pipeline.cli.arguments import STDOUT
from audiosr_pipeline.cli.enhance_plan import MADE_FROM, Job, is_own
from audiosr_pipeline.cli.messages import OUTCOMES
from audiosr_pipeline.cli.obstacles import SAMPLING_RATE, check_free, smallest_size
from audiosr_pipeline.cli.parts import part_folder, publish
from audiosr_pipeline.cli.streams import as_file, as_text, deliver, shown
from audiosr_pipeline.printable import printable

if TYPE_CHECKING:
    from audiosr_pipeline import AudioSRPipeline
    from audiosr_pipeline.spectrogram import Clip


def enhance_file(pipeline: "AudioSRPipeline", job: Job, arguments: argparse.Namespace) -> tuple[str, str]:
    """Enhances an input and writes all that is asked for, or nothing.

    Returns:
        What became of it, a key of `OUTCOMES`, and a line about it.
    """
    # Not needed where all is done already.
    import torch

    with as_file(job.source) as path:
        audio, sampling_rate = read_audio(path)
        source_subtype, reading_notes = sample_format(path), audio_notes(path)
        input_sha256 = checksum(path)
    subtype = job.subtype or kept_subtype(job.suffix, source_subtype)
    dither = is_narrower(subtype, source_subtype)
    num_channels, num_samples = audio.shape
    if job.output != STDOUT:
        check_free(job.output.parent, smallest_size(job.suffix, subtype, num_samples, sampling_rate, num_channels))
    result: Any = pipeline(
        [audio],
        sampling_rate=sampling_rate,
        num_inference_steps=arguments.steps,
        guidance_scale=arguments.guidance_scale,
        eta=arguments.eta,
        cutoff_freq=arguments.cutoff_freq,
        on_full_band=arguments.on_full_band,
        generator=torch.Generator().manual_seed(arguments.seed),
    )
    enhanced, report = result.audios[0], result.reports[0]
    check_result(enhanced, (num_channels, enhanced_length(num_samples, sampling_rate)))
    gain = fitting_gain(enhanced, subtype)
    gain_db = 20 * math.log10(gain)
    enhanced *= np.float32(gain)
    remarks = [report.reason, *reading_notes, *report.notes]
    if gain < 1:
        remarks.append(f"level lowered by {-gain_db:.2f} dB, because {subtype} would clip")
    if dither:
        remarks.append(f"written as {subtype}, narrower than the input's {source_subtype}: dithered")
    line = f"{OUTCOMES[report.action]}: {'; '.join(remarks)}"

    with _naming(job), part_folder(None if job.output == STDOUT else job.output.parent) as folder:
        # In the order in which they get their names: a report without its output is made again, and a spectrogram can
        # be drawn from the files.
        parts = {}
        if job.report is not None:
            samples = {"input_subtype": source_subtype, "output_subtype": subtype, "output_dithered": dither}
            names = {"input": as_text(job.source), "output": as_text(job.output)}
            fields = {**names, "input_sha256": input_sha256, **samples}
            fields |= {"output_gain_db": gain_db, **report.to_dict()}
            parts[job.report] = folder / "report.json"
            text = json.dumps(fields, indent=2, allow_nan=False)
            parts[job.report].write_text(text + "\n", encoding="utf-8")
        parts[job.output] = folder / f"audio{job.suffix}"
        comment = "" if job.output == STDOUT else f"{MADE_FROM}{input_sha256}"
        write_part(parts[job.output], job, enhanced, result.sampling_rate, subtype, dither, comment)
        if job.spectrogram is not None:
            parts[job.spectrogram] = folder / "spectrogram.png"
            draw(parts[job.spectrogram], job, (audio, sampling_rate), (enhanced, result.sampling_rate))
        if job.output == STDOUT:
            deliver(parts[job.output])
        elif not publish(parts, job.output, arguments.overwrite, job.stale):
            check_done(job)
            return "done", f"{OUTCOMES['done']}, by another run"
    return report.action, line


def complete_file(job: Job) -> tuple[str, str]:
    """Leaves an output as it is; only a spectrogram that is missing beside it is drawn.

    Raises:
        ValueError: If it is of another input: see `check_done`.
    """
    if job.report is not None and not (job.report.is_file() and is_own(job.report, job)):
        raise FileExistsError(f"{job.output} is there, but not {job.report}: --overwrite makes both again")
    check_done(job)
    if job.spectrogram is not None and job.spectrogram.exists() and not is_own(job.spectrogram, job):
        raise FileExistsError(f"{job.spectrogram} is there, and is no spectrogram of this program's: move it")
    if job.spectrogram is None or job.spectrogram.exists():
        return "done", OUTCOMES["done"]
    with _naming(job), part_folder(job.output.parent) as folder:
        part = folder / "spectrogram.png"
        draw(part, job, read_audio(job.source), read_audio(job.output))
        publish({job.spectrogram: part}, job.spectrogram, overwrite=False)
    return "done", f"{OUTCOMES['done']}, but for the spectrogram"


def enhanced_length(num_samples: int, sampling_rate: int) -> int:
    """How many samples so many become at 48 kHz."""
    return round(num_samples * SAMPLING_RATE / sampling_rate)


def check_result(enhanced: np.ndarray, shape: tuple[int, int]) -> None:
    """Raises an error rather than let less audio than the input holds, or no audio, be written."""
    if enhanced.shape != shape:
        raise RuntimeError(f"the result has the shape {enhanced.shape} instead of {shape}")
    # Not `isfinite` of all, which would make a copy of a long recording.
    if not (np.isfinite(enhanced.max()) and np.isfinite(enhanced.min())):
        raise ValueError("the result holds NaN or infinity: other settings, or another model, may give a usable one")


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            found.update(block)
    return found.hexdigest()


def check_done(job: Job) -> None:
    """Raises a ValueError if an output isn't of its input, by the checksum that it keeps, or not as it is asked for."""
    comment = read_comment(job.output)
    is_ours = comment.startswith(MADE_FROM)
    remedy = "--overwrite replaces it" if is_ours else "move it, or name another folder"
    if is_ours:
        if comment != f"{MADE_FROM}{checksum(job.source)}":
            raise ValueError(
                f"{job.output} is there, but was made from another recording, or this one has changed since: "
                "--overwrite replaces it"
            )
    elif audio_channels(job.output) != audio_channels(job.source):
        raise ValueError(
            f"{job.output} is there, but with {audio_channels(job.output)} channels, and this input has "
            f"{audio_channels(job.source)}: it is of other audio: {remedy}"
        )
    if job.subtype is not None and (found := sample_format(job.output)) != job.subtype:
        raise ValueError(f"{job.output} is there, but as {found} and not {job.subtype}: {remedy}")
    with suppress(ValueError):
        if audio_length(job.output)[0] == enhanced_length(*audio_length(job.source)):
            return
    audio, sampling_rate = read_audio(job.source)
    expected = enhanced_length(audio.shape[-1], sampling_rate)
    num_written = read_audio(job.output)[0].shape[-1]
    if num_written != expected:
        raise ValueError(
            f"{job.output} is there, but holds {num_written} samples, where this input gives {expected}: it is of "
            f"other audio, or was cut: {remedy}"
        )


def write_part(
    part: Path, job: Job, audio: np.ndarray, sampling_rate: int, subtype: str, dither: bool, comment: str
) -> None:
    """Writes the part of an output; an error names the output."""
    try:
        write_audio(part, audio, sampling_rate, subtype, dither, comment)
    except ValueError as error:
        raise ValueError(str(error).replace(str(part), _place(job))) from error


@contextmanager
def _naming(job: Job) -> Iterator[None]:
    """Has errors of the system name what could not be written."""
    try:
        yield
    except OSError as error:
        # The package's own name it already.
        if error.errno is None:
            raise
        raise OSError(f"{_place(job)}: can't be written: {(error.strerror or str(error)).lower()}") from error


def _place(job: Job) -> str:
    """Where an output is written: on its way to stdout it is a temporary file."""
    if job.output == STDOUT:
        return f"{tempfile.gettempdir()}, the folder for what is temporary (TMPDIR)"
    return shown(job.output)


def draw(path: Path, job: Job, before: "Clip", after: "Clip") -> None:
    """Draws the spectrogram of a file before and after."""
    from audiosr_pipeline.spectrogram import save_spectrograms

    clips = {f"{name}, {clip[1] / 1_000:g} kHz": clip for name, clip in (("before", before), ("after", after))}
    save_spectrograms(path, clips, title=printable(job.source.name))
