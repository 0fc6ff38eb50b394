"""What was measured, as Markdown and as CSV."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path

import numpy as np

from audiosr_pipeline.csv_files import number_text, write_csv
from audiosr_pipeline.evaluate import SAMPLING_RATE
from audiosr_pipeline.metrics import Mean, bootstrap_means
from audiosr_pipeline.tables import markdown_table
from benchmarks.data.demos import MUSIC_DATA, PAGES
from benchmarks.data.entries import LOWPASSES
from benchmarks.data.recordings import list_digest
from benchmarks.table1.competitors import FOLLOWING_NOISE
from benchmarks.table1.measure import Results, Row

LSD = "lsd_ssr_eval"
LSD_BELOW_EDGE = "lsd_below_edge_ssr_eval"
LSD_EXACT_BELOW_EDGE = "lsd_exact_below_edge_ssr_eval"
# What `ssr_eval` gives a frame of digital silence.
SILENT_FRAME_LSD = 12
OTHER_SCORES = {
    "LSD to the edge": LSD_BELOW_EDGE,
    "LSD, all to the edge exact": LSD_EXACT_BELOW_EDGE,
    "LSD-HF to the edge": "lsd_hf_below_edge_ssr_eval",
    "LSD `apbwe`": "lsd_apbwe",
    "Variance ratio": "variance_ratio",
    "Energy error (dB)": "energy_error_db",
    "Energy error to the edge (dB)": "energy_error_below_edge_db",
    "16-20 kHz (dB)": "top_energy_error_db",
    "Level bias (dB)": "level_bias_db",
    "Envelope correlation": "envelope_correlation",
    "ViSQOL": "visqol_mos",
    "Zimtohrli": "zimtohrli_mos",
}
SPEED = "CPU-seconds per second of audio"
TITLES = {
    "esc10": "ESC-10 fold 5",
    "esc50": "ESC-50 fold 5",
    "vctk": "VCTK",
    "music": "Music",
    MUSIC_DATA: "Pages' music",
    "audiosr-page": "AudioSR's page",
    "nu-wave-page": "NU-Wave's page",
    "nu-wave-2-page": "NU-Wave 2's page",
    "ap-bwe-page": "AP-BWE's page",
    "aero-page": "AERO's page",
    "voicefixer-page": "VoiceFixer's page",
}
PAGE_DATA = frozenset(PAGES.values())

# Data set and cutoff in Hz.
Column = tuple[str, int]


class Table:
    """Rows by system and column.

    Args:
        rows: In the order in which systems and data sets are shown.
        systems: Names, in that order.
    """

    def __init__(self, rows: Sequence[Row], systems: Iterable[str]):
        self.cells: dict[tuple[str, Column], list[Row]] = {}
        for row in rows:
            self.cells.setdefault((row.system, (row.data, row.cutoff_freq)), []).append(row)
        self.systems = [system for system in dict.fromkeys(systems) if any(row.system == system for row in rows)]
        of_data: dict[str, set[int]] = {}
        for row in rows:
            of_data.setdefault(row.data, set()).add(row.cutoff_freq)
        columns = {data: [(data, freq) for freq in sorted(freqs)] for data, freqs in of_data.items()}
        self.recordings = [column for data, own in columns.items() if data not in PAGE_DATA for column in own]
        pages = [own for data, own in columns.items() if data in PAGE_DATA]
        # The columns of one table: recordings side by side as in the paper, and each page, which has its own systems.
        self.groups = [group for group in (self.recordings, *pages) if group]
        self.columns = [column for group in self.groups for column in group]

    def systems_in(self, columns: Iterable[Column]) -> list[str]:
        """The systems that have a value in one of these columns at least."""
        columns = list(columns)
        return [system for system in self.systems if any((system, column) in self.cells for column in columns)]

    def clips(self, column: Column) -> dict[str, Row]:
        """Some system's row of each clip, by clip: what is of the clip is the same in all."""
        return {row.clip: row for system in self.systems for row in self.cells.get((system, column), [])}

    def mean(self, system: str, column: Column, name: str) -> Mean | None:
        """Mean of a score over the clips that have it; None if none has."""
        score = exact_below_edge if name == LSD_EXACT_BELOW_EDGE else itemgetter(name)
        values = [score(row.scores) for row in self.cells.get((system, column), [])]
        return bootstrap_means(np.array(values)[:, None])[0] if values else None

    def difference(self, system: str, baseline: str, column: Column, name: str) -> Mean | None:
        """Mean of the difference of a score to a baseline's, over the clips that have it in both."""
        of_baseline = {row.clip: row.scores[name] for row in self.cells.get((baseline, column), [])}
        values = [
            row.scores[name] - of_baseline[row.clip]
            for row in self.cells.get((system, column), [])
            if row.clip in of_baseline
        ]
        return bootstrap_means(np.array(values)[:, None])[0] if values else None

    def speed(self, system: str, columns: Iterable[Column]) -> float:
        """Processor seconds per second of audio; NaN for stored outputs."""
        rows = [row for column in columns for row in self.cells.get((system, column), [])]
        audio_s = sum(row.audio_s for row in rows)
        return sum(row.cpu_s for row in rows) / audio_s if audio_s else math.nan


def exact_below_edge(scores: dict[str, float]) -> float:
    """LSD `ssr_eval` of what a system has above the edge, were all below it the true recording's.

    A difference of nothing in the bins below leaves of a frame's distance the root of the share of those above. Frames
    of digital silence have the same distance in all bins, whatever is in them.
    """
    above = scores["lsd_above_edge_ssr_eval"]
    share = math.sqrt(1 - 2 * scores["reference_edge_freq"] / SAMPLING_RATE)
    # The edge may be that of the highest bin.
    made = 0.0 if math.isnan(above) else share * above
    return made + (1 - share) * SILENT_FRAME_LSD * scores["reference_silent"]


def markdown(
    results: Results,
    systems: dict[str, str],
    baseline: str,
    left_out: Sequence[tuple[str, str, str]],
    conditions: Sequence[str],
) -> str:
    """The tables, how to read them, what is in them and what isn't.

    Args:
        results: What was measured.
        systems: What each is, by name, in the order of the rows.
        baseline: The system that differences are taken to.
        left_out: Group, role and reason of the demo pages' files that aren't compared.
        conditions: What it was made with.
    """
    table = Table(results.rows, systems)
    lines = ["# Table 1", "", "## LSD `ssr_eval`"]
    for group in table.groups:
        lines += ["", *_of_columns(table, group, lambda s, c: _cell(table.mean(s, c, LSD), len(table.clips(c))))]
    lines += ["", "## To the true recording's own band edge, and other metrics"]
    for column in table.columns:
        lines += ["", f"### {title(column)}", "", *_of_scores(table, column)]
    lines += ["", f"## LSD `ssr_eval` less {baseline}'s, clip by clip"]
    for group in table.groups:

        def difference(system: str, column: Column) -> str:
            mean = None if system == baseline else table.difference(system, baseline, column, LSD)
            return _cell(mean, len(table.clips(column)), "+")

        lines += ["", *_of_columns(table, group, difference)]
    speeds = {system: table.speed(system, table.columns) for system in table.systems}
    shown = [(system, f"{speed:.3g}") for system, speed in speeds.items() if not math.isnan(speed)]
    lines += ["", "## Speed", "", *markdown_table(("System", SPEED), shown)]
    lines += ["", "## How to read it", "", *(f"- {line}" for line in _how_to_read(table, baseline))]
    lines += ["", "## Data", "", *(f"- {line}" for line in data_lines(table))]
    lines += ["", "## Systems", "", *(f"- **{name}**: {systems[name]}" for name in table.systems)]
    lines += ["", "## Left out", "", *(f"- {line}" for line in _omissions(results, left_out))]
    lines += ["", "## Made with", "", *(f"- {line}" for line in conditions)]
    return "\n".join(lines) + "\n"


def title(column: Column) -> str:
    """How a column is headed."""
    data, cutoff_freq = column
    return f"{TITLES[data]}, {cutoff_freq / 1000:g} kHz"


def _cell(mean: Mean | None, num_clips: int, sign: str = "") -> str:
    """Mean and interval; the number of clips if it isn't all."""
    return "-" if mean is None else mean.text(num_clips, sign)


def _of_columns(table: Table, columns: list[Column], cell: Callable[[str, Column], str]) -> Iterator[str]:
    rows = ([system, *(cell(system, column) for column in columns)] for system in table.systems_in(columns))
    return markdown_table(["System", *map(title, columns)], rows)


def _of_scores(table: Table, column: Column) -> Iterator[str]:
    num_clips = len(table.clips(column))
    # Perceptual scores are there if they were asked for.
    known = {LSD_EXACT_BELOW_EDGE}.union(*(row.scores for row in table.clips(column).values()))
    shown = {heading: name for heading, name in OTHER_SCORES.items() if name in known}
    rows = (
        [system, *(_cell(table.mean(system, column, name), num_clips) for name in shown.values())]
        for system in table.systems_in([column])
    )
    return markdown_table(["System", *shown], rows)


def _how_to_read(table: Table, baseline: str) -> Iterator[str]:
    yield (
        "Mean over the clips [bootstrap 95 % interval]; n: how many clips have the score, where not all have. No "
        "interval: one clip. What the metrics are and what each can't see: `docs/metrics.md`."
    )
    yield (
        "LSD without another name is in the `ssr_eval` convention, at 48 kHz. Outputs and true recordings are cut at "
        "their ends to the length that they share, and both rounded to 16 bit; nothing is shifted or amplified."
    )
    yield (
        "Edge: where the true recording's own content ends in most frames; above it nothing has to be made. All to the "
        "edge exact: what a system would have for what it makes above the edge alone. HF: from the cutoff up. Variance "
        "ratio: 1 is as varied as the truth. Energy error: absolute, mean of the octaves above the cutoff. 16-20 kHz: "
        "signed energy error there, of true recordings that go on above it. Level bias: signed, mean of the octaves to "
        "the edge. Envelope correlation: of the new band's level over time with the truth's, to the edge."
    )
    if FOLLOWING_NOISE in table.systems:
        whole, to_edge = (_where_noise_is_lower(table, baseline, score) for score in (LSD, LSD_BELOW_EDGE))
        yield (
            f"{FOLLOWING_NOISE} costs nothing and knows no sound. Its LSD over the whole band is lower than "
            f"{baseline}'s {whole}, its LSD to the edge {to_edge}. The whole band counts what is made above a "
            "recording's edge, and such noise is weak there."
        )
    yield (
        "Speed: processor time of the call, all clips of a system together; outputs that were stored have none. All "
        "else is the same in a second run."
    )


def _where_noise_is_lower(table: Table, baseline: str, score: str) -> str:
    """The columns in which noise that costs nothing has the lower score, with both scores."""
    found = []
    for column in table.columns:
        noise, own = (table.mean(system, column, score) for system in (FOLLOWING_NOISE, baseline))
        if noise and own and noise.value < own.value:
            found.append(f"{title(column)} ({noise.value:.2f} beside {own.value:.2f})")
    return f"on {', '.join(found)}" if found else "nowhere"


def data_lines(table: Table) -> Iterator[str]:
    """What each column was measured on."""
    for column in table.columns:
        clips = table.clips(column)
        kinds = Counter(row.kind for row in clips.values())
        edges = [row.scores["reference_edge_freq"] for row in clips.values()]
        silent = float(np.mean([row.scores["reference_silent"] for row in clips.values()]))
        num_silent = sum(row.scores["reference_silent"] == 1 for row in clips.values())
        inputs = {"page": "inputs of the page"} | {name: f"low-pass `{name}`" for name in LOWPASSES}
        parts = [
            f"clips: {', '.join(f'{num} {kind}' for kind, num in kinds.items())}",
            f"{sum(row.audio_s for row in clips.values()):.1f} s",
            ", ".join(sorted({inputs[row.made_with] for row in clips.values()})),
            f"median edge {np.median(edges) / 1000:.1f} kHz",
        ]
        if silent:
            parts.append(
                f"{100 * silent:.1f} % of the frames are digital silence, which is {SILENT_FRAME_LSD * silent:.2f} of "
                "each LSD `ssr_eval`, whatever a system does"
            )
        if num_silent:
            parts.append(f"{num_silent} true recordings are digital silence")
        if cut := {
            row.system for key, rows in table.cells.items() if key[1] == column for row in rows if row.cut_samples
        }:
            parts.append(f"cut in length: {', '.join(system for system in table.systems if system in cut)}")
        parts.append(f"names `{list_digest(list(clips))[:12]}`")
        yield f"{title(column)}: {'; '.join(parts)}"


def _omissions(results: Results, left_out: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    for what, omitted in (("no stored output", results.absent), ("could not be compared", results.failed)):
        by_system: dict[str, list[tuple[str, str]]] = {}
        for entry, system, reason in omitted:
            by_system.setdefault(system, []).append((entry, reason))
        yield f"{what}: {len(omitted)} outputs"
        for system, entries in by_system.items():
            name, reason = entries[0]
            yield f"{what}, {system}: {len(entries)}, such as {name}: {_without_folders(reason)}"
    by_reason: dict[str, dict[str, set[str]]] = {}
    for group, role, reason in left_out:
        by_reason.setdefault(reason, {}).setdefault(group, set()).add(role)
    for reason, groups in by_reason.items():
        roles = sorted(set.union(*groups.values()))
        yield f"demo pages, {reason}: {', '.join(roles)}; of {', '.join(groups)}"


def _without_folders(reason: str) -> str:
    """Of folders elsewhere only the name: results are published."""
    return re.sub(r"(?<!\w)/\S*/(?=\S)", "", reason)


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """One CSV row per entry and system; scores that are missing or NaN are left empty."""
    settings = "data", "made_with", "cutoff_freq", "clip", "kind", "system", "action", "audio_s", "cpu_s", "cut_samples"
    names = list(dict.fromkeys(name for row in rows for name in row.scores))
    values = (
        (*(getattr(row, name) for name in settings), *(row.scores.get(name, math.nan) for name in names))
        for row in rows
    )
    cells = ([number_text(value) if isinstance(value, float) else value for value in row] for row in values)
    write_csv(path, [(*settings, *names), *cells])
