"""Which clips the table's pictures show."""

from collections.abc import Mapping, Sequence

import numpy as np

from audiosr_pipeline.evaluate import SAMPLING_RATE
from audiosr_pipeline.spectrogram import Clip
from benchmarks.data.entries import Entry
from benchmarks.table1.competitors import KINDS
from benchmarks.table1.figures import TRUTH
from benchmarks.table1.measure import Competitor, Results, enhance

# Of each kind, as many of the best and of the worst, by the LSD that digital silence and what is above the edge don't
# decide, where there is much to make.
SHEET_HIGHEST_CUTOFF = 8_000
SHEET_SCORE = "lsd_hf_below_edge_apbwe"
NUM_BEST = 2
NUM_SPACED = 6


def side_by_side(
    entries: Sequence[Entry], rows: Sequence[Competitor], results: Results
) -> dict[str, dict[str, np.ndarray]]:
    """An entry of each kind, with what each system makes of it: the first of those that most systems have scores of."""
    scored = {(row.entry, row.system) for row in results.rows}
    systems = {entry.name: [row for row in rows if (entry.name, row.name) in scored] for entry in entries}
    clips = {}
    for kind in KINDS:
        entry = max((e for e in entries if e.kind == kind), key=lambda e: len(systems[e.name]), default=None)
        if entry is not None and systems[entry.name]:
            item = entry.read()
            audios = {row.name: enhance(entry, item, row).audios[0] for row in systems[entry.name] if row.takes(entry)}
            heading = f"{kind}, cutoff {entry.cutoff_freq / 1000:g} kHz\n{entry.clip}"
            clips[heading] = audios | {TRUTH: item["reference"]}
    return clips


def best_and_worst(entries: Sequence[Entry], competitor: Competitor, results: Results) -> dict[str, Mapping[str, Clip]]:
    """Rows of a sheet: before, after and truth of what a system does best and worst, of each kind.

    Of each clip one row: that of its lowest cutoff, where there is most to make.
    """
    scores = {row.entry: row.scores[SHEET_SCORE] for row in results.rows if row.system == competitor.name}
    scored = [e for e in entries if e.cutoff_freq <= SHEET_HIGHEST_CUTOFF and not np.isnan(scores.get(e.name, np.nan))]
    scored.sort(key=lambda entry: entry.cutoff_freq, reverse=True)
    of_clips = {entry.clip: entry for entry in scored}.values()
    sheet = {}
    for kind in KINDS:
        ranked = sorted((entry for entry in of_clips if entry.kind == kind), key=lambda entry: scores[entry.name])
        for entry in [*ranked[:NUM_BEST], *ranked[NUM_BEST:][-NUM_BEST:]]:
            heading = f"{kind}, {entry.cutoff_freq / 1000:g} kHz: {scores[entry.name]:.2f}\n{entry.clip[-24:]}"
            sheet[heading] = _before_and_after(entry, competitor)
    return sheet


def evenly_spaced(entries: Sequence[Entry], competitor: Competitor) -> dict[str, Mapping[str, Clip]]:
    """Rows of a sheet: before, after and truth of clips evenly spaced by their order."""
    chosen = entries[:: max(1, len(entries) // NUM_SPACED)][:NUM_SPACED]
    return {entry.clip: _before_and_after(entry, competitor) for entry in chosen}


def _before_and_after(entry: Entry, competitor: Competitor) -> Mapping[str, Clip]:
    item = entry.read()
    return {
        "before": (item["audio"], item["sampling_rate"]),
        "after": (enhance(entry, item, competitor).audios[0], SAMPLING_RATE),
        "truth": (item["reference"], SAMPLING_RATE),
    }
