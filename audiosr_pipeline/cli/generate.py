"""`generate`: a label becomes a file."""

import argparse
import stat
import sys
from pathlib import Path

from audiosr_pipeline.audio_io import AudioFileError, check_subtype, write_audio
from audiosr_pipeline.cli.arguments import STDOUT, UsageError
from audiosr_pipeline.cli.messages import complain, one_line, say
from audiosr_pipeline.cli.model import check_model, load_pipeline
from audiosr_pipeline.cli.obstacles import SAMPLING_RATE, check_free, smallest_size, try_to_write
from audiosr_pipeline.cli.parts import part_folder, publish, remove_left_parts
from audiosr_pipeline.cli.streams import deliver

# A label may hold what no file name can.
NOT_IN_NAMES = str.maketrans(dict.fromkeys('/\\:*?"<>|\0', "_"))


def run(arguments: argparse.Namespace) -> int:
    """Generates a sound and writes it; returns the exit code."""
    output = arguments.output or Path(f"{arguments.label.translate(NOT_IN_NAMES)}.wav")
    if output != STDOUT:
        _check_output(output, arguments.overwrite)
    check_model(arguments.model, "DAGPipeline")
    hide_bars = arguments.quiet or sys.stderr is None or not sys.stderr.isatty()
    pipeline = load_pipeline(arguments.model, arguments.device, hide_bars, name="DAGPipeline")
    pipeline.set_progress_bar_config(disable=hide_bars)
    if output != STDOUT:
        _check_space(output, round(arguments.seconds * pipeline.sampling_rate))
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
    # What torch raises where memory doesn't suffice, of a GPU or not.
    except (RuntimeError, MemoryError) as error:
        complain(f"{one_line(error)}; if memory doesn't suffice, fewer --seconds need less")
        return 1
    try:
        with part_folder(None if output == STDOUT else output.parent) as folder:
            part = folder / f"audio{'.wav' if output == STDOUT else output.suffix}"
            write_audio(part, made.audios, made.sampling_rate, dither=True)
            if output == STDOUT:
                deliver(part)
            elif not publish({output: part}, output, arguments.overwrite):
                complain(f"{output} was made by another run meanwhile, and is kept: name another with -o")
                return 1
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
        mode = output.stat().st_mode
    except FileNotFoundError:
        mode = None
    except (ValueError, OSError) as error:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else one_line(error)
        raise UsageError(f"-o {output}: {reason}") from error
    if mode is not None and not stat.S_ISREG(mode):
        raise UsageError(f"-o {output}: is {'a folder' if stat.S_ISDIR(mode) else 'no file'}; name a file")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"-o {output}: its folder is missing; name a file")
    if mode is not None and not overwrite:
        raise UsageError(f"{output} is there: --overwrite replaces it, or name another with -o")
    remove_left_parts(output.parent, {output.name})
    if (problem := try_to_write(output.parent)) is not None:
        raise UsageError(f"-o {output}: {problem}; name another folder")


def _check_space(output: Path, num_samples: int) -> None:
    """Raises UsageError, before the work, if so many samples don't fit on the disk."""
    suffix = output.suffix.lower()
    subtype = "VORBIS" if suffix == ".ogg" else "PCM_16"
    try:
        check_free(output.absolute().parent, smallest_size(suffix, subtype, num_samples, SAMPLING_RATE, 1))
    except OSError as error:
        raise UsageError(f"-o {output}: {error}, or name a folder on another disk") from error
