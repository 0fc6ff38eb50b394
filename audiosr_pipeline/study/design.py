"""Which trials a study has, and in which orders listeners get them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from audiosr_pipeline.study.answers import ANSWERS, PROMPTED, Trial


@dataclass(frozen=True)
class Material:
    """What trials are made of: one item in one role.

    Attributes:
        generator: What generated it.
        item: Its name, unique within the generator.
        role: One of `answers.ROLES`.
        systems: The system of each stimulus. Pairs are neighbours: original and AudioSR, AudioSR and each further one.
    """

    generator: str
    item: str
    role: str
    systems: Mapping[str, str]


def make_trials(materials: Sequence[Material], questions: Sequence[str], seed: int) -> list[Trial]:
    """The trials of a study.

    Args:
        materials: All items. Attention checks are asked for preference alone.
        questions: Of `answers.ANSWERS`.
        seed: Which numbers the trials get: these say nothing about what a trial is.

    Returns:
        For preference one trial for each pair of an item's stimuli that has the second (AudioSR), in the order of the
        item's stimuli; for each other question one for each stimulus.
    """
    trials: list[Trial] = []
    for question in questions:
        sides = [
            (material, systems)
            for material in materials
            if question == "preference" or material.role in ("test", "training")
            for systems in (_pairs(material) if question == "preference" else _single(material))
        ]
        numbers = np.random.default_rng([seed, list(ANSWERS).index(question)]).permutation(len(sides)) + 1
        trials += [
            Trial(f"{question[0]}{number:03d}", question, material.role, material.item, material.generator, systems)
            for number, (material, systems) in zip(numbers, sides, strict=True)
        ]
    return trials


def make_forms(
    trials: Sequence[Trial],
    num_forms: int,
    seed: int,
    items_per_form: int | None = None,
    prompts: Mapping[tuple[str, str], str] | None = None,
) -> list[list[dict[str, Any]]]:
    """The orders in which listeners get the trials.

    Preference comes first, then ratings, one question after the other. Each begins with its training trials; attention
    checks are spread over the rest of the preference trials, none of them first. Forms come in pairs with one order:
    what is presented first in one of them is second in the other. Within a form, the sides are balanced to one over all
    tests and over those of each generator. For ratings the versions of an item are far apart: all are rated in one
    version each, then all in the next.

    Args:
        trials: Those of `make_trials`.
        num_forms: How many forms, an even number.
        seed: Which orders.
        items_per_form: At most how many test items a listener gets, of each generator its share; None is all.
            Each item is in as many forms as any other, or two fewer.
        prompts: By generator and item; those questions that are about prompts show them.

    Returns:
        The trials of each form as the page takes them: `trial`, `question`, `training`, `a`, for preference `b`, and
        for what is about prompts `prompt`.

    Raises:
        ValueError: If `num_forms` is odd or not positive, or the forms don't have room for all items.
    """
    tests = [trial for trial in trials if trial.role == "test"]
    check_forms(num_forms, items_per_form, len({_item(trial) for trial in tests}))
    shares = _shares(tests, num_forms // 2, seed, items_per_form)
    forms = []
    for pair, items in enumerate(shares):
        rng = np.random.default_rng([seed, pair])
        chosen = [trial for trial in trials if trial.role != "test" or _item(trial) in items]
        preference = [trial for trial in chosen if trial.question == "preference"]
        order = _preference_order(preference, rng)
        swapped = _swaps(order, rng)
        ratings = [
            _rating_orders([trial for trial in chosen if trial.question == question], rng)
            for question in ANSWERS
            if question != "preference"
        ]
        for is_second in (0, 1):
            form = [
                _entry(trial, list(trial.systems)[:: -1 if swapped[trial.name] ^ is_second else 1]) for trial in order
            ]
            rated = [trial for orders in ratings for trial in orders[is_second]]
            forms.append(form + [_entry(trial, list(trial.systems), prompts) for trial in rated])
    return forms


def check_forms(num_forms: int, items_per_form: int | None, num_items: int) -> None:
    """Raises a ValueError if forms don't come in pairs, or don't have room for all items."""
    if num_forms < 2 or num_forms % 2:
        raise ValueError(f"num_forms={num_forms}; accepted are even numbers from 2 on, as forms come in pairs.")
    fewest = -(-num_items // (num_forms // 2))
    if items_per_form is not None and items_per_form < fewest:
        raise ValueError(
            f"items_per_form={items_per_form} with {num_forms} forms for {num_items} items; accepted are numbers from "
            f"{fewest} on, so that each item is in a form."
        )


def _pairs(material: Material) -> list[dict[str, str]]:
    """Two stimuli with their systems, for each pair that has the second stimulus."""
    first, second, *others = material.systems.items()
    return [dict([first, second]), *(dict([second, other]) for other in others)]


def _single(material: Material) -> list[dict[str, str]]:
    return [{stimulus: system} for stimulus, system in material.systems.items()]


def _item(trial: Trial) -> tuple[str, str]:
    return trial.generator, trial.item


def _entry(trial: Trial, stimuli: list[str], prompts: Mapping[tuple[str, str], str] | None = None) -> dict[str, Any]:
    sides = dict(zip("ab", stimuli, strict=False))
    if prompts and trial.question in PROMPTED:
        sides["prompt"] = prompts[_item(trial)]
    return {"trial": trial.name, "question": trial.question, "training": trial.role == "training", **sides}


def _shuffled(values: Iterable[Any], rng: np.random.Generator) -> list[Any]:
    values = list(values)
    return [values[index] for index in rng.permutation(len(values))]


def _shares(
    tests: Sequence[Trial], num_shares: int, seed: int, items_per_form: int | None
) -> list[set[tuple[str, str]]]:
    """The items of each pair of forms."""
    items = list(dict.fromkeys(_item(trial) for trial in tests))
    num_items = min(items_per_form or len(items), len(items))
    by_generator = defaultdict(list)
    for item in _shuffled(items, np.random.default_rng([seed, num_shares])):
        by_generator[item[0]].append(item)
    # Along this circle each generator's items are spread evenly, so any stretch of it has its share of each.
    places = {
        item: ((index + 0.5) / len(own), generator)
        for generator, own in by_generator.items()
        for index, item in enumerate(own)
    }
    circle = sorted(places, key=places.__getitem__)
    return [
        {circle[index % len(circle)] for index in range(share * num_items, (share + 1) * num_items)}
        for share in range(num_shares)
    ]


def _preference_order(trials: Sequence[Trial], rng: np.random.Generator) -> list[Trial]:
    """Training, then tests in random order with attention checks between them, about evenly spread."""
    training = _shuffled((trial for trial in trials if trial.role == "training"), rng)
    tests = _shuffled((trial for trial in trials if trial.role == "test"), rng)
    checks = _shuffled((trial for trial in trials if trial.role not in ("training", "test")), rng)
    after = defaultdict(list)
    ends = np.linspace(0, len(tests), len(checks) + 1).astype(int)
    for check, (start, stop) in zip(checks, pairwise(ends), strict=True):
        # After at least one test, even where there are fewer tests than checks.
        after[rng.integers(start, max(stop, start + 1)) if start < len(tests) else len(tests) - 1].append(check)
    return training + [trial for index, test in enumerate(tests) for trial in (test, *after[index])]


def _swaps(order: Sequence[Trial], rng: np.random.Generator) -> dict[str, bool]:
    """Whether the sides of each trial are swapped: alternating, which is balanced to one in any stretch of a list."""
    grouped = sorted(order, key=lambda trial: (trial.role != "test", trial.generator, *trial.systems.values()))
    start = int(rng.integers(2))
    return {trial.name: bool((index + start) % 2) for index, trial in enumerate(grouped)}


def _rating_orders(trials: Sequence[Trial], rng: np.random.Generator) -> tuple[list[Trial], list[Trial]]:
    """Training, then a round over all items for each system; the second order goes through the systems backwards."""
    training = _shuffled((trial for trial in trials if trial.role == "training"), rng)
    versions = defaultdict(list)
    for trial in trials:
        if trial.role == "test":
            versions[_item(trial)].append(trial)
    num_systems = max(map(len, versions.values()), default=0)
    # As in `_swaps`: which version comes first is balanced over the items of each generator.
    start = int(rng.integers(num_systems or 1))
    grouped = sorted(_shuffled(versions, rng), key=lambda item: item[0])
    first = {item: (index + start) % num_systems for index, item in enumerate(grouped)}
    rounds: list[list[tuple[str, str]]] = []
    for _ in range(num_systems):
        items = _shuffled(versions, rng)
        if rounds and items[0] == rounds[-1][-1]:
            items = items[1:] + items[:1]
        rounds.append(items)
    orders = [
        training
        + [versions[item][(first[item] + number) % num_systems] for number, items in numbered for item in items]
        for numbered in (list(enumerate(rounds)), [(num_systems - 1 - n, items) for n, items in enumerate(rounds)])
    ]
    return orders[0], orders[1]
