"""Listening studies: material that people compare, a page they do it on, and what their answers say."""

import argparse
from pathlib import Path
from typing import Any

from audiosr_pipeline.cli.options.values import DEVICE, device, number

PROMPTS = "what the items of --audio were made from, by the columns name and caption"
EXPORTS = ("listen-and-rate", "p808")
QUESTIONS = ("preference", "quality", "overall", "relevance", "audio_quality")
QUESTION = "what is asked, may be given again: overall and relevance show the prompt; default: preference and quality"


def add_parser(commands: Any) -> None:
    """Options of `study`: building, serving and analysing, and the forms of other tools."""
    parser = commands.add_parser("study", help="make, run and analyse a listening test", description=__doc__)
    parts = parser.add_subparsers(required=True, metavar="PART")
    _add_build(parts)
    _add_serve(parts)
    _add_analyse(parts)
    _add_export(parts)


def _add_build(parts: Any) -> None:
    parser = _part(parts, "build", "make stimuli, page and key of generated audio, or of prompts")
    option = parser.add_argument
    option("output", metavar="STUDY", type=Path, help="folder to write, new or empty")
    option(
        "--audio", action="append", default=[], type=named, metavar="NAME=DIR", help="what a generator has made already"
    )
    option(
        "--captions", action="append", default=[], type=named, metavar="NAME=CSV", help="prompts for a generator to run"
    )
    option("--prompts", action="append", default=[], type=named, metavar="NAME=CSV", help=PROMPTS)
    option("--checkpoint", action="append", default=[], type=named, metavar="NAME=MODEL", help="of a generator to run")
    option("--rebuild", type=Path, metavar="MANIFEST", help="instead of all else: the study of that manifest.json")
    option("--num-items", type=number(int, 1), metavar="N", help="items to draw of each generator; default: all")
    option("--music-only", action="append", default=[], metavar="NAME", help="generators whose items have to be music")
    option("--licence", default="", help="of the audio, for the manifest")
    option("--duration-s", type=number(float, 0.5), default=10.0, metavar="S", help="of items to generate; default: 10")
    option("--system", action="append", default=[], type=named, metavar="NAME=DIR", help="further versions of --audio")
    option("--model", default="audiosr-mini", help="AudioSR: a name or folder; default: %(default)s")
    option("--steps", type=number(int, 1), help="its denoising steps; default: the model's")
    option("--device", type=device, help=DEVICE)
    option("--question", action="append", choices=QUESTIONS, help=QUESTION)
    option("--title", help="what listeners read at the top")
    option("--consent", type=Path, metavar="FILE", help="text that listeners agree to, instead of the page's own")
    option("--num-forms", type=number(int, 2), default=8, help="orders that listeners get; default: %(default)s")
    option("--items-per-form", type=number(int, 1), metavar="N", help="items that a listener gets; default: all")
    option("--num-training", type=number(int, 0), default=1, help="training items per generator; default: %(default)s")
    option("--num-checks", type=number(int, 0), default=2, help="attention checks of each kind; default: %(default)s")
    option("--seed", type=number(int, 0), default=0, help="default: %(default)s")


def _add_serve(parts: Any) -> None:
    parser = _part(parts, "serve", "serve a study's page on this machine, and collect the answers")
    option = parser.add_argument
    option("study", metavar="STUDY", type=Path, help="folder that build wrote")
    option("--answers", type=Path, metavar="CSV", help="file to append to; default: answers.csv in STUDY")
    option("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in; default: %(default)s")
    option("--port", type=number(int, 0, 65_535), default=8000, help="default: %(default)s")


def _add_analyse(parts: Any) -> None:
    parser = _part(parts, "analyse", "turn answers into tables, the paper's figure 1 and a report")
    option = parser.add_argument
    option("answers", nargs="+", metavar="CSV", type=Path, help="files of answers")
    option("--key", required=True, type=Path, metavar="CSV", help="key.csv of the study")
    option("--output", required=True, type=Path, metavar="DIR", help="folder to write, new or empty")
    option("--seed", type=number(int, 0), default=0, help="of the resampling; default: %(default)s")


def _add_export(parts: Any) -> None:
    parser = _part(parts, "export", "write a study for another tool that reaches many listeners")
    option = parser.add_argument
    option("study", metavar="STUDY", type=Path, help="folder that build wrote")
    option("output", metavar="DIR", type=Path, help="folder to write, new or empty")
    option("--to", required=True, choices=EXPORTS, help="listen-and-rate, or CCR of Microsoft's P.808 toolkit")
    option("--base-url", metavar="URL", help="where the clips will be found; needed by p808")


def _part(parts: Any, name: str, description: str) -> Any:
    parser = parts.add_parser(name, help=description, description=f"{description[0].upper()}{description[1:]}.")
    parser.set_defaults(command="study", part=name)
    return parser


def named(text: str) -> tuple[str, str]:
    """An argparse type: a name, and what it stands for."""
    name, separator, value = text.partition("=")
    if not (name and separator and value):
        raise argparse.ArgumentTypeError(f"{text} is not of the form NAME=VALUE")
    return name, value
