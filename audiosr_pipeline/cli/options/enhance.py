"""Takes audio files to 48 kHz. What is in OUT already is kept: an interrupted run goes on where it stopped."""

import argparse
import os
from pathlib import Path
from typing import Any

from audiosr_pipeline.cli.arguments import STDOUT, STREAM
from audiosr_pipeline.cli.options.values import DEVICE, INPUTS, device, number
from audiosr_pipeline.pipelines.choices import ON_FULL_BAND

OUTPUT = (
    "a folder, in which a.mp3 becomes a.wav, or a.mp3.wav if another audio file beside a.mp3 would be a.wav too; for a "
    "single input also a file, or - for stdout"
)
FULL_BAND = "files that lack no highs are written as they are (skip, the default), run all the same, or failed (error)"
SAMPLE_FORMAT = "of wav and, but for float, flac; default: the input's, or pcm16 if it is lossy or of 8 bits"
SEED = "where the noise starts in every file, whatever the others are; default: 0"
SUBTYPES = {"pcm16": "PCM_16", "pcm24": "PCM_24", "float": "FLOAT"}


def add_parser(commands: Any) -> None:
    """Options of `enhance`."""
    parser = commands.add_parser("enhance", help="take audio files to 48 kHz", description=__doc__)
    parser.set_defaults(command="enhance")
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


def output_path(text: str) -> Path:
    """An argparse type: a file or folder, or `STDOUT`."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty: name a folder, or . for the current one")
    try:
        os.stat(text)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: {(error.strerror or str(error)).lower()}") from error
    return STDOUT if text in (STREAM, str(STDOUT)) else Path(text)
