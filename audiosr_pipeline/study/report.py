"""The results of a study as one HTML page that needs nothing beside it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from audiosr_pipeline.study.figure import NO_DIFFERENCE, label, pair_label
from audiosr_pipeline.study.results import Analysis, Group, ItemRow, Power, Preference, Quality, tone
from audiosr_pipeline.study.tables import RATED, needed_text, p_text, percent_text, rejected_kinds

# More rows than this are in the CSV alone.
MOST_ROWS = 200
# Below so many listeners or items, intervals can't be relied on.
FEW_CLUSTERS = 5


def report_html(analysis: Analysis, figure: str | None) -> str:
    """The report.

    Args:
        analysis: What it shows.
        figure: The text of `figure1.svg`; None if there is nothing to draw.

    Returns:
        A page of HTML without scripts or references to other files.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "label": label,
        "median": median,
        "needed": needed_text,
        "number": lambda estimate, sign="": _with_range(estimate.number(sign)),
        "p_value": p_text,
        "pair": pair_label,
        "percent": lambda estimate, sign="": _with_range(estimate.percent(sign)),
        "share": percent_text,
        "tone": tone,
    }
    results, listeners = analysis.results, analysis.listeners
    has_pairs = len({one.systems for one in results.preferences}) > 1

    def name_of(one: Preference | Power) -> str:
        """What a row is about: the generator, and the pair if there are several."""
        return f"{label(one.generator)}, {pair_label(one.systems)}" if has_pairs else label(one.generator)

    shown: list[Preference | Quality] = [*results.preferences, *results.qualities]
    checks = {
        "identical pair": sum(listener.identical[1] for listener in listeners),
        "low-passed pair": sum(listener.lowpassed[1] for listener in listeners),
    }
    return environment.get_template("report.html").render(
        analysis=analysis,
        # What comes before the element is the declaration of a file of its own; the template begins the element.
        drawing=None if figure is None else Markup(figure.partition("<svg")[2]),
        clusters=[
            (min((one.num_listeners for one in shown), default=FEW_CLUSTERS), "listener", "items"),
            (min((one.num_items for one in shown), default=FEW_CLUSTERS), "item", "listeners"),
        ],
        counts=Counter(reason for listener in listeners for reason in listener.reasons),
        few_clusters=FEW_CLUSTERS,
        has_pairs=has_pairs,
        missing_checks=[name for name, count in checks.items() if not count],
        most_rows=MOST_ROWS,
        name_of=name_of,
        no_difference=NO_DIFFERENCE,
        pair_header=_pair_header,
        rated_as=RATED,
        rejected_kinds=rejected_kinds(analysis),
    )


def _pair_header(rows: Sequence[Preference | Group | ItemRow]) -> list[str]:
    """Column names for the shares: of the systems if there is one pair, else of their places in it."""
    pairs = {one.systems for one in rows}
    first, second = map(label, next(iter(pairs))) if len(pairs) == 1 else ("first", "second")
    return [first, NO_DIFFERENCE, second]


def _with_range(text: str) -> Markup:
    """An estimate as text, whose interval is what stands in brackets."""
    value, _, interval = text.replace(" %", "\u00a0%").partition(" [")
    return Markup('{} <span class="range">[{}</span>').format(value, interval)
