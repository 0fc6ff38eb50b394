"""What `enhance` is to write for which input."""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from audiosr_pipeline.audio_io import AUDIO_SUFFIXES, check_subtype, read_comment, real_path
from audiosr_pipeline.cli.arguments import STDIN, STDOUT, UsageError
from audiosr_pipeline.cli.messages import complain
from audiosr_pipeline.cli.options.enhance import SUBTYPES
from audiosr_pipeline.cli.output_names import output_names
from audiosr_pipeline.cli.sources import find_sources
from audiosr_pipeline.cli.streams import as_text, shown
from audiosr_pipeline.version import SOFTWARE

# The comment of each output, before the checksum of its input.
MADE_FROM = "audiosr-pipeline enhance, made from SHA-256 "
# What stands beside an output, if it is asked for.
REPORT, SPECTROGRAM = ".json", ".png"


@dataclass(frozen=True)
class Job:
    """An input and what is to be written for it.

    Args:
        source: Audio file to read, a pipe, or `STDIN`.
        output: Audio file to write, or `STDOUT`. If it is there, the input is done: it only ever appears whole.
        suffix: Its format.
        subtype: Its sample format; None if it follows the input's.
        report: JSON file to write beside it, None if it isn't asked for.
        spectrogram: PNG file to write beside it, None if it isn't asked for.
    """

    source: Path
    output: Path
    suffix: str
    subtype: str | None
    report: Path | None
    spectrogram: Path | None

    @property
    def beside(self) -> list[Path]:
        """What is to be written beside the output."""
        return [path for path in (self.report, self.spectrogram) if path is not None]

    @property
    def stale(self) -> list[Path]:
        """What earlier runs wrote beside the output that is not to be written now: it would be of another output."""
        beside = (self.output.with_suffix(suffix) for suffix in (REPORT, SPECTROGRAM))
        return [path for path in beside if path not in self.beside and is_own(path, self)]

    @property
    def is_done(self) -> bool:
        """Whether the output is there."""
        return self.output != STDOUT and self.output.is_file()


def plan(arguments: argparse.Namespace) -> tuple[list[Job], list[str]]:
    """What `enhance` is to do, and a line for each input in which there is nothing to do.

    Raises:
        UsageError: If OUT can't hold the outputs, two of them would be one file, or one would replace an input.
    """
    out: Path = arguments.output
    out_is_file = out == STDOUT or (out.suffix.lower() in AUDIO_SUFFIXES and not out.is_dir())
    out_suffix = out.suffix.lower() if out_is_file and out != STDOUT else ""
    suffix = f".{arguments.format}" if arguments.format else out_suffix or ".wav"
    if out_suffix and suffix != out_suffix:
        raise UsageError(f"-o {out} does not end in {suffix}, as --format {arguments.format} asks")
    try:
        subtype = check_subtype(suffix, SUBTYPES.get(arguments.sample_format))
    except ValueError as error:
        raise UsageError(str(error)) from error
    if out == STDOUT:
        if arguments.report or arguments.spectrogram:
            raise UsageError("-o - is a stream: --report and --spectrogram have no place beside it; name a folder")
        if sys.stdout is not None and sys.stdout.isatty():
            raise UsageError("-o - would write audio to the terminal: send it to a program or a file")
    elif file := next((path for path in out.parents if path.exists() and not path.is_dir()), None):
        raise UsageError(f"-o {out}: {file} is a file, so that nothing can stand in it; name another folder")
    elif not out_is_file and out.exists() and not out.is_dir():
        raise UsageError(f"-o {out} is a file, and not an audio file")
    sources, failures, notes = find_sources(arguments.inputs, leave_out=None if out == STDOUT else out)
    for note in [] if arguments.quiet else notes:
        complain(note)
    if out_is_file and len(sources) + len(failures) > 1:
        raise UsageError(f"-o {shown(out)} is one file, but there are {len(sources)} inputs: name a folder")
    if not sources and not failures:
        raise UsageError(f"all inputs lie in -o {out}: name another folder")

    inputs = {real_path(source) for source, _ in sources if source != STDIN}
    outputs = [out] if out_is_file else [out / name for name in output_names(sources, suffix, out)]
    jobs: dict[Path, Job] = {}
    for (source, _), output in zip(sources, outputs, strict=True):
        job = Job(
            source,
            output,
            suffix,
            subtype,
            output.with_suffix(REPORT) if arguments.report else None,
            output.with_suffix(SPECTROGRAM) if arguments.spectrogram else None,
        )
        for path in (output, *job.beside):
            if real_path(path) in inputs:
                raise UsageError(f"{path} is an input, and would be overwritten: name another folder")
        other = jobs.setdefault(real_path(output), job)
        if real_path(other.source) != real_path(source):
            raise UsageError(
                f"{shown(other.source)} and {shown(source)} would both be written to {output}: name the folder that "
                "they are in, or run them one by one into different folders"
            )
    return list(jobs.values()), failures


def is_own(path: Path, job: Job) -> bool:
    """Whether a file is an output of `enhance`, or beside one its report or spectrogram, and no other file."""
    if path == job.output:
        return read_comment(path).startswith(MADE_FROM)
    try:
        if path.suffix == REPORT:
            fields = json.loads(path.read_text(encoding="utf-8"))
            return Path(fields["output"]).name == Path(as_text(job.output)).name and "output_subtype" in fields
        with Image.open(path) as picture:
            return picture.info.get("Software") == SOFTWARE
    except (OSError, ValueError, KeyError, TypeError):
        return False
