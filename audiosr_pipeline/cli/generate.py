"""`generate`: a label becomes a file."""

import argparse
import tempfile
from pathlib import Path

from audiosr_pipeline.audio_io import AudioFileError, check_subtype, write_audio
from audiosr_pipeline.cli.arguments import STDOUT, UsageError
from audiosr_pipeline.cli.messages import complain, one_line, say
from audiosr_pipeline.cli.model import check_model, load_pipeline
from audiosr_pipeline.cli.streams import deliver

# A label may hold what no file name can.
NOT_IN_NAMES = str.maketrans(dict.fromkeys('/\\:*?"<>|\0', "_"))


def run(arguments: argparse.Namespace) -> int:
    """Generates a sound and writes it; returns the exit code."""
    output = arguments.output or Path(f"{arguments.label.translate(NOT_IN_NAMES)}.wav")
    if output != STDOUT:
        _check_output(output, arguments.overwrite)
    check_model(arguments.model, "DAGPipeline")
    pipeline = load_pipeline(arguments.model, arguments.device, hide_bars=arguments.quiet, name="DAGPipeline")
    import torch

    try:
        made = pipeline(
            arguments.label,
            num_inference_steps=arguments.steps,
            guidance_scale=arguments.guidance_scale,
            audio_length_in_s=arguments.seconds,
            generator=torch.Generator().manual_seed(arguments.seed),
        )
    except ValueError as error:
        raise UsageError(one_line(error)) from error
    try:
        if output == STDOUT:
            with tempfile.TemporaryDirectory() as folder:
                part = Path(folder) / "audio.wav"
                write_audio(part, made.audios, made.sampling_rate, dither=True)
                deliver(part)
        else:
            write_audio(output, made.audios, made.sampling_rate, dither=True)
    except (AudioFileError, OSError) as error:
        complain(one_line(error))
        return 1
    if output != STDOUT and not arguments.quiet:
        say(f"{output}: {arguments.seconds:g} s of {arguments.label} at {made.sampling_rate} Hz")
    return 0


def _check_output(output: Path, overwrite: bool) -> None:
    """Raises UsageError, before the work, if a file can't be written."""
    try:
        check_subtype(output.suffix.lower())
    except ValueError as error:
        raise UsageError(f"-o {output}: {one_line(error)}") from error
    if output.is_dir() or not output.absolute().parent.is_dir():
        raise UsageError(f"-o {output}: {'is a folder' if output.is_dir() else 'its folder is missing'}; name a file")
    if output.exists() and not overwrite:
        raise UsageError(f"{output} is there: --overwrite replaces it, or name another with -o")
