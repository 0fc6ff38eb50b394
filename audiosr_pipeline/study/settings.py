"""How a study is built: what is asked for, and whether it can be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from audiosr_pipeline.study.answers import ANSWERS, LOWPASSED, PROMPTED
from audiosr_pipeline.study.items import FolderSet, PromptSet
from audiosr_pipeline.study.manifest import NAME
from audiosr_pipeline.study.tagging import TAGGER

# The systems of every study: each item as it was generated, and after AudioSR.
ORIGINAL, AUDIOSR = "original", "audiosr"


@dataclass(frozen=True)
class StudySettings:
    """How a study is built, apart from its items.

    Args:
        title: What listeners read at its top.
        consent: What they agree to before they begin, paragraphs parted by empty lines; "" is the page's own text.
        questions: What is asked: "preference" between two versions, "quality" of each from 1 to 5 (the mean opinion
            score), and as in SRC-gAudio's listening test from 1 to 100 the "overall" impression and the "relevance",
            which show the prompt, and the "audio_quality".
        checkpoint: The AudioSR model: what `AudioSRPipeline.from_pretrained` takes.
        num_inference_steps: Its denoising steps; None is the model's default.
        device: Where the models run; None is "cuda" if there is one, else "cpu".
        seed: Decides all that is drawn: items, noise, names and orders.
        num_forms: Orders that listeners get, an even number.
        items_per_form: How many items a listener gets; None is all of them.
        num_training: Items of each set that listeners begin with and whose answers don't count: spare ones, or if a
            set has none, some that come again.
        num_checks: Pairs of one clip with itself, and as many of one with its low-passed self, that show attention.
        tagger: Audio classifier that says which items are music.
    """

    title: str = "Which sounds better?"
    consent: str = ""
    questions: tuple[str, ...] = ("preference", "quality")
    checkpoint: str = "audiosr-mini"
    num_inference_steps: int | None = None
    device: str | None = None
    seed: int = 0
    num_forms: int = 8
    items_per_form: int | None = None
    num_training: int = 1
    num_checks: int = 2
    tagger: str = TAGGER


def check_settings(
    settings: StudySettings, sets: Sequence[FolderSet | PromptSet], systems: Mapping[str, Path | str]
) -> None:
    """Raises what `build_study` says about arguments that can be judged by themselves."""
    if not settings.questions or not set(settings.questions) <= set(ANSWERS):
        raise ValueError(f"questions={settings.questions}; accepted are one or more of {', '.join(ANSWERS)}.")
    for name in ("seed", "num_training", "num_checks"):
        if getattr(settings, name) < 0:
            raise ValueError(f"{name}={getattr(settings, name)}; accepted are numbers from 0 on.")
    if prompted := [question for question in settings.questions if question in PROMPTED]:
        for item_set in sets:
            if missing := [name for name, prompt in item_set.prompts().items() if not prompt.strip()]:
                raise ValueError(
                    f"{prompted[0]} is about prompts, and {len(missing)} items of {item_set.generator} have none, such "
                    f"as {missing[0]!r}: give them captions, or ask something else."
                )
    generators = [item_set.generator for item_set in sets]
    if not sets or len(set(generators)) < len(generators):
        raise ValueError(
            f"sets of {', '.join(generators) or 'nothing'}; accepted are one or more, each of another generator."
        )
    for name in [*generators, *systems]:
        if not NAME.fullmatch(name):
            raise ValueError(f"the name {name!r}; accepted are letters, digits, and after the first . _ and -.")
    if taken := set(systems) & {ORIGINAL, AUDIOSR, LOWPASSED}:
        raise ValueError(f"systems has {', '.join(sorted(taken))}, which the study makes itself; choose another name.")
    if systems and any(isinstance(item_set, PromptSet) for item_set in sets):
        raise ValueError(
            "further systems have nothing of items that are generated now; generate them first, to a folder."
        )
