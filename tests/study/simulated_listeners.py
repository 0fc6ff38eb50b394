"""Listeners who answer by another model than the analysis assumes, and the files of their study.

A listener hears the second system as better by a logit: a fixed effect, one of the listener, one of the item, and
logistic noise, with no clear difference between two thresholds. The analysis knows neither effects nor thresholds.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiosr_pipeline.study.answers import FIELDS, KEY_FIELDS

STUDY = "0123456789abcdef"
SETS = {"musicgen": 6, "fastspeech2": 4}
NUM_CHECKS = 4


@dataclass(frozen=True)
class Panel:
    """Who listens: how they decide, and how many of them don't.

    Attributes:
        num_listeners: Attentive listeners.
        num_careless: Further ones who answer at random, soon.
        effect: Of the second system, in logits.
        listener_sd: Spread of the effect between listeners.
        item_sd: Spread of the effect between items.
        threshold: Within it no difference is clear.
        first_bias: What being presented first is worth.
    """

    num_listeners: int = 12
    num_careless: int = 0
    effect: float = 0.8
    listener_sd: float = 0.5
    item_sd: float = 0.5
    threshold: float = 0.6
    first_bias: float = 0.0


def votes(panel: Panel, num_items: int, rng: np.random.Generator, first: np.ndarray | float = 0.0) -> np.ndarray:
    """-1, 0 or 1 of each listener on each item; `first` is 1 where the second system is presented first, else -1."""
    shape = panel.num_listeners, num_items
    heard = panel.effect + panel.first_bias * first + rng.logistic(size=shape)
    heard = (
        heard
        + panel.listener_sd * rng.standard_normal(shape[0])[:, None]
        + panel.item_sd * rng.standard_normal(shape[1])
    )
    return (heard > panel.threshold) * 1.0 - (heard < -panel.threshold)


def name(*parts: object) -> str:
    """12 hexadecimal digits, the same for the same parts."""
    return f"{np.random.default_rng(list(repr(parts).encode())).integers(16**12):012x}"


def key_rows(sets: dict[str, int] = SETS, systems: tuple[str, ...] = ("original", "audiosr")) -> list[tuple[str, ...]]:
    """Rows of a key: each item compared (further systems with AudioSR) and rated, four checks of either kind."""
    rows = []

    def add(question, role, item, generator, *heard):
        trial = f"{question[0]}{len({row[1] for row in rows}):03d}"
        for side, system in enumerate(heard):
            rows.append((STUDY, trial, question, role, item, generator, name(trial, side), system))

    for generator, num_items in sets.items():
        add("preference", "training", "warm-up", generator, *systems[:2])
        for number in range(num_items):
            add("preference", "test", f"item{number}", generator, *systems[:2])
            for system in systems[2:]:
                add("preference", "test", f"item{number}", generator, systems[1], system)
            for system in systems:
                add("quality", "test", f"item{number}", generator, system)
    for number in range(NUM_CHECKS):
        add("preference", "identical", f"item{number}", next(iter(sets)), "original", "original")
        add("preference", "lowpassed", f"item{number}", next(iter(sets)), "original", "lowpassed")
    return rows


def answer_rows(panel: Panel, key: list[tuple[str, ...]], seed: int = 0) -> list[dict[str, str]]:
    """The rows of all answers: sides balanced over each listener's trials, ratings 3 and one more for AudioSR."""
    rng = np.random.default_rng(seed)
    trials: dict[str, list[tuple[str, ...]]] = {}
    for row in key:
        trials.setdefault(row[1], []).append(row)
    tests = [rows for rows in trials.values() if rows[0][2:4] == ("preference", "test")]
    sides = np.add.outer(np.arange(panel.num_listeners), np.arange(len(tests))) % 2
    decided = votes(panel, len(tests), rng, 2.0 * sides - 1)
    rows = []
    for listener in range(panel.num_listeners + panel.num_careless):
        is_careless = listener >= panel.num_listeners
        test = 0
        for position, (trial, heard) in enumerate(trials.items(), start=1):
            question, role, systems = heard[0][2], heard[0][3], [row[7] for row in heard]
            swapped = (listener + test) % 2 == 1
            if question == "quality":
                answer = str(int(np.clip(round(rng.normal(3 + (systems[0] == "audiosr"), 0.8)), 1, 5)))
            elif is_careless:
                answer = str(rng.choice(["a", "b", "none"], p=[0.45, 0.45, 0.1]))
            elif role == "identical":
                answer = "none" if rng.random() < 0.95 else "a"
            else:
                value = {"lowpassed": -1.0, "training": 0.0}.get(role)
                value = decided[listener, test] if value is None else value
                answer = "none" if value == 0 else "ab"[int((value > 0) != swapped)]
            stimuli = [row[6] for row in heard][:: -1 if swapped else 1]
            test += (question, role) == ("preference", "test")
            seconds = 0.4 if is_careless else float(rng.uniform(3, 9))
            is_pair = question == "preference"
            values = (
                *(STUDY, name("listener", seed, listener), listener % 8, position, trial, question),
                *(stimuli[0], stimuli[1] if is_pair else "", answer, int(rng.integers(1, 6)) if is_pair else 0),
                *(f"{seconds:.2f}", f"{seconds:.2f}" if is_pair else "", f"{3 * seconds:.2f}"),
                f"2026-05-01T{10 + position // 60:02d}:{position % 60:02d}:00.000Z",
                *(
                    "loudspeakers" if listener % 5 == 4 else "headphones",
                    (16_000, 14_000, 16_000, 12_000, 0)[listener % 5],
                ),
            )
            rows.append(dict(zip(FIELDS, map(str, values), strict=True)))
    return rows


def write_study(folder: Path, panel: Panel, seed: int = 0, **key_settings) -> tuple[Path, Path]:
    """Writes `answers.csv` and `key.csv`, and returns their paths."""
    key = key_rows(**key_settings)
    write_key(folder / "key.csv", key)
    write_answers(folder / "answers.csv", answer_rows(panel, key, seed))
    return folder / "answers.csv", folder / "key.csv"


def write_key(path: Path, rows: list[tuple[str, ...]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([KEY_FIELDS, *rows])


def write_answers(path: Path, rows: list[dict[str, str]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
