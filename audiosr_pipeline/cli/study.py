"""Listening studies: material that people compare, a page they do it on, and what their answers say."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audiosr_pipeline.cli.arguments import DEVICE, UsageError, device, number
from audiosr_pipeline.cli.messages import complain, one_line, say, say_text
from audiosr_pipeline.study.analyse import analyse_answers
from audiosr_pipeline.study.build import StudySettings, build_study, rebuild_study
from audiosr_pipeline.study.export import export_listen_and_rate, export_p808
from audiosr_pipeline.study.items import FolderSet, PromptSet, read_captions
from audiosr_pipeline.study.serve import serve_study
from audiosr_pipeline.study.tables import summary

EXPORTS = ("listen-and-rate", "p808")
QUESTIONS = ("preference", "quality")


def add_parser(commands: Any) -> None:
    """Options of `study`: building, serving and analysing, and the forms of other tools."""
    parser = commands.add_parser("study", help="make, run and analyse a listening test", description=__doc__)
    parts = parser.add_subparsers(required=True, metavar="PART")
    _add_build(parts)
    _add_serve(parts)
    _add_analyse(parts)
    _add_export(parts)


def _add_build(parts: Any) -> None:
    parser = _part(parts, "build", build, "make stimuli, page and key of generated audio, or of prompts")
    option = parser.add_argument
    option("output", metavar="STUDY", type=Path, help="folder to write, new or empty")
    option(
        "--audio", action="append", default=[], type=named, metavar="NAME=DIR", help="what a generator has made already"
    )
    option(
        "--captions", action="append", default=[], type=named, metavar="NAME=CSV", help="prompts for a generator to run"
    )
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
    option("--question", choices=(*QUESTIONS, "both"), default="both", help="default: %(default)s")
    option("--title", help="what listeners read at the top")
    option("--consent", type=Path, metavar="FILE", help="text that listeners agree to, instead of the page's own")
    option("--num-forms", type=number(int, 2), default=8, help="orders that listeners get; default: %(default)s")
    option("--items-per-form", type=number(int, 1), metavar="N", help="items that a listener gets; default: all")
    option("--num-training", type=number(int, 0), default=1, help="training items per generator; default: %(default)s")
    option("--num-checks", type=number(int, 0), default=2, help="attention checks of each kind; default: %(default)s")
    option("--seed", type=number(int, 0), default=0, help="default: %(default)s")


def _add_serve(parts: Any) -> None:
    parser = _part(parts, "serve", serve, "serve a study's page on this machine, and collect the answers")
    option = parser.add_argument
    option("study", metavar="STUDY", type=Path, help="folder that build wrote")
    option("--answers", type=Path, metavar="CSV", help="file to append to; default: answers.csv in STUDY")
    option("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in; default: %(default)s")
    option("--port", type=number(int, 0, 65_535), default=8000, help="default: %(default)s")


def _add_analyse(parts: Any) -> None:
    parser = _part(parts, "analyse", analyse, "turn answers into tables, the paper's figure 1 and a report")
    option = parser.add_argument
    option("answers", nargs="+", metavar="CSV", type=Path, help="files of answers")
    option("--key", required=True, type=Path, metavar="CSV", help="key.csv of the study")
    option("--output", required=True, type=Path, metavar="DIR", help="folder to write, new or empty")
    option("--seed", type=number(int, 0), default=0, help="of the resampling; default: %(default)s")


def _add_export(parts: Any) -> None:
    parser = _part(parts, "export", export, "write a study for another tool that reaches many listeners")
    option = parser.add_argument
    option("study", metavar="STUDY", type=Path, help="folder that build wrote")
    option("output", metavar="DIR", type=Path, help="folder to write, new or empty")
    option("--to", required=True, choices=EXPORTS, help="listen-and-rate, or CCR of Microsoft's P.808 toolkit")
    option("--base-url", metavar="URL", help="where the clips will be found; needed by p808")


def _part(parts: Any, name: str, carry_out: Callable[[argparse.Namespace], None], description: str) -> Any:
    parser = parts.add_parser(name, help=description, description=f"{description[0].upper()}{description[1:]}.")
    parser.set_defaults(command=run, carry_out=carry_out)
    return parser


def named(text: str) -> tuple[str, str]:
    """An argparse type: a name, and what it stands for."""
    name, separator, value = text.partition("=")
    if not (name and separator and value):
        raise argparse.ArgumentTypeError(f"{text} is not of the form NAME=VALUE")
    return name, value


def run(arguments: argparse.Namespace) -> int:
    """Carries out a part of `study`; returns the exit code."""
    try:
        arguments.carry_out(arguments)
    except (OSError, ValueError) as error:
        complain(one_line(error))
        return 1
    return 0


def build(arguments: argparse.Namespace) -> None:
    """Builds a study, or one once more; prints what became of its items."""
    if arguments.rebuild:
        manifest = rebuild_study(arguments.rebuild, arguments.output, show_progress=True)
        say(f"{arguments.output}: study {manifest['study']}, the same as that of {arguments.rebuild}")
        return
    if not (arguments.audio or arguments.captions):
        raise UsageError("name what to compare: --audio NAME=DIR or --captions NAME=CSV")
    names = [name for name, _ in (*arguments.audio, *arguments.captions)]
    checkpoints = dict(arguments.checkpoint)
    for option, given in (("--music-only", arguments.music_only), ("--checkpoint", checkpoints)):
        if unknown := set(given) - set(names):
            raise UsageError(f"{option} names {', '.join(sorted(unknown))}; the generators are {', '.join(names)}")

    def common(name: str) -> dict[str, Any]:
        is_music = name in arguments.music_only
        return {"num_items": arguments.num_items, "music_only": is_music, "licence": arguments.licence}

    sets: list[FolderSet | PromptSet] = [FolderSet(name, folder, **common(name)) for name, folder in arguments.audio]
    sets += [
        PromptSet(
            name,
            read_captions(path),
            **common(name),
            checkpoint=checkpoints.get(name),
            duration_s=arguments.duration_s,
        )
        for name, path in arguments.captions
    ]
    settings = StudySettings(
        **({"title": arguments.title} if arguments.title else {}),
        consent=arguments.consent.read_text(encoding="utf-8") if arguments.consent else "",
        questions=QUESTIONS if arguments.question == "both" else (arguments.question,),
        checkpoint=arguments.model,
        num_inference_steps=arguments.steps,
        device=arguments.device,
        seed=arguments.seed,
        num_forms=arguments.num_forms,
        items_per_form=arguments.items_per_form,
        num_training=arguments.num_training,
        num_checks=arguments.num_checks,
    )
    manifest = build_study(arguments.output, sets, dict(arguments.system), settings, show_progress=True)
    for item in manifest["skipped"]:
        complain(f"left out: {item['generator']}, {item['item']}: {item['reason']}")
    say(
        f"{arguments.output}: study {manifest['study']} of {len(manifest['items'])} items, "
        f"{len(manifest['skipped'])} left out"
    )
    say(
        f"For listeners: {arguments.output / 'page' / 'index.html'}, or audiosr-pipeline study serve {arguments.output}"
    )
    say(f"For you alone: {arguments.output / 'key.csv'}")


def serve(arguments: argparse.Namespace) -> None:
    """Serves a study until Ctrl-C."""
    answers = arguments.answers or arguments.study / "answers.csv"
    serve_study(arguments.study / "page", answers, arguments.host, arguments.port)


def analyse(arguments: argparse.Namespace) -> None:
    """Analyses answers and prints the summary."""
    analysis = analyse_answers(arguments.answers, arguments.key, arguments.output, seed=arguments.seed)
    say_text(summary(analysis))
    say(f"{arguments.output / 'report.html'}")


def export(arguments: argparse.Namespace) -> None:
    """Writes a study for another tool."""
    if arguments.to == "listen-and-rate":
        written = export_listen_and_rate(arguments.study, arguments.output)
    elif arguments.base_url:
        written = export_p808(arguments.study, arguments.output, arguments.base_url)
    else:
        raise UsageError("p808 needs --base-url, under which the clips will be found")
    for path in written:
        say(str(path))
