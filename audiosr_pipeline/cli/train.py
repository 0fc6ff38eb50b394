"""Trains the parts of a model on your audio, and puts them together. On several GPUs: with accelerate launch."""

import argparse
import dataclasses
from collections.abc import Callable
from typing import Any

from audiosr_pipeline.cli.arguments import UsageError
from audiosr_pipeline.cli.messages import complain, one_line
from audiosr_pipeline.training.assemble import AssemblySettings, assemble
from audiosr_pipeline.training.bandwidth_extension import BandwidthExtensionSettings, train_bandwidth_extension
from audiosr_pipeline.training.envelope import EnvelopeSettings, train_envelope
from audiosr_pipeline.training.ldm import LDMSettings, train_ldm
from audiosr_pipeline.training.vae import VAESettings, train_vae
from audiosr_pipeline.training.vocoder import VocoderSettings, train_vocoder

# Of each part its settings, what carries them out, and what that does.
TRAINERS: dict[str, tuple[type[Any], Callable[[Any], None], str]] = {
    "vae": (VAESettings, train_vae, "train the autoencoder"),
    "ldm": (LDMSettings, train_ldm, "train the diffusion model, for a trained autoencoder"),
    "vocoder": (VocoderSettings, train_vocoder, "train the vocoder"),
    "extension": (
        BandwidthExtensionSettings,
        train_bandwidth_extension,
        "train a vocoder that hears the input too, in the vocoder's place",
    ),
    "envelope": (EnvelopeSettings, train_envelope, "train the predictor of the spectral envelope above the cutoff"),
    "assemble": (AssemblySettings, assemble, "put trained parts together into a model, as enhance --model takes it"),
}


def add_parser(commands: Any) -> None:
    """Options of `train`: each field of a part's settings."""
    parser = commands.add_parser("train", help="train a model on your audio", description=__doc__)
    parts = parser.add_subparsers(required=True, metavar="PART")
    for name, (settings, trainer, description) in TRAINERS.items():
        add_part(parts, name, settings, trainer, description)


def add_part(parts: Any, name: str, settings: type[Any], trainer: Callable[[Any], None], description: str) -> None:
    """Options of what trains one part: each field of its settings."""
    part = parts.add_parser(name, help=description, description=f"{description[0].upper()}{description[1:]}.")
    part.set_defaults(command=run, settings=settings, trainer=trainer)
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


def run(arguments: argparse.Namespace) -> int:
    """Trains a part, or puts the parts together; returns the exit code."""
    fields = {field.name for field in dataclasses.fields(arguments.settings)}
    values = {name: value for name, value in vars(arguments).items() if name in fields}
    if "data" in values:
        values["data"] = tuple(values["data"])
    try:
        settings = arguments.settings(**{**arguments.settings.presets[arguments.preset], **values})
    except ValueError as error:
        raise UsageError(str(error)) from error
    try:
        arguments.trainer(settings)
    except (OSError, ValueError, FloatingPointError) as error:
        complain(one_line(error))
        return 1
    return 0
