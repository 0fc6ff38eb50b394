"""Trains the parts of a model on your audio, and puts them together. On several GPUs: with accelerate launch."""

import argparse
import dataclasses
from typing import Any

from audiosr_pipeline.training.settings import (
    AssemblySettings,
    DAGSettings,
    EnvelopeSettings,
    LDMSettings,
    StreamingSettings,
    VAESettings,
    VocoderSettings,
)

# Of each part its settings, and what is done with them.
PARTS: dict[str, tuple[type[Any], str]] = {
    "vae": (VAESettings, "train the autoencoder"),
    "ldm": (LDMSettings, "train the diffusion model, for a trained autoencoder"),
    "vocoder": (VocoderSettings, "train the vocoder"),
    "envelope": (EnvelopeSettings, "train the predictor of the spectral envelope above the cutoff"),
    "streaming": (StreamingSettings, "train the causal network of live and StreamingAudioSR"),
    "dag": (DAGSettings, "train DAG, which generates audio of labels"),
    "assemble": (AssemblySettings, "put trained parts together into a model, as enhance --model takes it"),
}


def add_parser(commands: Any) -> None:
    """Options of `train`: each field of a part's settings."""
    parser = commands.add_parser("train", help="train a model on your audio", description=__doc__)
    parts = parser.add_subparsers(required=True, metavar="PART")
    for name, (settings, description) in PARTS.items():
        add_part(parts, name, settings, description)


def add_part(parts: Any, name: str, settings: type[Any], description: str) -> None:
    """Options of what trains one part: each field of its settings."""
    part = parts.add_parser(name, help=description, description=f"{description[0].upper()}{description[1:]}.")
    part.set_defaults(command="train", part=name, settings=settings)
    part.add_argument("--preset", choices=settings.presets, default="mini", help="default: %(default)s")
    for field in dataclasses.fields(settings):
        is_required = field.default is dataclasses.MISSING
        part.add_argument(
            "--" + field.name.replace("_", "-"),
            # What isn't given comes from the preset.
            default=argparse.SUPPRESS,
            required=is_required,
            help=_help(field),
            **({"nargs": "+"} if is_required or field.default == () else {"type": type(field.default)}),
        )


def _help(field: Any) -> str:
    """What a setting's field says of itself, and its default."""
    text = field.metadata.get("help", "")
    if field.default is not dataclasses.MISSING:
        text += f"; default: {field.default}" if field.default not in ("", ()) else ""
    return text.replace("%", "%%")
