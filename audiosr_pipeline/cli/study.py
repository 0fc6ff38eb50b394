"""`study`: each of its parts, which imports what it needs: building takes models, serving none."""

import argparse
from typing import Any

from audiosr_pipeline.cli.arguments import UsageError
from audiosr_pipeline.cli.messages import complain, one_line, say, say_text
from audiosr_pipeline.cli.signals import importing


def run(arguments: argparse.Namespace) -> int:
    """Carries out a part of `study`; returns the exit code."""
    try:
        PARTS[arguments.part](arguments)
    except (OSError, ValueError) as error:
        complain(one_line(error))
        return 1
    return 0


def build(arguments: argparse.Namespace) -> None:
    """Builds a study, or one once more; prints what became of its items."""
    checkpoints = dict(arguments.checkpoint)
    if not arguments.rebuild:
        check_generators(arguments)
    with importing():
        from audiosr_pipeline.evaluate import read_named_captions
        from audiosr_pipeline.study.build import StudySettings, build_study, rebuild_study
        from audiosr_pipeline.study.items import FolderSet, PromptSet, read_captions

    if arguments.rebuild:
        manifest = rebuild_study(arguments.rebuild, arguments.output, show_progress=True)
        say(f"{arguments.output}: study {manifest['study']}, the same as that of {arguments.rebuild}")
        return

    def common(name: str) -> dict[str, Any]:
        is_music = name in arguments.music_only
        return {"num_items": arguments.num_items, "music_only": is_music, "licence": arguments.licence}

    prompts = {name: read_named_captions(path) for name, path in arguments.prompts}
    sets: list[FolderSet | PromptSet] = [
        FolderSet(name, folder, **common(name), captions=prompts.get(name)) for name, folder in arguments.audio
    ]
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
    asked = tuple(dict.fromkeys(arguments.question or ())) or StudySettings.questions
    settings = StudySettings(
        **({"title": arguments.title} if arguments.title else {}),
        consent=arguments.consent.read_text(encoding="utf-8") if arguments.consent else "",
        questions=asked,
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


def check_generators(arguments: argparse.Namespace) -> None:
    """Raises `UsageError` if no generator is named, or an option names one that isn't."""
    if not (arguments.audio or arguments.captions):
        raise UsageError("name what to compare: --audio NAME=DIR or --captions NAME=CSV")
    names = [name for name, _ in (*arguments.audio, *arguments.captions)]
    given_names = {
        "--music-only": arguments.music_only,
        "--checkpoint": dict(arguments.checkpoint),
        "--prompts": dict(arguments.prompts),
    }
    for option, given in given_names.items():
        if unknown := set(given) - set(names):
            raise UsageError(f"{option} names {', '.join(sorted(unknown))}; the generators are {', '.join(names)}")


def serve(arguments: argparse.Namespace) -> None:
    """Serves a study until Ctrl-C."""
    with importing():
        from audiosr_pipeline.study.serve import serve_study

    answers = arguments.answers or arguments.study / "answers.csv"
    serve_study(arguments.study / "page", answers, arguments.host, arguments.port)


def analyse(arguments: argparse.Namespace) -> None:
    """Analyses answers and prints the summary."""
    with importing():
        from audiosr_pipeline.study.analyse import analyse_answers
        from audiosr_pipeline.study.tables import summary

    analysis = analyse_answers(arguments.answers, arguments.key, arguments.output, seed=arguments.seed)
    say_text(summary(analysis))
    say(f"{arguments.output / 'report.html'}")


def export(arguments: argparse.Namespace) -> None:
    """Writes a study for another tool."""
    if arguments.to == "p808" and not arguments.base_url:
        raise UsageError("p808 needs --base-url, under which the clips will be found")
    with importing():
        from audiosr_pipeline.study.export import export_listen_and_rate, export_p808

    if arguments.to == "p808":
        written = export_p808(arguments.study, arguments.output, arguments.base_url)
    else:
        written = export_listen_and_rate(arguments.study, arguments.output)
    for path in written:
        say(str(path))


PARTS = {"build": build, "serve": serve, "analyse": analyse, "export": export}
