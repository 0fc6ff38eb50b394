"""Which trials a study has, and how its orders are balanced."""

from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosr_pipeline.study.design import Material, make_forms, make_trials

QUESTIONS = ("preference", "quality")
CHECKS = ("identical", "lowpassed")


def materials(num_items, systems=("original", "audiosr"), num_training=1, num_checks=2):
    """So many test items of each generator, with training items and attention checks."""

    def material(generator, item, role, own=systems):
        return Material(generator, item, role, {f"{generator}/{item}/{role}/{i}": s for i, s in enumerate(own)})

    found = [material(generator, f"{i}", "test") for generator, num in num_items.items() for i in range(num)]
    found += [material(generator, f"t{i}", "training") for generator in num_items for i in range(num_training)]
    first = next(iter(num_items))
    for index in range(num_checks):
        found.append(material(first, f"{index}", "identical", ("original", "original")))
        found.append(material(first, f"{index}", "lowpassed", ("original", "lowpassed")))
    return found


studies = st.fixed_dictionaries(
    {
        "num_items": st.fixed_dictionaries({"musicgen": st.integers(1, 9), "speech": st.integers(1, 5)}),
        "systems": st.sampled_from([("original", "audiosr"), ("original", "audiosr", "third")]),
        "num_training": st.integers(0, 2),
        "num_checks": st.integers(0, 3),
    }
)


def entries(form, trials, question, *roles):
    """The entries of a form that ask `question` in one of the roles, in order."""
    return [entry for entry in form if entry["question"] == question and trials[entry["trial"]].role in roles]


def test_each_pair_has_audiosr_and_each_version_is_rated():
    trials = make_trials(materials({"g": 1}, ("original", "audiosr", "x", "y"), 0, 0), QUESTIONS, seed=0)
    heard = [(trial.question, *trial.systems.values()) for trial in trials]
    assert Counter(heard) == Counter(
        [
            ("preference", "original", "audiosr"),
            ("preference", "audiosr", "x"),
            ("preference", "audiosr", "y"),
            *(("quality", system) for system in ("original", "audiosr", "x", "y")),
        ]
    )


def test_trials_are_numbered_so_that_the_number_does_not_tell_the_role():
    trials = make_trials(materials({"g": 20}), QUESTIONS, seed=0)
    names = [trial.name for trial in trials if trial.question == "preference"]
    assert sorted(names) == [f"p{number:03d}" for number in range(1, len(names) + 1)] and names != sorted(names)
    assert {trial.role for trial in trials if trial.question == "quality"} == {"test", "training"}


@settings(deadline=None, max_examples=25)
@given(studies, st.sampled_from([2, 4, 8]), st.integers(0, 3))
def test_forms_are_balanced(study, num_forms, seed):
    trials = {trial.name: trial for trial in make_trials(materials(**study), QUESTIONS, seed)}
    forms = make_forms(list(trials.values()), num_forms, seed)
    assert len(forms) == num_forms
    for form, mirrored in zip(forms[::2], forms[1::2], strict=True):
        for entry in form:
            trial = trials[entry["trial"]]
            heard = [entry[side] for side in "ab" if side in entry]
            assert set(heard) == set(trial.systems) and len(heard) == len(trial.systems)
            assert entry["training"] == (trial.role == "training")
        assert Counter(entry["trial"] for entry in form) == Counter(list(trials))
        # One order, and what is first in one form is second in the other.
        sides, other_sides = ([e for e in f if e["question"] == "preference"] for f in (form, mirrored))
        assert [{**e, "a": e["b"], "b": e["a"]} for e in sides] == other_sides

        for rated in (form, mirrored):
            # All preference before quality; each begins with its training.
            assert [e["question"] for e in rated] == sorted(e["question"] for e in rated)
            for question in QUESTIONS:
                is_training = [e["training"] for e in rated if e["question"] == question]
                assert is_training == sorted(is_training, reverse=True)
            tests = entries(rated, trials, "preference", "test", *CHECKS)
            assert trials[tests[0]["trial"]].role == "test"
            # Sides, over all tests and over those of each generator and pair of systems.
            groups = defaultdict(list)
            for entry in entries(rated, trials, "preference", "test"):
                trial = trials[entry["trial"]]
                is_first = entry["a"] == next(iter(trial.systems))
                for group in ("all", (trial.generator, *trial.systems.values())):
                    groups[group].append(is_first)
            assert all(abs(2 * sum(sides) - len(sides)) <= 1 for sides in groups.values())


@settings(deadline=None, max_examples=25)
@given(studies, st.integers(0, 3))
def test_ratings_of_one_item_are_far_apart_and_each_version_comes_first_as_often(study, seed):
    trials = {trial.name: trial for trial in make_trials(materials(**study), QUESTIONS, seed)}
    form, mirrored = make_forms(list(trials.values()), 2, seed)
    items = sum(study["num_items"].values())
    orders = []
    for rated in (form, mirrored):
        tests = [trials[entry["trial"]] for entry in entries(rated, trials, "quality", "test")]
        rounds = [tests[start : start + items] for start in range(0, len(tests), items)]
        assert all(len({(t.generator, t.item) for t in one}) == items for one in rounds)
        if items > 1:
            assert all((a.generator, a.item) != (b.generator, b.item) for a, b in pairwise(tests))
        orders.append([next(iter(t.systems.values())) for t in tests])
    if len(study["systems"]) == 2:
        swap = {"original": "audiosr", "audiosr": "original"}
        assert [swap[system] for system in orders[0]] == orders[1]
        assert abs(2 * orders[0][:items].count("original") - items) <= 1


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 12), st.integers(1, 6), st.sampled_from([2, 4, 8]), st.integers(0, 2), st.data())
def test_each_item_is_in_as_many_forms_as_any_other(music, speech, num_forms, seed, data):
    num_items = music + speech
    fewest = -(-num_items // (num_forms // 2))
    items_per_form = data.draw(st.integers(fewest, num_items + 2))
    made = make_trials(materials({"musicgen": music, "speech": speech}), QUESTIONS, seed)
    trials = {trial.name: trial for trial in made}
    forms = make_forms(made, num_forms, seed, items_per_form)
    counts = Counter()
    for form in forms:
        tests = [trials[entry["trial"]] for entry in entries(form, trials, "preference", "test")]
        assert len(tests) == min(items_per_form, num_items)
        assert {(t.generator, t.item) for t in tests} == {
            (trials[e["trial"]].generator, trials[e["trial"]].item) for e in entries(form, trials, "quality", "test")
        }
        # Its share of each generator, to one item: a stretch of a circle on which they are evenly spread.
        assert abs(sum(t.generator == "musicgen" for t in tests) - len(tests) * music / num_items) < 1.51
        counts.update((trial.generator, trial.item) for trial in tests)
    assert len(counts) == num_items and max(counts.values()) - min(counts.values()) <= 2


def test_attention_checks_are_spread():
    made = make_trials(materials({"g": 40}, num_checks=2), ("preference",), seed=0)
    roles = {trial.name: trial.role for trial in made}
    for form in make_forms(made, 4, seed=0):
        order = [roles[entry["trial"]] for entry in form if not entry["training"]]
        # Four checks among forty tests: each in its own quarter.
        places = [index - number for number, index in enumerate(i for i, role in enumerate(order) if role in CHECKS)]
        assert [(place - 1) // 10 for place in places] == [0, 1, 2, 3]


def test_orders_are_decided_by_the_seed_and_differ_between_pairs():
    made = make_trials(materials({"g": 12}), QUESTIONS, seed=5)
    forms = make_forms(made, 4, seed=5)
    assert forms == make_forms(made, 4, seed=5)
    orders = [[entry["trial"] for entry in form if entry["question"] == "preference"] for form in forms]
    assert orders[0] == orders[1] != orders[2] and orders != [
        [entry["trial"] for entry in form if entry["question"] == "preference"] for form in make_forms(made, 4, seed=6)
    ]


@pytest.mark.parametrize("num_forms", [0, 1, 3, -2])
def test_forms_come_in_pairs(num_forms):
    with pytest.raises(ValueError, match=f"num_forms={num_forms}; accepted are even numbers"):
        make_forms(make_trials(materials({"g": 2}), QUESTIONS, 0), num_forms, 0)


def test_forms_have_room_for_all_items():
    with pytest.raises(ValueError, match="items_per_form=2 with 4 forms for 5 items; accepted are numbers from 3 on"):
        make_forms(make_trials(materials({"g": 5}), QUESTIONS, 0), 4, 0, items_per_form=2)
