"""What the answers of some listeners say: preferences, position bias, quality, and what each depends on."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from audiosr_pipeline.study.answers import ANSWERS, Answer, Key, Rejected, Trial
from audiosr_pipeline.study.exclusions import ExclusionRules, Listener
from audiosr_pipeline.study.statistics import (
    Estimate,
    SignTest,
    clustered_means,
    correlations,
    holm,
    leanings,
    preference_power,
    required_listeners,
    sign_test,
)

# Systems in the order in which pairs and tables name them; further ones follow by name.
FIRST_SYSTEMS = ("original", "audiosr")
_QUESTIONS = list(ANSWERS)
# True shares among the votes with a preference for which `planning` tells the power.
SHARES = (0.55, 0.6, 0.65, 0.7, 0.8)


@dataclass(frozen=True)
class Vote:
    """One answer to a test trial, with what the key says about it.

    Attributes:
        listener: Who answered.
        question: A key of `ANSWERS`.
        generator: What generated the item.
        item: Its name, unique within the generator.
        systems: What was compared, in the order of `FIRST_SYSTEMS`; of a rating the one that was rated.
        value: -1, 0 or 1 for the first of `systems`, none or the second; else the rating.
        first: The system that was presented first.
    """

    listener: str
    question: str
    generator: str
    item: str
    systems: tuple[str, ...]
    value: int
    first: str


@dataclass(frozen=True)
class Preference:
    """How two systems compare on the items of one generator.

    Attributes:
        generator: What generated the items.
        systems: The two systems.
        num_votes: Answers.
        num_listeners: Listeners who gave them.
        num_items: Items they are about.
        shares: Of the votes for the first system, of those without a clear difference, of those for the second.
        net: Share of the second system less that of the first.
        over_items: Sign test of how many items have more votes for the second system than for the first.
        over_listeners: The same over the listeners.
        p_holm: The p-value of `over_items`, adjusted for all generators and pairs of systems.
        correlations: Shares of the votes' variance that are between listeners and between items.
    """

    generator: str
    systems: tuple[str, str]
    num_votes: int
    num_listeners: int
    num_items: int
    shares: tuple[Estimate, Estimate, Estimate]
    net: Estimate
    over_items: SignTest
    over_listeners: SignTest
    p_holm: float
    correlations: tuple[float, float]


@dataclass(frozen=True)
class Quality:
    """Mean rating of one system on the items of one generator.

    Attributes:
        question: What was asked: `"quality"`, whose mean is the mean opinion score, or another that is rated.
        generator: What generated the items.
        system: What was rated.
        num_votes: Ratings.
        num_listeners: Listeners who gave them.
        num_items: Items they are about.
        mos: Mean rating.
        difference: Mean of the rating less that of the original, where a listener rated both versions of an item; None
            for the original, and where nobody did.
    """

    question: str
    generator: str
    system: str
    num_votes: int
    num_listeners: int
    num_items: int
    mos: Estimate
    difference: Estimate | None


@dataclass(frozen=True)
class PositionBias:
    """Whether what is presented first is preferred; None of it is about systems, as sides are balanced.

    Attributes:
        num_votes: Answers with a preference.
        share_first: Share of them for what was presented first.
        over_listeners: Sign test of how many listeners preferred the first side more often than the second.
    """

    num_votes: int
    share_first: Estimate
    over_listeners: SignTest


@dataclass(frozen=True)
class Group:
    """Preference among the listeners who share a covariate, over all generators.

    Attributes:
        covariate: `"device"` or `"highest tone heard"`.
        value: What they share.
        systems: The pair of systems.
        num_listeners: How many they are.
        num_votes: Their answers.
        shares: As in `Preference`.
    """

    covariate: str
    value: str
    systems: tuple[str, str]
    num_listeners: int
    num_votes: int
    shares: tuple[Estimate, Estimate, Estimate]


@dataclass(frozen=True)
class ItemRow:
    """Answers on one item: counts of votes as `Preference.shares`, or of ratings from 1 on of one system."""

    question: str
    generator: str
    item: str
    systems: tuple[str, ...]
    counts: tuple[int, ...]

    @property
    def mean_rating(self) -> float:
        """Mean of the ratings."""
        return sum(rating * count for rating, count in enumerate(self.counts, start=1)) / sum(self.counts)


@dataclass(frozen=True)
class Results:
    """What a set of listeners answered.

    Attributes:
        num_listeners: How many they are.
        preferences: Per generator and pair of systems.
        qualities: Per rated question, generator and system.
        position_bias: Over all preferences; None if there are none.
        groups: Preferences by covariate.
        items: Per item, with its pair or its system.
        votes: All answers that count.
    """

    num_listeners: int
    preferences: list[Preference]
    qualities: list[Quality]
    position_bias: PositionBias | None
    groups: list[Group]
    items: list[ItemRow]
    votes: list[Vote]


@dataclass(frozen=True)
class Power:
    """What a study like this one can find.

    Attributes:
        generator: What generated the items.
        systems: The pair of systems.
        tie_share: Share of votes without a clear difference, as found.
        correlations: As found, or 0.05 where the votes can't tell.
        num_listeners: As in the study.
        num_items: As in the study.
        rows: True share among the votes with a preference; the chance to find it with this study, NaN for a single
            listener; the listeners that find it in 80 % of studies, None if more than 1,000 would be needed.
    """

    generator: str
    systems: tuple[str, str]
    tie_share: float
    correlations: tuple[float, float]
    num_listeners: int
    num_items: int
    rows: tuple[tuple[float, float, int | None], ...]


@dataclass(frozen=True)
class Analysis:
    """What the answers of a study say.

    Attributes:
        study: Hash of the study.
        rules: Who is left out.
        listeners: All who answered, each with the rules that leave them out.
        results: Without those who are left out.
        results_of_all: With them.
        powers: For planning the next study, per generator and pair of systems.
        rejected: Rows that aren't counted, with reasons.
        seed: Of the resampling.
        versions: Of the software.
    """

    study: str
    rules: ExclusionRules
    listeners: list[Listener]
    results: Results
    results_of_all: Results
    powers: list[Power]
    rejected: list[Rejected]
    seed: int
    versions: dict[str, str]


def summarise(
    answers: Sequence[Answer], key: Key, listeners: Sequence[Listener], generator: np.random.Generator
) -> Results:
    """The results of the given listeners; answers of others are passed over."""
    names = {listener.name for listener in listeners}
    votes = [
        _vote(answer, key.trials[answer.trial])
        for answer in answers
        if answer.listener in names and key.trials[answer.trial].role == "test"
    ]
    pairs = [vote for vote in votes if len(vote.systems) == 2]
    ratings = [vote for vote in votes if len(vote.systems) == 1]
    preferences = [
        _preference(own, generator) for own in _grouped(pairs, lambda vote: (vote.generator, _ranked(vote))).values()
    ]
    adjusted = holm([preference.over_items.p_value for preference in preferences])
    return Results(
        num_listeners=len(names),
        preferences=[replace(one, p_holm=p_value) for one, p_value in zip(preferences, adjusted, strict=True)],
        qualities=[
            _quality(own, ratings, generator)
            for own in _grouped(
                ratings, lambda vote: (_QUESTIONS.index(vote.question), vote.generator, _ranked(vote))
            ).values()
        ],
        position_bias=_position_bias([vote for vote in pairs if vote.value], generator),
        groups=_groups(pairs, listeners, generator),
        items=[
            _item_row(own)
            for own in _grouped(
                votes,
                lambda vote: (_QUESTIONS.index(vote.question), vote.generator, vote.item, _ranked(vote)),
            ).values()
        ],
        votes=votes,
    )


def planning(preferences: Sequence[Preference]) -> list[Power]:
    """What studies like this one can find; nothing for a single item or for ties alone."""
    powers = []
    for one in preferences:
        tie_share = one.shares[1].value
        if one.num_items < 2 or tie_share == 1:
            continue
        found = [0.05 if math.isnan(correlation) else correlation for correlation in one.correlations]
        # Estimated apart, they can sum to more than there is.
        of_listeners, of_items = (correlation / max(1.0, sum(found)) for correlation in found)
        rows = []
        for share in SHARES:
            power = math.nan
            if one.num_listeners > 1:
                power = preference_power(share, tie_share, one.num_listeners, one.num_items, of_listeners, of_items)
            rows.append((share, power, required_listeners(share, tie_share, one.num_items, of_listeners, of_items)))
        sizes = one.num_listeners, one.num_items
        powers.append(Power(one.generator, one.systems, tie_share, (of_listeners, of_items), *sizes, tuple(rows)))
    return powers


def rank(system: str) -> tuple[int, str]:
    """Where a system stands among others."""
    return FIRST_SYSTEMS.index(system) if system in FIRST_SYSTEMS else len(FIRST_SYSTEMS), system


def _ranked(vote: Vote) -> tuple[tuple[int, str], ...]:
    return tuple(rank(system) for system in vote.systems)


def _vote(answer: Answer, trial: Trial) -> Vote:
    first = trial.systems[answer.stimulus_a]
    systems = tuple(sorted(trial.systems.values(), key=rank))
    if trial.question != "preference":
        value = int(answer.answer)
    elif answer.answer == "none":
        value = 0
    else:
        chosen = trial.systems[answer.stimulus_a if answer.answer == "a" else answer.stimulus_b]
        value = 1 if chosen == systems[1] else -1
    return Vote(answer.listener, trial.question, trial.generator, trial.item, systems, value, first)


def _grouped(votes: Sequence[Vote], by: Callable[[Vote], tuple]) -> dict[tuple, list[Vote]]:
    """Votes by what `by` gives, in its order."""
    groups: dict[tuple, list[Vote]] = {}
    for vote in votes:
        groups.setdefault(by(vote), []).append(vote)
    return dict(sorted(groups.items(), key=lambda group: group[0]))


def _values(votes: Sequence[Vote]) -> np.ndarray:
    return np.array([vote.value for vote in votes], dtype=float)


def _listeners(votes: Sequence[Vote]) -> list[str]:
    return [vote.listener for vote in votes]


def _items(votes: Sequence[Vote]) -> list[str]:
    return [f"{vote.generator}/{vote.item}" for vote in votes]


def _means(columns: Sequence[np.ndarray], votes: Sequence[Vote], generator: np.random.Generator) -> list[Estimate]:
    return clustered_means(np.column_stack(columns), _listeners(votes), _items(votes), generator)


def _shares(
    votes: Sequence[Vote], generator: np.random.Generator
) -> tuple[tuple[Estimate, Estimate, Estimate], Estimate]:
    """Shares of the first system, of none and of the second, and the net preference."""
    values = _values(votes)
    first, none, second, net = _means([values < 0, values == 0, values > 0, values], votes, generator)
    return (first, none, second), net


def _preference(votes: Sequence[Vote], generator: np.random.Generator) -> Preference:
    values, listeners, items = _values(votes), _listeners(votes), _items(votes)
    shares, net = _shares(votes, generator)
    return Preference(
        generator=votes[0].generator,
        systems=(votes[0].systems[0], votes[0].systems[1]),
        num_votes=len(votes),
        num_listeners=len(set(listeners)),
        num_items=len(set(items)),
        shares=shares,
        net=net,
        over_items=sign_test(leanings(values, items)),
        over_listeners=sign_test(leanings(values, listeners)),
        p_holm=math.nan,
        correlations=correlations(values, listeners, items),
    )


def _quality(votes: Sequence[Vote], ratings: Sequence[Vote], generator: np.random.Generator) -> Quality:
    (mos,) = _means([_values(votes)], votes, generator)
    original = {
        (vote.listener, vote.generator, vote.item): vote.value
        for vote in ratings
        if vote.systems == FIRST_SYSTEMS[:1] != votes[0].systems and vote.question == votes[0].question
    }
    rated_twice = [vote for vote in votes if (vote.listener, vote.generator, vote.item) in original]
    difference = None
    if rated_twice:
        differences = [vote.value - original[vote.listener, vote.generator, vote.item] for vote in rated_twice]
        (difference,) = _means([np.array(differences, dtype=float)], rated_twice, generator)
    return Quality(
        question=votes[0].question,
        generator=votes[0].generator,
        system=votes[0].systems[0],
        num_votes=len(votes),
        num_listeners=len(set(_listeners(votes))),
        num_items=len(set(_items(votes))),
        mos=mos,
        difference=difference,
    )


def _position_bias(decided: Sequence[Vote], generator: np.random.Generator) -> PositionBias | None:
    if not decided:
        return None
    for_first = np.array([vote.systems[int(vote.value > 0)] == vote.first for vote in decided], dtype=float)
    (share_first,) = _means([for_first], decided, generator)
    return PositionBias(len(decided), share_first, sign_test(leanings(2 * for_first - 1, _listeners(decided))))


def _groups(pairs: Sequence[Vote], listeners: Sequence[Listener], generator: np.random.Generator) -> list[Group]:
    covariates = {
        "device": {listener.name: listener.device for listener in listeners},
        "highest tone heard": {listener.name: tone(listener.bandwidth_hz) for listener in listeners},
    }
    groups = []
    for covariate, value_of in covariates.items():
        by_value = _grouped(pairs, lambda vote, value_of=value_of: (value_of[vote.listener], _ranked(vote)))  # type: ignore[misc]
        for (value, _), own in by_value.items():
            shares, _ = _shares(own, generator)
            systems = own[0].systems[0], own[0].systems[1]
            groups.append(Group(covariate, value, systems, len(set(_listeners(own))), len(own), shares))
    return groups


def tone(bandwidth_hz: int) -> str:
    """The highest tone of the check in words."""
    return f"{bandwidth_hz // 1_000} kHz" if bandwidth_hz else "none"


def _item_row(votes: Sequence[Vote]) -> ItemRow:
    question = votes[0].question
    possible = (-1, 0, 1) if question == "preference" else map(int, ANSWERS[question])
    counts = tuple(sum(vote.value == value for vote in votes) for value in possible)
    return ItemRow(question, votes[0].generator, votes[0].item, votes[0].systems, counts)
