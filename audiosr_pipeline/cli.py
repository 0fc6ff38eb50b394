"""`audiosr-pipeline`: parses, calls the public API, writes files.

Exit codes: 0 all done, 1 some inputs failed and the others are done, 2 bad usage, 130 interrupted.
"""

import argparse
import dataclasses
import glob
import io
import json
import math
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from diffusers.utils import logging
from tqdm import tqdm
from transformers.utils import logging as transformers_logging

from audiosr_pipeline import AudioSRPipeline, __version__
from audiosr_pipeline.audio_io import (
    AUDIO_SUFFIXES,
    audio_files,
    check_subtype,
    fitting_gain,
    read_audio,
    write_audio,
    written_whole,
)
from audiosr_pipeline.convert.components import convert_checkpoint
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.evaluate import evaluate
from audiosr_pipeline.pipelines.inputs import load_clips
from audiosr_pipeline.pipelines.inspection import ON_FULL_BAND, inspect_clip
from audiosr_pipeline.spectrogram import Clip, save_spectrograms
from audiosr_pipeline.training.assemble import AssemblySettings, assemble
from audiosr_pipeline.training.ldm import LDMSettings, train_ldm
from audiosr_pipeline.training.vae import VAESettings, train_vae
from audiosr_pipeline.training.vocoder import VocoderSettings, train_vocoder

SUBTYPES = {"pcm16": "PCM_16", "pcm24": "PCM_24", "float": "FLOAT"}
# What can become of a file: the report's actions and the command line's own, in the order of the closing line.
OUTCOMES = {
    "enhanced": "enhanced",
    "silent": "silent",
    "left_alone": "left alone",
    "done": "already done",
    "failed": "failed",
}

ENHANCE = "Takes audio files to 48 kHz. What is in OUT already is kept: an interrupted run goes on where it stopped."
INSPECT = "Prints what is found in audio files, and what `enhance` would do with them; needs no model."
CONVERT = "Makes a model folder, as enhance --model takes it, from the official AudioSR checkpoint; runs no code in it."
EVALUATE = "Scores the files of a folder against those of the same name in another."
TRAIN = "Trains the parts of a model on your audio, and puts them together. On several GPUs: with accelerate launch."
# Of each part its settings, what carries them out, and what that does.
TRAINERS: dict[str, tuple[type[Any], Callable[[Any], None], str]] = {
    "vae": (VAESettings, train_vae, "train the autoencoder"),
    "ldm": (LDMSettings, train_ldm, "train the diffusion model, for a trained autoencoder"),
    "vocoder": (VocoderSettings, train_vocoder, "train the vocoder"),
    "assemble": (AssemblySettings, assemble, "put trained parts together into a model, as enhance --model takes it"),
}
INPUTS = "audio files, folders (with their subfolders), patterns like *.wav"
FULL_BAND = "files that lack no highs are written as they are (skip, the default), run all the same, or failed (error)"
SEED = "where the noise starts in every file, whatever the others are; default: 0"
NEW_BAND = "above which the estimates are new; without it the new band gets no scores"


class UsageError(Exception):
    """A command line that can't be carried out, in one line."""


class Parser(argparse.ArgumentParser):
    """Answers bad usage with one line instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} ({self.prog} --help says more)")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code (see above)."""
    # Not every file name can be printed in every encoding.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        arguments = build_parser().parse_args(argv)
        return arguments.command(arguments)
    except UsageError as error:
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        complain("interrupted")
        return 130


def build_parser() -> Parser:
    """The parser of all commands; each sets `command`, a function of the arguments that returns the exit code."""
    parser = Parser(prog="audiosr-pipeline", description="Audio super-resolution to 48 kHz.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_enhance(commands)
    add_inspect(commands)
    add_convert(commands)
    add_evaluate(commands)
    add_train(commands)
    return parser


def add_enhance(commands: Any) -> None:
    """Options of `enhance`."""
    parser = commands.add_parser("enhance", help="take audio files to 48 kHz", description=ENHANCE)
    parser.set_defaults(command=run_enhance)
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
    option("--sample-format", choices=SUBTYPES, help="of wav and, but for float, flac; default: pcm16")
    option("--overwrite", action="store_true", help="make again what is in OUT already")
    option("--report", action="store_true", help="write a JSON report beside each output")
    option("--spectrogram", action="store_true", help="draw each file before and after, as a PNG beside the output")
    option("--quiet", action="store_true", help="print failures alone")


def add_inspect(commands: Any) -> None:
    """Options of `inspect`."""
    parser = commands.add_parser("inspect", help="print what is found in audio files", description=INSPECT)
    parser.set_defaults(command=run_inspect)
    parser.add_argument("inputs", nargs="+", metavar="IN", help=INPUTS)
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table")


def add_convert(commands: Any) -> None:
    """Options of `convert`."""
    parser = commands.add_parser("convert", help="make a model of the official checkpoint", description=CONVERT)
    parser.set_defaults(command=run_convert)
    option = parser.add_argument
    option("checkpoint", metavar="PATH", type=Path, help="pytorch_model.bin, or .safetensors with the same keys")
    option("output", metavar="DIR", type=Path, help="a folder that is not there yet, or empty")


def add_evaluate(commands: Any) -> None:
    """Options of `evaluate`."""
    parser = commands.add_parser("evaluate", help="score outputs against the true recordings", description=EVALUATE)
    parser.set_defaults(command=run_evaluate)
    option = parser.add_argument
    option("--reference", metavar="DIR", type=Path, required=True, help="the true recordings")
    option("--estimate", metavar="DIR", type=Path, required=True, help="what was made of them")
    option("--cutoff-freq", type=number(float, 0), metavar="HZ", help=NEW_BAND)
    option("--as-read", action="store_true", help="compare the samples as read, instead of rounded to 16 bit")
    option("--output", metavar="CSV", type=Path, help="also write the scores of each file")
    option("--overwrite", action="store_true", help="replace CSV if it is there")
    option("--quiet", action="store_true", help="show no progress")


def add_train(commands: Any) -> None:
    """Options of `train`: each field of a part's settings."""
    parser = commands.add_parser("train", help="train a model on your audio", description=TRAIN)
    parts = parser.add_subparsers(required=True, metavar="PART")
    for name, (settings, run, description) in TRAINERS.items():
        part = parts.add_parser(name, help=description, description=f"{description[0].upper()}{description[1:]}.")
        part.set_defaults(command=run_train, settings=settings, run=run)
        part.add_argument("--preset", choices=settings.presets, default="mini", help="default: %(default)s")
        for field in dataclasses.fields(settings):
            is_required = field.default is dataclasses.MISSING
            part.add_argument(
                "--" + field.name.replace("_", "-"),
                # What isn't given comes from the preset.
                default=argparse.SUPPRESS,
                required=is_required,
                help=_help(field),
                **({"nargs": "+"} if is_required else {"type": type(field.default)}),
            )


def _help(field: Any) -> str:
    """What a setting's field says of itself, and its default."""
    text = field.metadata.get("help", "")
    if field.default is not dataclasses.MISSING:
        text += f"; default: {field.default}" if field.default != "" else ""
    return text.replace("%", "%%")


def number(kind: Callable[[str], float], lowest: float, highest: float = math.inf) -> Callable[[str], float]:
    """An argparse type: a finite number within bounds."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (lowest <= value <= highest and math.isfinite(value)):
            bounds = f"from {lowest} on" if highest == math.inf else f"from {lowest} to {highest}"
            raise argparse.ArgumentTypeError(f"{text} is not a {'whole ' if kind is int else ''}number {bounds}")
        return value

    return parse


@dataclass(frozen=True)
class Job:
    """An input and what is to be written for it.

    Args:
        source: Audio file to read.
        output: Audio file to write. If it is there, the input is done: it only ever appears whole.
        subtype: Its sample format.
        report: JSON file to write beside it, None if it isn't asked for.
        spectrogram: PNG file to write beside it, None if it isn't asked for.
    """

    source: Path
    output: Path
    subtype: str
    report: Path | None
    spectrogram: Path | None


def run_enhance(arguments: argparse.Namespace) -> int:
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


def find_sources(inputs: Sequence[str], leave_out: Path | None = None) -> tuple[list[tuple[Path, Path]], list[str]]:
    """Finds the files that are meant by files, folders and patterns.

    Args:
        inputs: As given by the user.
        leave_out: Folder whose files are not inputs, even if it lies in a folder that is.

    Returns:
        The files, each with its path below the folder it was found in (its name if it was named itself), whether or not
        they exist and are audio; and a line for each folder without audio files.
    """
    sources, failures = [], []
    for given in inputs:
        # A file may be called "take [2].wav": what exists is no pattern.
        matches = [given] if os.path.lexists(given) else sorted(glob.glob(given, recursive=True)) or [given]
        for path in map(Path, matches):
            if not path.is_dir():
                sources.append((path, Path(path.name)))
                continue
            files = audio_files(path)
            if not files:
                failures.append(f"{path}: a folder without audio files")
            if leave_out is not None and leave_out.resolve() not in path.resolve().parents:
                files = [file for file in files if leave_out.resolve() not in file.resolve().parents]
            sources += [(file, file.relative_to(path)) for file in files]
    return sources, failures


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
    gain = fitting_gain(enhanced, job.subtype)
    gain_db = 20 * math.log10(gain)
    enhanced *= np.float32(gain)
    job.output.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:
        if job.report is not None:
            written = {"output_subtype": job.subtype, "output_gain_db": gain_db}
            fields = {"input": str(job.source), "output": str(job.output), **written, **report.to_dict()}
            text = json.dumps(fields, indent=2, allow_nan=False)
            files.enter_context(written_whole(job.report)).write_text(text + "\n", encoding="utf-8")
        if job.spectrogram is not None:
            png = files.enter_context(written_whole(job.spectrogram))
            draw(png, job, (audio, sampling_rate), (enhanced, result.sampling_rate))
        write_audio(job.output, enhanced, result.sampling_rate, job.subtype)
    remarks = [report.reason, *report.notes]
    if gain < 1:
        remarks.append(f"level lowered by {-gain_db:.2f} dB, because {job.subtype} would clip")
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


def run_inspect(arguments: argparse.Namespace) -> int:
    """Prints what is found in each input; returns the exit code."""
    sources, failures = find_sources(arguments.inputs)
    for failure in failures:
        complain(failure)
    rows = []
    if not arguments.json:
        print("   rate  channels    length      peak   cutoff  bandwidth  file: what would become of it")
    for source, _ in sources:
        try:
            row = inspect_file(source)
        except Exception as error:
            complain(describe_error(source, error))
            continue
        rows.append(row)
        if not arguments.json:
            numbers = (
                f"{row['sampling_rate']:7d}{row['num_channels']:10d}{row['duration_s']:8.2f} s{row['peak_db']:7.1f} dB"
                f"{row['cutoff_freq']:6.0f} Hz{row['bandwidth']:8.0f} Hz"
            )
            remarks = "; ".join([OUTCOMES[row["action"]], row["reason"], *row["notes"]])
            print(f"{numbers}  {source}: {remarks}")
    if arguments.json:
        print(json.dumps(rows, indent=2, allow_nan=False))
    return 1 if failures or len(rows) < len(sources) else 0


def inspect_file(path: Path) -> dict[str, Any]:
    """What a report would say before anything is generated, and the input's peak in dB of full scale, from -200 on."""
    (clip,) = load_clips([path], None)
    found = inspect_clip(clip, resample(clip.audio, clip.sampling_rate, 48_000))
    channels, num_samples = clip.audio.shape
    return {
        "input": str(path),
        "sampling_rate": clip.sampling_rate,
        "num_channels": channels,
        "duration_s": num_samples / clip.sampling_rate,
        "peak_db": 20 * math.log10(max(float(np.abs(clip.audio).max()), 1e-10)),
        **vars(found),
    }


def run_convert(arguments: argparse.Namespace) -> int:
    """Writes a model folder, and prints what was found in the checkpoint; returns the exit code."""
    folder: Path = arguments.output
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder} is there already: name a new folder")
    try:
        components, report = convert_checkpoint(arguments.checkpoint)
    except (OSError, ValueError) as error:
        complain(describe_error(arguments.checkpoint, error))
        return 1
    print(report)
    transformers_logging.disable_progress_bar()
    try:
        save_whole(AudioSRPipeline(**components), folder)
    # A full disk is another error for each library that writes.
    except Exception as error:
        complain(f"{folder}: can't be written: {one_line(error)}")
        return 1
    return 0


def save_whole(pipeline: AudioSRPipeline, folder: Path) -> None:
    """Saves a pipeline in a temporary folder beside `folder`, which takes its place when all is written."""
    folder = folder.resolve()
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        pipeline.save_pretrained(temporary)
        if folder.is_dir():
            # Not every system renames to a folder that is there.
            folder.rmdir()
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def run_evaluate(arguments: argparse.Namespace) -> int:
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


def run_train(arguments: argparse.Namespace) -> int:
    """Trains a part, or puts the parts together; returns the exit code."""
    values = {
        field.name: getattr(arguments, field.name)
        for field in dataclasses.fields(arguments.settings)
        if hasattr(arguments, field.name)
    }
    if "data" in values:
        values["data"] = tuple(values["data"])
    try:
        settings = arguments.settings(**{**arguments.settings.presets[arguments.preset], **values})
    except ValueError as error:
        raise UsageError(str(error)) from error
    try:
        arguments.run(settings)
    except (OSError, ValueError, FloatingPointError) as error:
        complain(one_line(error))
        return 1
    return 0


def complain(line: str) -> None:
    """Prints a line to stderr, above the progress bars."""
    tqdm.write(f"audiosr-pipeline: {line}", file=sys.stderr)


def describe_error(path: Path, error: Exception) -> str:
    """The file and the reason in one line; errors of the reader name the file themselves."""
    line = one_line(error)
    return line if line.startswith(f"{path}: ") else f"{path}: {line}"


def one_line(error: Exception) -> str:
    """The message of an error, with its type where the message is not meant for users."""
    message = " ".join(str(error).split())
    return message if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: {message}"


if __name__ == "__main__":
    sys.exit(main())
