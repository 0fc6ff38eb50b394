"""Takes audio files to 48 kHz. What is in OUT already is kept: an interrupted run goes on where it stopped."""

import argparse
import json
import math
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.utils import logging
from tqdm import tqdm

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.audio_io import (
    AUDIO_SUFFIXES,
    check_subtype,
    fitting_gain,
    is_narrower,
    kept_subtype,
    read_audio,
    sample_format,
    write_audio,
)
from audiosr_pipeline.cli.arguments import INPUTS, UsageError, find_sources, number
from audiosr_pipeline.cli.messages import OUTCOMES, complain, describe_error, one_line
from audiosr_pipeline.pipelines.inspection import ON_FULL_BAND
from audiosr_pipeline.spectrogram import Clip, save_spectrograms
from audiosr_pipeline.writing import written_whole

SUBTYPES = {"pcm16": "PCM_16", "pcm24": "PCM_24", "float": "FLOAT"}
FULL_BAND = "files that lack no highs are written as they are (skip, the default), run all the same, or failed (error)"
SAMPLE_FORMAT = "of wav and, but for float, flac; default: the input's, or pcm16 if it is lossy or of 8 bits"
SEED = "where the noise starts in every file, whatever the others are; default: 0"


def add_parser(commands: Any) -> None:
    """Options of `enhance`."""
    parser = commands.add_parser("enhance", help="take audio files to 48 kHz", description=__doc__)
    parser.set_defaults(command=run)
    option = parser.add_argument
    option("inputs", nargs="+", metavar="IN", help=INPUTS)
    option("-o", "--output", metavar="OUT", type=Path, required=True, help="a folder; for a single input also a file")
    option("--model", default="audiosr-mini", help="a folder, a model of this package, or a Hub id")
    option("--device", help='"cpu", "cuda", "cuda:1", "mps"; default: cuda if there is one, else cpu')
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


@dataclass(frozen=True)
class Job:
    """An input and what is to be written for it.

    Args:
        source: Audio file to read.
        output: Audio file to write. If it is there, the input is done: it only ever appears whole.
        subtype: Its sample format; None if it follows the input's.
        report: JSON file to write beside it, None if it isn't asked for.
        spectrogram: PNG file to write beside it, None if it isn't asked for.
    """

    source: Path
    output: Path
    subtype: str | None
    report: Path | None
    spectrogram: Path | None


def run(arguments: argparse.Namespace) -> int:
    """Enhances each input that isn't in OUT already; returns the exit code."""
    jobs, failures = plan(arguments)
    for failure in failures:
        complain(failure)
    counts = Counter(failed=len(failures))
    hide_bars = arguments.quiet or not sys.stderr.isatty()
    num_seen = 0
    try:
        to_run = {job for job in jobs if arguments.overwrite or not job.output.is_file()}
        pipeline = load_pipeline(arguments.model, arguments.device, hide_bars) if to_run else None
        for job in tqdm(jobs, desc="enhance", unit="file", disable=hide_bars):
            try:
                if pipeline is not None and job in to_run:
                    pipeline.set_progress_bar_config(desc=job.source.name, leave=False, disable=hide_bars)
                    outcome, line = enhance_file(pipeline, job, arguments)
                else:
                    outcome, line = complete_file(job)
            # Whatever is wrong with one file, the others are still to be done.
            except Exception as error:
                outcome = "failed"
                complain(describe_error(job.source, error))
            else:
                if not arguments.quiet:
                    tqdm.write(f"{job.source} -> {job.output}: {line}")
            counts[outcome] += 1
            num_seen += 1
    except KeyboardInterrupt:
        again = "starts over, because of --overwrite" if arguments.overwrite else "goes on from there"
        complain(f"interrupted after {num_seen} of {len(jobs)} files; the same command {again}")
        return 130
    if not arguments.quiet:
        print(", ".join(f"{counts[outcome]} {label}" for outcome, label in OUTCOMES.items()))
    return 1 if counts["failed"] else 0


def plan(arguments: argparse.Namespace) -> tuple[list[Job], list[str]]:
    """What `enhance` is to do, and a line for each input in which there is nothing to do.

    Raises:
        UsageError: If OUT can't hold the outputs, two of them would be one file, or one would replace an input.
    """
    out: Path = arguments.output
    out_is_file = out.suffix.lower() in AUDIO_SUFFIXES and not out.is_dir()
    suffix = f".{arguments.format}" if arguments.format else out.suffix.lower() if out_is_file else ".wav"
    if out_is_file and suffix != out.suffix.lower():
        raise UsageError(f"-o {out} does not end in {suffix}, as --format {arguments.format} asks")
    try:
        subtype = check_subtype(suffix, SUBTYPES.get(arguments.sample_format))
    except ValueError as error:
        raise UsageError(str(error)) from error
    if not out_is_file and out.exists() and not out.is_dir():
        raise UsageError(f"-o {out} is a file, and not an audio file")
    sources, failures = find_sources(arguments.inputs, leave_out=out)
    if out_is_file and len(sources) + len(failures) > 1:
        raise UsageError(f"-o {out} is one file, but there are {len(sources)} inputs: name a folder")
    if not sources and not failures:
        raise UsageError(f"all inputs lie in -o {out}: name another folder")

    inputs = {source.resolve() for source, _ in sources}
    jobs: dict[Path, Job] = {}
    for source, relative in sources:
        output = out if out_is_file else out / relative.with_suffix(suffix)
        job = Job(
            source,
            output,
            subtype,
            output.with_suffix(".json") if arguments.report else None,
            output.with_suffix(".png") if arguments.spectrogram else None,
        )
        if output.resolve() in inputs:
            raise UsageError(f"{output} is an input, and would be overwritten: name another folder")
        other = jobs.setdefault(output.resolve(), job)
        if other.source.resolve() != source.resolve():
            raise UsageError(
                f"{other.source} and {source} would both be written to {output}: name the folder that they are in, or "
                "run them one by one"
            )
    return list(jobs.values()), failures


def load_pipeline(model: str, device: str | None, hide_bars: bool) -> AudioSRPipeline:
    """Loads the model and puts it on its device."""
    if hide_bars:
        logging.disable_progress_bar()
    try:
        pipeline = AudioSRPipeline.from_pretrained(model)
        pipeline.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    # From a Hub id on, what can go wrong here is too much to list; none of it is the fault of an input.
    except Exception as error:
        raise UsageError(f"--model {model} can't be loaded: {one_line(error)}") from error
    return pipeline


def enhance_file(pipeline: AudioSRPipeline, job: Job, arguments: argparse.Namespace) -> tuple[str, str]:
    """Enhances an input and writes all that is asked for, or nothing.

    Returns:
        What became of it, a key of `OUTCOMES`, and a line about it.
    """
    for path in (job.report, job.spectrogram):
        if path is not None and path.exists() and not arguments.overwrite:
            raise FileExistsError(f"{path} is there, but not {job.output}: --overwrite replaces it")
    audio, sampling_rate = read_audio(job.source)
    source_subtype = sample_format(job.source)
    subtype = job.subtype or kept_subtype(job.output.suffix, source_subtype)
    dither = is_narrower(subtype, source_subtype)
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
    gain = fitting_gain(enhanced, subtype)
    gain_db = 20 * math.log10(gain)
    enhanced *= np.float32(gain)
    job.output.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:
        if job.report is not None:
            samples = {"input_subtype": source_subtype, "output_subtype": subtype, "output_dithered": dither}
            fields = {"input": str(job.source), "output": str(job.output), **samples}
            fields |= {"output_gain_db": gain_db, **report.to_dict()}
            text = json.dumps(fields, indent=2, allow_nan=False)
            files.enter_context(written_whole(job.report)).write_text(text + "\n", encoding="utf-8")
        if job.spectrogram is not None:
            png = files.enter_context(written_whole(job.spectrogram))
            draw(png, job, (audio, sampling_rate), (enhanced, result.sampling_rate))
        write_audio(job.output, enhanced, result.sampling_rate, subtype, dither)
    remarks = [report.reason, *report.notes]
    if gain < 1:
        remarks.append(f"level lowered by {-gain_db:.2f} dB, because {subtype} would clip")
    if dither:
        remarks.append(f"written as {subtype}, narrower than the input's {source_subtype}: dithered")
    return report.action, f"{OUTCOMES[report.action]}: {'; '.join(remarks)}"


def complete_file(job: Job) -> tuple[str, str]:
    """Leaves an output as it is; only a spectrogram that is missing beside it is drawn."""
    if job.report is not None and not job.report.exists():
        raise FileExistsError(f"{job.output} is there, but not {job.report}: --overwrite makes both again")
    if job.spectrogram is None or job.spectrogram.exists():
        return "done", OUTCOMES["done"]
    with written_whole(job.spectrogram) as png:
        draw(png, job, read_audio(job.source), read_audio(job.output))
    return "done", f"{OUTCOMES['done']}, but for the spectrogram"


def draw(path: Path, job: Job, before: Clip, after: Clip) -> None:
    """Draws the spectrogram of a file before and after."""
    clips = {f"{name}, {clip[1] / 1_000:g} kHz": clip for name, clip in (("before", before), ("after", after))}
    save_spectrograms(path, clips, title=job.source.name)
