"""The results of a study as CSV tables, and in a few lines."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple

from audiosr_pipeline.csv_files import number_text
from audiosr_pipeline.printable import printable
from audiosr_pipeline.study.figure import NO_DIFFERENCE
from audiosr_pipeline.study.results import Analysis, Results
from audiosr_pipeline.study.statistics import Estimate

# What the mean of the ratings is called.
RATED = {
    "quality": "MOS",
    "overall": "overall impression of 100",
    "relevance": "relevance of 100",
    "audio_quality": "audio quality of 100",
}
# A row of a table; the first is its header.
Row = tuple[object, ...]


def tables(analysis: Analysis) -> dict[str, list[Row]]:
    """All tables by file name; what can't be told is empty, and systems of a pair are named first and second."""
    both = {"applied": analysis.results, "none": analysis.results_of_all}
    return {
        "preferences.csv": [
            _PREFERENCE_HEADER,
            *(row for name, one in both.items() for row in _preferences(name, one)),
        ],
        "quality.csv": [_QUALITY_HEADER, *(row for name, one in both.items() for row in _qualities(name, one))],
        "items.csv": [_ITEM_HEADER, *_items(analysis.results)],
        "item_quality.csv": [_ITEM_QUALITY_HEADER, *_item_qualities(analysis.results)],
        "listeners.csv": [_LISTENER_HEADER, *_listeners(analysis)],
        "votes.csv": [_VOTE_HEADER, *_votes(analysis)],
        "rejected.csv": [("source", "line", "kind", "reason"), *map(astuple, analysis.rejected)],
    }


def summary(analysis: Analysis) -> str:
    """The main results in lines."""
    num_excluded = sum(bool(listener.reasons) for listener in analysis.listeners)
    lines = [f"study {analysis.study}: {len(analysis.listeners)} listeners, {num_excluded} of them left out by rules"]
    if analysis.rejected:
        lines.append(f"{len(analysis.rejected)} rows not counted: {rejected_kinds(analysis)}")
    if not analysis.results.votes:
        lines.append("no answers to test trials are left")
    for one in analysis.results.preferences:
        first, second = one.systems
        shares = ", ".join(
            f"{name} {share.percent()}" for name, share in zip((first, NO_DIFFERENCE, second), one.shares, strict=True)
        )
        test = one.over_items
        lines.append(
            f"{one.generator}: {shares}; {test.positive} items lean to {second}, {test.negative} to {first}, "
            f"{test.tied} to neither (sign test {p_text(test.p_value)}); {one.num_listeners} listeners, "
            f"{one.num_votes} votes"
        )
    for rated in analysis.results.qualities:
        name = RATED[rated.question]
        lines.append(f"{rated.generator}, {rated.system}: {name} {rated.mos.number()}; {rated.num_votes} ratings")
    for power in analysis.powers:
        found = ", ".join(f"{100 * share:.0f} %: {needed_text(needed)}" for share, _, needed in power.rows)
        lines.append(f"{power.generator}, {power.systems[1]}: listeners to find a true share of {found}")
    # Names of generators and systems are those of a file.
    return "\n".join(map(printable, lines))


def rejected_kinds(analysis: Analysis) -> str:
    """How many rows are not counted for which reason."""
    return ", ".join(f"{count} {kind}" for kind, count in Counter(row.kind for row in analysis.rejected).items())


def p_text(p_value: float) -> str:
    """A p-value as text.

    >>> p_text(0.0421), p_text(0.0002)
    ('p = 0.042', 'p < 0.001')
    """
    if math.isnan(p_value):
        return "no p-value"
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def percent_text(share: float) -> str:
    """A share in whole percent, which no line break parts from its sign."""
    return f"{100 * share:.0f}\u00a0%"


def needed_text(num_listeners: int | None) -> str:
    """What `required_listeners` returned, as text."""
    return "more than 1000" if num_listeners is None else str(num_listeners)


def _bounds(name: str) -> tuple[str, str, str]:
    return name, f"{name}_low", f"{name}_high"


_PREFERENCE_HEADER = (
    *("exclusions", "generator", "first", "second", "listeners", "items", "votes"),
    *(*_bounds("share_first"), *_bounds("share_none"), *_bounds("share_second"), *_bounds("net")),
    *("items_for_second", "items_for_first", "items_tied", "p_items", "p_items_holm"),
    *("listeners_for_second", "listeners_for_first", "listeners_tied", "p_listeners"),
    *("listener_correlation", "item_correlation"),
)
_QUALITY_HEADER = (
    *("exclusions", "question", "generator", "system", "listeners", "items", "ratings"),
    *(*_bounds("mos"), *_bounds("difference_to_original")),
)
_ITEM_HEADER = ("generator", "item", "first", "second", "votes_first", "votes_none", "votes_second")
_ITEM_QUALITY_HEADER = ("question", "generator", "item", "system", "ratings", "mos")
_LISTENER_HEADER = (
    *("listener", "left_out", "form", "device", "bandwidth_hz", "answers", "median_seconds"),
    *("identical_preferred", "identical", "lowpassed_missed", "lowpassed", "hasty"),
)
_VOTE_HEADER = (
    *("listener", "left_out", "question", "generator", "item", "first", "second", "presented_first", "value"),
)


def _estimate(estimate: Estimate | None) -> tuple[str, ...]:
    return ("", "", "") if estimate is None else tuple(map(number_text, astuple(estimate)))


def _preferences(exclusions: str, results: Results) -> Iterator[Row]:
    for one in results.preferences:
        yield (
            *(exclusions, one.generator, *one.systems, one.num_listeners, one.num_items, one.num_votes),
            *(text for estimate in (*one.shares, one.net) for text in _estimate(estimate)),
            *(one.over_items.positive, one.over_items.negative, one.over_items.tied),
            *(number_text(one.over_items.p_value), number_text(one.p_holm)),
            *(one.over_listeners.positive, one.over_listeners.negative, one.over_listeners.tied),
            number_text(one.over_listeners.p_value),
            *map(number_text, one.correlations),
        )


def _qualities(exclusions: str, results: Results) -> Iterator[Row]:
    for one in results.qualities:
        counts = one.num_listeners, one.num_items, one.num_votes
        yield (
            exclusions,
            one.question,
            one.generator,
            one.system,
            *counts,
            *_estimate(one.mos),
            *_estimate(one.difference),
        )


def _items(results: Results) -> Iterator[Row]:
    for row in results.items:
        if len(row.systems) == 2:
            yield row.generator, row.item, *row.systems, *row.counts


def _item_qualities(results: Results) -> Iterator[Row]:
    for row in results.items:
        if len(row.systems) == 1:
            yield row.question, row.generator, row.item, *row.systems, sum(row.counts), number_text(row.mean_rating)


def _listeners(analysis: Analysis) -> Iterator[Row]:
    for one in analysis.listeners:
        yield (
            *(one.name, "; ".join(one.reasons), one.form, one.device, one.bandwidth_hz, one.num_answers),
            *(number_text(one.median_seconds), *one.identical, *one.lowpassed, one.hasty[0]),
        )


def _votes(analysis: Analysis) -> Iterator[Row]:
    left_out = {one.name: "; ".join(one.reasons) for one in analysis.listeners}
    for vote in analysis.results_of_all.votes:
        is_pair = len(vote.systems) == 2
        second = vote.systems[1] if is_pair else ""
        presented_first = vote.first if is_pair else ""
        yield (
            *(vote.listener, left_out[vote.listener], vote.question, vote.generator, vote.item),
            *(vote.systems[0], second, presented_first, vote.value),
        )
