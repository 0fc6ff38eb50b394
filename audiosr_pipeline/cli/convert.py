"""`convert`: the official checkpoint as a model folder."""

import argparse
import os
from pathlib import Path

from transformers.utils import logging

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.cli.arguments import UsageError
from audiosr_pipeline.cli.messages import complain, describe_error, one_line, say_text
from audiosr_pipeline.convert.components import convert_checkpoint
from audiosr_pipeline.writing import new_folder


def run(arguments: argparse.Namespace) -> int:
    """Writes a model folder, and prints what was found in the checkpoint; returns the exit code."""
    folder: Path = arguments.output
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder} is there already: name a new folder")
    try:
        components, report = convert_checkpoint(arguments.checkpoint)
    except (OSError, ValueError) as error:
        complain(describe_error(arguments.checkpoint, error))
        return 1
    say_text(str(report))
    logging.disable_progress_bar()
    try:
        with new_folder(folder) as temporary:
            AudioSRPipeline(**components).save_pretrained(temporary)
    # A full disk is another error for each library that writes.
    except Exception as error:
        complain(f"{folder}: can't be written: {one_line(error)}")
        return 1
    return 0
