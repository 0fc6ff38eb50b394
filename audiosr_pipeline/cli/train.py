"""`train`: a part of a model, or the parts put together."""

import argparse
import dataclasses
import pkgutil
from collections.abc import Callable
from typing import Any

from audiosr_pipeline.cli.arguments import UsageError
from audiosr_pipeline.cli.messages import complain, one_line
from audiosr_pipeline.cli.signals import importing

# What carries out the settings of each part.
TRAINERS = {
    "vae": "audiosr_pipeline.training.vae:train_vae",
    "ldm": "audiosr_pipeline.training.ldm:train_ldm",
    "vocoder": "audiosr_pipeline.training.vocoder:train_vocoder",
    "envelope": "audiosr_pipeline.training.envelope:train_envelope",
    "streaming": "audiosr_pipeline.training.streaming_extension:train_streaming_extension",
    "dag": "audiosr_pipeline.training.dag:train_dag",
    "assemble": "audiosr_pipeline.training.assemble:assemble",
}


def run(arguments: argparse.Namespace) -> int:
    """Trains a part, or puts the parts together; returns the exit code."""
    settings = settings_of(arguments)
    with importing():
        trainer = pkgutil.resolve_name(TRAINERS[arguments.part])
    return carry_out(trainer, settings)


def settings_of(arguments: argparse.Namespace) -> Any:
    """The settings that were given, on top of the preset's.

    Raises:
        UsageError: If one can't be.
    """
    fields = {field.name for field in dataclasses.fields(arguments.settings)}
    given = {name: value for name, value in vars(arguments).items() if name in fields}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    try:
        return arguments.settings(**{**arguments.settings.presets[arguments.preset], **values})
    except ValueError as error:
        raise UsageError(str(error)) from error


def carry_out(trainer: Callable[[Any], None], settings: Any) -> int:
    """Trains by settings; returns the exit code."""
    try:
        trainer(settings)
    except (OSError, ValueError, FloatingPointError) as error:
        complain(one_line(error))
        return 1
    return 0
