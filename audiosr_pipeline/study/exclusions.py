"""Listeners who are left out of the results, by rules that are fixed before anyone answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from audiosr_pipeline.study.answers import LOWPASSED, Answer, Key


@dataclass(frozen=True)
class ExclusionRules:
    """When a listener is left out. A rule without its checks in the study leaves nobody out.

    Attributes:
        max_identical_preferred: Share of the identical pairs in which a side may be preferred. Some are to be expected:
            who listens closely imagines differences.
        max_lowpassed_missed: Share of the pairs with a low-passed side that may be answered with anything but the other
            side. Who doesn't hear a cutoff of 2 kHz doesn't hear what is generated above one of 8 kHz.
        min_seconds: Time in s that a stimulus has to be heard; an answer after less is hasty.
        max_hasty: Share of the answers that may be hasty.
    """

    max_identical_preferred: float = 0.5
    max_lowpassed_missed: float = 0.25
    min_seconds: float = 1.0
    max_hasty: float = 0.25

    def sentences(self) -> dict[str, str]:
        """Each rule by its short name, in words."""
        identical, missed, hasty = (
            f"{100 * share:g} %" for share in (self.max_identical_preferred, self.max_lowpassed_missed, self.max_hasty)
        )
        return {
            "identical pairs": f"preferred a side in more than {identical} of the pairs of the same audio",
            "low-passed pairs": f"didn't prefer the untouched side in more than {missed} of the pairs with an "
            "obviously low-passed side",
            "listening time": f"gave more than {hasty} of the answers before each side had been heard for "
            f"{self.min_seconds:g} s",
        }


@dataclass(frozen=True)
class Listener:
    """Who answered, and how attentively; training trials count for nothing.

    Attributes:
        name: The random name in the answers.
        form: The order in which the trials were presented.
        device: What the listener said to be listening with, at the first answer.
        bandwidth_hz: Highest tone in Hz that the listener heard in the check, at the first answer.
        num_answers: Trials answered.
        identical: Identical pairs with a preference, and all that were answered.
        lowpassed: Pairs with a low-passed side not answered with the other side, and all that were answered.
        hasty: Answers given too early, and all.
        median_seconds: Median time in s that a trial was listened to, both sides together.
        reasons: Names of the rules that leave the listener out; empty if none does.
    """

    name: str
    form: int
    device: str
    bandwidth_hz: int
    num_answers: int
    identical: tuple[int, int]
    lowpassed: tuple[int, int]
    hasty: tuple[int, int]
    median_seconds: float
    reasons: tuple[str, ...]


def judge_listeners(answers: Sequence[Answer], key: Key, rules: ExclusionRules) -> list[Listener]:
    """Every listener who answered a trial that isn't training, in the order of their first answers."""
    by_listener: dict[str, list[Answer]] = {}
    for answer in answers:
        if key.trials[answer.trial].role != "training":
            by_listener.setdefault(answer.listener, []).append(answer)
    return [_judge(given, key, rules) for given in by_listener.values()]


def _judge(given: Sequence[Answer], key: Key, rules: ExclusionRules) -> Listener:
    identical = [answer for answer in given if key.trials[answer.trial].role == "identical"]
    lowpassed = [answer for answer in given if key.trials[answer.trial].role == "lowpassed"]
    counts = {
        "identical pairs": (sum(answer.answer != "none" for answer in identical), len(identical)),
        "low-passed pairs": (sum(_missed(answer, key) for answer in lowpassed), len(lowpassed)),
        "listening time": (sum(_shortest_s(answer) < rules.min_seconds for answer in given), len(given)),
    }
    allowed = (rules.max_identical_preferred, rules.max_lowpassed_missed, rules.max_hasty)
    return Listener(
        name=given[0].listener,
        form=given[0].form,
        device=given[0].device,
        bandwidth_hz=given[0].bandwidth_hz,
        num_answers=len(given),
        identical=counts["identical pairs"],
        lowpassed=counts["low-passed pairs"],
        hasty=counts["listening time"],
        median_seconds=median(answer.seconds_a + answer.seconds_b for answer in given),
        reasons=tuple(
            rule for (rule, (failed, all_)), limit in zip(counts.items(), allowed, strict=True) if failed > limit * all_
        ),
    )


def _missed(answer: Answer, key: Key) -> bool:
    """Whether a pair with a low-passed side was answered with anything but the other side."""
    chosen = {"a": answer.stimulus_a, "b": answer.stimulus_b}.get(answer.answer)
    return chosen is None or key.trials[answer.trial].systems[chosen] == LOWPASSED


def _shortest_s(answer: Answer) -> float:
    return min(answer.seconds_a, answer.seconds_b) if answer.stimulus_b else answer.seconds_a
