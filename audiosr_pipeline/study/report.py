"""The results of a study as one HTML page that needs nothing beside it."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from statistics import median

from audiosr_pipeline.study.figure import NO_DIFFERENCE, label, pair_label
from audiosr_pipeline.study.results import Analysis, Power, Preference, Quality, Results, tone
from audiosr_pipeline.study.statistics import Estimate, SignTest
from audiosr_pipeline.study.tables import needed_text, p_text, percent_text, rejected_kinds

# More rows than this are in the CSV alone.
MOST_ROWS = 200
# Below so many listeners or items, intervals can't be relied on.
FEW_CLUSTERS = 5

STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 48rem; padding: 1rem 1rem 4rem; color: #1b1f24; background: #fff;
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 1rem 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
p, ul { margin: .5rem 0; }
ul { padding-left: 1.2rem; }
figure { margin: 1.5rem 0; }
figure svg { display: block; width: 100%; height: auto; max-width: 40rem; margin: 0 auto; }
figcaption, .note { color: #555c66; font-size: .875rem; }
.warning { border-left: 4px solid #b45309; background: #fff7ed; padding: .5rem .75rem; margin: .75rem 0; }
.lead { font-size: 1.05rem; }
.scroll { overflow-x: auto; margin: .75rem 0; background: linear-gradient(to right, #fff, #fff0 2rem) local,
  linear-gradient(to left, #fff, #fff0 2rem) right local, linear-gradient(to right, #c5cbd3, #fff0 .6rem),
  linear-gradient(to left, #c5cbd3, #fff0 .6rem) right; background-size: 2rem 100%, 2rem 100%, .6rem 100%, .6rem 100%;
  background-repeat: no-repeat; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: .3rem .75rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #e3e6ea; }
td { white-space: nowrap; }
thead th { border-bottom: 2px solid #9aa3ad; vertical-align: bottom; }
.range { color: #555c66; }
summary { cursor: pointer; padding: .4rem 0; color: #00517f; }
code { font-size: .875em; }
@media print { details > * { display: block; } }
"""

METHOD = """
<p>Votes are crossed: each listener judges many items, each item is judged by many listeners. So the 95&nbsp;%
intervals come from the pigeonhole bootstrap, which resamples listeners and items apart from each other (Owen,
<i>Annals of Applied Statistics</i> 1(2), 2007), and hold for other listeners and other items like these.
Percentiles are widened for few clusters as by Hesterberg (<i>The American Statistician</i> 69(4), 2015). The
intervals are mildly too wide where listeners and items hardly differ. A share of 0 or 100&nbsp;% has Clopper and
Pearson's interval for as many votes as there are listeners or items, whichever are fewer.</p>
<p>Answers without a clear difference are a result of their own: they are neither dropped nor split. The net
preference is the share for the second system less the share for the first; if its interval leaves out 0, the
preference holds beyond these listeners and items. The sign test asks whether more items lean to one system than to
the other, an item leaning to the system with more votes; items with as many votes for either are left out of it and
counted. It takes the listeners as they are. The same test over listeners takes the items as they are. Both are
exact and two-sided; Holm's adjustment is over all rows of the table.</p>
<p>Of several answers of a listener to one trial the earliest counts. Listeners who stopped before the end are kept
with what they answered. Training trials and attention checks count for no result.</p>
"""


def report_html(analysis: Analysis, figure: str | None) -> str:
    """The report.

    Args:
        analysis: What it shows.
        figure: The text of `figure1.svg`; None if there is nothing to draw.

    Returns:
        A page of HTML without scripts or references to other files.
    """
    results = analysis.results
    parts = [
        "<h1>Preference study</h1>",
        f'<p class="note">Study <code>{escape(analysis.study)}</code></p>',
        *_lead(analysis),
    ]
    if figure is not None:
        # What comes before the element is the declaration of a file of its own.
        drawing = figure[figure.index("<svg") :]
        drawing = drawing.replace("<svg", f'<svg role="img" aria-label="{escape(_spoken(results))}"', 1)
        caption = "Share of votes per generator" + (" and pair of systems." if _num_pairs(results) > 1 else ".")
        parts.append(f"<figure>{drawing}<figcaption>{caption}</figcaption></figure>")
    if results.preferences:
        parts += ["<h2>Preference</h2>", *_preferences(results), *_tests(results)]
    if results.qualities:
        parts += ["<h2>Overall quality</h2>", *_qualities(results)]
    if results.position_bias is not None:
        parts += ["<h2>Does the order matter?</h2>", *_position_bias(results)]
    parts += ["<h2>Listeners</h2>", *_listeners(analysis)]
    if any(listener.reasons for listener in analysis.listeners):
        parts += ["<h2>The same without exclusions</h2>", *_preferences(analysis.results_of_all)]
        parts += _qualities(analysis.results_of_all)
    if results.groups:
        parts += ["<h2>By listening conditions</h2>", *_groups(results)]
    if analysis.powers:
        parts += ["<h2>Planning the next study</h2>", *_powers(analysis)]
    parts += ["<h2>Details</h2>", *_details(analysis), "<h2>Method</h2>", METHOD, *_versions(analysis)]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Preference study {escape(analysis.study)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _lead(analysis: Analysis) -> Iterable[str]:
    results = analysis.results
    num_out = len(analysis.listeners) - results.num_listeners
    left_out = f", after {num_out} of {len(analysis.listeners)} were left out by the rules below" if num_out else ""
    yield f'<p class="lead">{_number_of(results.num_listeners, "listener")}{left_out}.</p>'
    if not results.votes:
        yield _warning("No answers to test trials are left, so there is no result.")
    lines = [_sentence(one) for one in results.preferences]
    if lines:
        yield f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"
    shown: list[Preference | Quality] = [*results.preferences, *results.qualities]
    num_items = min((one.num_items for one in shown), default=FEW_CLUSTERS)
    num_listeners = min((one.num_listeners for one in shown), default=FEW_CLUSTERS)
    for number, what, others in ((num_listeners, "listener", "items"), (num_items, "item", "listeners")):
        if number == 1:
            yield _warning(
                f"Results that rest on one {what} say nothing about other {what}s: their intervals hold for other "
                f"{others} alone."
            )
        elif number < FEW_CLUSTERS:
            yield _warning(
                f"Some results rest on {number} {what}s. Intervals of fewer than {FEW_CLUSTERS} are unreliable."
            )
    if analysis.rejected:
        yield _warning(
            f"{_number_of(len(analysis.rejected), 'row')} of the answers not counted: "
            f"{escape(rejected_kinds(analysis))}. Each is listed under Details."
        )


def _sentence(one: Preference) -> str:
    first, second = map(label, one.systems)
    first = f"the {first}" if first == "original" else first
    if one.net.low > 0:
        verdict = f"{second} is preferred to {first}"
    elif one.net.high < 0:
        verdict = f"{first} is preferred to {second}"
    else:
        verdict = f"no preference between {first} and {second} that would hold for other listeners and items is shown"
    shares = ", ".join(
        f"{percent_text(share.value)} {escape(name)}"
        for share, name in zip(one.shares, (label(one.systems[0]), NO_DIFFERENCE, second), strict=True)
    )
    return f"<b>{escape(label(one.generator))}</b>: {escape(verdict)} ({shares})."


def _spoken(results: Results) -> str:
    """The figure in words."""
    rows = []
    for one in results.preferences:
        first, second = map(label, one.systems)
        shares = ", ".join(
            f"{name} {percent_text(share.value)}"
            for name, share in zip((first, NO_DIFFERENCE, second), one.shares, strict=True)
        )
        rows.append(f"{label(one.generator)}: {shares}")
    return f"Stacked bars. {'; '.join(rows)}."


def _num_pairs(results: Results) -> int:
    return len({one.systems for one in results.preferences})


def _name(one: Preference | Power, results: Results) -> str:
    """What a row is about: the generator, and the pair if there are several."""
    name = label(one.generator)
    return f"{name}, {pair_label(one.systems)}" if _num_pairs(results) > 1 else name


def _pair_header(systems: Iterable[Sequence[str]]) -> tuple[str, str, str]:
    """Column names for the shares: of the systems if there is one pair, else of their places in it."""
    pairs = set(systems)
    first, second = map(label, next(iter(pairs))) if len(pairs) == 1 else ("first", "second")
    return first, NO_DIFFERENCE, second


def _preferences(results: Results) -> Iterable[str]:
    if not results.preferences:
        return
    header = (*_pair_header(one.systems for one in results.preferences), "net preference")
    yield _table(
        ("generator", *header, "listeners", "items", "votes"),
        [
            (
                _name(one, results),
                *map(_percent, one.shares),
                _percent(one.net, "+"),
                *(one.num_listeners, one.num_items, one.num_votes),
            )
            for one in results.preferences
        ],
    )
    yield '<p class="note">Shares of votes with 95&nbsp;% intervals. Net: the second system less the first.</p>'


def _tests(results: Results) -> Iterable[str]:
    first, _, second = _pair_header(one.systems for one in results.preferences)
    sides = f"{first} / even / {second}"
    yield _table(
        ("sign test", f"items for {sides}", "p", "p (Holm)", f"listeners for {sides}", "p"),
        [
            (
                *(_name(one, results), _leaning(one.over_items), p_text(one.over_items.p_value), p_text(one.p_holm)),
                *(_leaning(one.over_listeners), p_text(one.over_listeners.p_value)),
            )
            for one in results.preferences
        ],
    )
    yield '<p class="note">How many items, and how many listeners, have more votes for either system.</p>'


def _leaning(test: SignTest) -> str:
    return f"{test.negative} / {test.tied} / {test.positive}"


def _qualities(results: Results) -> Iterable[str]:
    if not results.qualities:
        return

    def row(one: Quality) -> tuple[object, ...]:
        difference = "" if one.difference is None else _number(one.difference, "+")
        counts = one.num_listeners, one.num_items, one.num_votes
        return label(one.generator), label(one.system), _number(one.mos), difference, *counts

    header = ("generator", "system", "MOS", "difference to the original", "listeners", "items", "ratings")
    yield _table(header, map(row, results.qualities))
    yield (
        '<p class="note">Mean of ratings from 1 to 5, with 95&nbsp;% intervals. The difference is within listeners and '
        "items, so its interval can be narrower than those of the means.</p>"
    )


def _position_bias(results: Results) -> Iterable[str]:
    bias = results.position_bias
    assert bias is not None
    test = bias.over_listeners
    yield (
        f"<p>Of {bias.num_votes} votes with a preference, {_percent(bias.share_first)} went to the side presented "
        f"first. {test.positive} listeners leaned to the first side, {test.negative} to the second, {test.tied} to "
        f"neither (sign test {p_text(test.p_value)}). Each system is presented first in half of the trials, so such a "
        "bias makes preferences smaller rather than one-sided.</p>"
    )


def _listeners(analysis: Analysis) -> Iterable[str]:
    listeners = analysis.listeners
    counts = Counter(reason for listener in listeners for reason in listener.reasons)
    yield f"<p>{_number_of(len(listeners), 'listener')} answered. Left out are those who</p><ul>"
    for name, sentence in analysis.rules.sentences().items():
        yield f"<li>{escape(sentence)}: <b>{counts[name]}</b></li>"
    yield "</ul>"
    checks = {
        "identical pair": sum(listener.identical[1] for listener in listeners),
        "low-passed pair": sum(listener.lowpassed[1] for listener in listeners),
    }
    if missing := [name for name, count in checks.items() if not count]:
        yield _warning(f"Nobody answered a check of this kind: {', '.join(missing)}. Its rule could leave nobody out.")
    kept = [listener for listener in listeners if not listener.reasons]
    if not kept:
        return
    fullest = max(listener.num_answers for listener in listeners)
    incomplete = sum(listener.num_answers < fullest for listener in kept)
    devices = Counter(listener.device for listener in kept)
    tones = Counter(listener.bandwidth_hz for listener in kept)
    heard = ", ".join(f"{tone(bandwidth_hz)} {count}" for bandwidth_hz, count in sorted(tones.items(), reverse=True))
    seconds = median(listener.median_seconds for listener in kept)
    yield (
        f"<p>Of the {len(kept)} kept, {incomplete} answered fewer trials than the fullest set ({fullest}); what they "
        f"answered counts. {devices['headphones']} ({percent_text(devices['headphones'] / len(kept))}) listened with "
        f"headphones. Highest tone heard in the check: {heard}. A trial was listened to for {seconds:.1f}&nbsp;s "
        "(median over listeners of their medians).</p>"
    )


def _groups(results: Results) -> Iterable[str]:
    header = ("condition", "value", *_pair_header(one.systems for one in results.groups))
    yield _table(
        (*header, "listeners", "votes"),
        [
            (
                *(one.covariate, f"{one.value}, {pair_label(one.systems)}" if _num_pairs(results) > 1 else one.value),
                *(*map(_percent, one.shares), one.num_listeners, one.num_votes),
            )
            for one in results.groups
        ],
    )
    yield (
        '<p class="note">All generators together. Nobody was assigned to a condition: a difference between rows can '
        "come from what else differs between these listeners.</p>"
    )


def _powers(analysis: Analysis) -> Iterable[str]:
    yield (
        "<p>The chance that the interval of the net preference leaves out 0, for several true shares among the votes "
        "with a preference; and the listeners needed for a chance of 80&nbsp;% with as many items.</p>"
    )
    rows = [
        (
            *(_name(power, analysis.results), percent_text(share)),
            *("–" if math.isnan(chance) else percent_text(chance), needed_text(needed)),
        )
        for power in analysis.powers
        for share, chance, needed in power.rows
    ]
    yield _table(("generator", "true share", "chance in this study", "listeners needed"), rows)
    assumptions = "; ".join(
        f"{_name(power, analysis.results)}: {power.num_listeners} listeners, {power.num_items} items, "
        f"{percent_text(power.tie_share)} without a clear difference, correlation of the votes of a listener "
        f"{power.correlations[0]:.2f}, of those on an item {power.correlations[1]:.2f}"
        for power in analysis.powers
    )
    yield (
        f'<p class="note">Assumed as found here: {escape(assumptions)}. Every listener judges every item once; the '
        "normal approximation. <code>audiosr_pipeline.study.statistics.required_listeners</code> takes other "
        "numbers.</p>"
    )


def _details(analysis: Analysis) -> Iterable[str]:
    pairs = [row for row in analysis.results.items if len(row.systems) == 2]
    rated = [row for row in analysis.results.items if len(row.systems) == 1]
    if pairs:
        header = ("generator", "item", "compared", *_pair_header(row.systems for row in pairs))
        rows = [(label(row.generator), row.item, pair_label(row.systems), *row.counts) for row in pairs]
        yield _folded("Votes per item", header, rows, "items.csv")
    if rated:
        quality = [
            (label(row.generator), row.item, label(row.systems[0]), f"{row.mean_rating:.2f}", sum(row.counts))
            for row in rated
        ]
        yield _folded(
            "Ratings per item", ("generator", "item", "system", "MOS", "ratings"), quality, "item_quality.csv"
        )
    listeners = [
        (
            *(one.name, ", ".join(one.reasons) or "–", one.num_answers, one.device, tone(one.bandwidth_hz)),
            *("{} of {}".format(*one.identical), "{} of {}".format(*one.lowpassed), "{} of {}".format(*one.hasty)),
            f"{one.median_seconds:.1f}",
        )
        for one in analysis.listeners
    ]
    columns = ("listener", "left out for", "answers", "device", "highest tone", "identical: preferred")
    checks = ("low-passed: missed", "hasty", "median s")
    yield _folded("Listeners", (*columns, *checks), listeners, "listeners.csv")
    if analysis.rejected:
        rejected = [(row.source, row.line, row.kind, row.reason) for row in analysis.rejected]
        yield _folded("Rows not counted", ("file", "line", "kind", "reason"), rejected, "rejected.csv")


def _versions(analysis: Analysis) -> Iterable[str]:
    versions = ", ".join(f"{name} {version}" for name, version in analysis.versions.items())
    yield f'<p class="note">Made with {escape(versions)}; seed of the resampling {analysis.seed}.</p>'


def _number_of(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _warning(text: str) -> str:
    return f'<p class="warning">{text}</p>'


class _Markup(str):
    """Text that is HTML already."""


def _percent(estimate: Estimate, sign: str = "") -> _Markup:
    return _with_range(estimate.percent(sign))


def _number(estimate: Estimate, sign: str = "") -> _Markup:
    return _with_range(estimate.number(sign))


def _with_range(text: str) -> _Markup:
    value, _, bounds = text.partition(" [")
    return _Markup(f'{escape(value)} <span class="range">[{escape(bounds)}</span>'.replace(" %", "&nbsp;%"))


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    def cell(value: object) -> str:
        return f"<td>{value if isinstance(value, _Markup) else escape(str(value))}</td>"

    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "\n".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    # A table that is wider than the screen scrolls by itself, with the keyboard too.
    table = f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"
    return f'<div class="scroll" tabindex="0">{table}</div>'


def _folded(title: str, header: Sequence[str], rows: Sequence[Sequence[object]], file: str) -> str:
    more = f'<p class="note">The first {MOST_ROWS}; all are in {file}.</p>' if len(rows) > MOST_ROWS else ""
    return f"<details><summary>{title} ({len(rows)})</summary>{_table(header, rows[:MOST_ROWS])}{more}</details>"
