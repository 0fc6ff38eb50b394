"""`python -m audiosr_pipeline.training {vae,ldm,vocoder,assemble}`: each field of the settings is a flag."""

import argparse
import dataclasses
from collections.abc import Callable
from typing import Any

from audiosr_pipeline.training.assemble import AssemblySettings, assemble
from audiosr_pipeline.training.ldm import LDMSettings, train_ldm
from audiosr_pipeline.training.vae import VAESettings, train_vae
from audiosr_pipeline.training.vocoder import VocoderSettings, train_vocoder

COMMANDS: dict[str, tuple[type[Any], Callable[[Any], None]]] = {
    "vae": (VAESettings, train_vae),
    "ldm": (LDMSettings, train_ldm),
    "vocoder": (VocoderSettings, train_vocoder),
    "assemble": (AssemblySettings, assemble),
}


def main() -> None:
    """Parses the settings and runs the trainer, or puts trained components together."""
    parser = argparse.ArgumentParser(prog="python -m audiosr_pipeline.training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (settings, _) in COMMANDS.items():
        command = commands.add_parser(name, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        for field in dataclasses.fields(settings):
            flag = "--" + field.name.replace("_", "-")
            if field.name == "manifest":
                command.add_argument(flag, nargs="+", required=True, help="CSV manifests of audio files")
            else:
                command.add_argument(flag, type=type(field.default), default=field.default, help=" ")
    arguments = vars(parser.parse_args())
    settings, run = COMMANDS[arguments.pop("command")]
    if "manifest" in arguments:
        arguments["manifest"] = tuple(arguments["manifest"])
    run(settings(**arguments))


if __name__ == "__main__":
    main()
