"""A checkpoint with two seeds and with another clip's condition, beside noise: does it use what it is given?"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.metrics import Mean
from audiosr_pipeline.tables import markdown_table
from benchmarks.baselines.ablation import AnotherCondition, Seeded, output_difference
from benchmarks.baselines.noise import TRAINING_SPECTRUM, ShapedNoise
from benchmarks.baselines.systems import Unprocessed
from benchmarks.data.entries import Entry
from benchmarks.data.recordings import list_digest
from benchmarks.table1.competitors import content_of_system
from benchmarks.table1.layout import Column, Table, data_lines, title
from benchmarks.table1.measure import Competitor, Results, Row

UNPROCESSED = "unprocessed"
NOISE = "noise of the training spectrum, the clip's level"
FOLLOWING_NOISE = "noise of the training spectrum, following the clip's level"
SEEDS = (0, 1)
# Where there is much to make.
HIGHEST_CUTOFF = 8_000
# Each in both conventions.
CONVENTIONS = ("ssr_eval", "apbwe")
LSD_COLUMNS = {
    "LSD": "lsd",
    "LSD-LF": "lsd_lf",
    "LSD-HF": "lsd_hf",
    "LSD below edge": "lsd_below_edge",
    "LSD-HF below edge": "lsd_hf_below_edge",
}
# Score and decimals.
OTHER_COLUMNS = {
    "Energy error (dB)": ("energy_error_db", 1),
    "Energy error below edge (dB)": ("energy_error_below_edge_db", 1),
    "Variance ratio": ("variance_ratio", 2),
}
# What tells whether the condition matters: measured where nothing has to be guessed.
PAIRED = {"LSD-HF below edge (`apbwe`)": "lsd_hf_below_edge_apbwe", "variance ratio": "variance_ratio"}
BAND_DIFFERENCE, LOW_BAND_DIFFERENCE = "seed_difference_db", "seed_difference_below_cutoff_db"


def own(name: str, seed: int) -> str:
    """The row of a checkpoint with a seed."""
    return f"{name}, seed {seed}"


def shuffled(name: str, seed: int) -> str:
    """The row of a checkpoint with a seed and another clip's condition."""
    return f"{own(name, seed)}, another clip's condition"


def competitors(pipe: AudioSRPipeline, checkpoint: str, entries: Sequence[Entry]) -> list[Competitor]:
    """The rows.

    Args:
        pipe: The checkpoint's pipeline.
        checkpoint: Where it was loaded from.
        entries: All that are measured: seeds and conditions depend on their order in a column.
    """
    columns: dict[Column, list[Entry]] = {}
    for entry in entries:
        columns.setdefault((entry.data, entry.cutoff_freq), []).append(entry)
    index_of = {entry.name: index for column in columns.values() for index, entry in enumerate(column)}
    others = {
        entry.name: column[(index + len(column) // 2) % len(column)]
        for column in columns.values()
        for index, entry in enumerate(column)
    }
    order, name = list_digest(list(index_of)), Path(checkpoint).name
    made_of = content_of_system(pipe, checkpoint), order
    # No two clips share a seed, or all would begin with the same noise.
    seeds = [{clip: 2 * index + seed for clip, index in index_of.items()} for seed in SEEDS]
    seeded = [Seeded(pipe, of_clips) for of_clips in seeds]

    def seed_difference(item: Mapping[str, Any], out: Any) -> dict[str, float]:
        above, below = output_difference(seeded[0].again(item), out, item["cutoff_freq"])
        return {BAND_DIFFERENCE: above, LOW_BAND_DIFFERENCE: below}

    noises = {NOISE: ShapedNoise(follows_level=False), FOLLOWING_NOISE: ShapedNoise(follows_level=True)}
    return [
        Competitor(UNPROCESSED, Unprocessed()),
        *(Competitor(of, Seeded(noise, index_of), (TRAINING_SPECTRUM, order)) for of, noise in noises.items()),
        Competitor(own(name, 0), seeded[0], made_of),
        Competitor(own(name, 1), seeded[1], made_of, more_scores=seed_difference),
        *(
            Competitor(shuffled(name, seed), Seeded(AnotherCondition(pipe, others), seeds[seed]), made_of)
            for seed in SEEDS
        ),
    ]


def descriptions(name: str) -> dict[str, str]:
    """What each row is, in their order."""
    return {
        UNPROCESSED: "the low-passed clip",
        NOISE: (
            "the low-passed clip, plus white noise above the cutoff, shaped to the training set's mean log spectrum; "
            "its level is the one that, in the octave below the cutoff, equals the clip's"
        ),
        FOLLOWING_NOISE: "the same noise, its level matched in windows of 20 ms instead of once per clip",
        own(name, 0): (
            "`pipe(clip, sampling_rate=48_000, generator=torch.Generator().manual_seed(2 * i)).audios`, where i counts "
            "the clips by name, from 0: seed s of clip i is 2 i + s, so that each has its own noise"
        ),
        own(name, 1): "the same with `manual_seed(2 * i + 1)`",
        shuffled(name, 0): (
            "seed 0 again, but the networks are given the input of the clip half the folder further on by name "
            "(next ones are often alike), repeated or cut to length; the clip's own low band is put back as always"
        ),
        shuffled(name, 1): "the same with seed 1",
    }


def markdown(results: Results, name: str, conditions: Sequence[str]) -> str:
    """A table for each column, what it was made with, and what each row is."""
    systems = descriptions(name)
    table = Table(results.rows, systems)
    lines = [f"# {name} on low-passed clips", ""]
    for column in table.columns:
        lines += [f"## {title(column)}", "", *_of_column(table, column), "", *_differences(table, column, name), ""]
    lines += ["## How to read it", "", *(f"- {line}" for line in _how_to_read(table))]
    lines += ["", "## Data", "", *(f"- {line}" for line in data_lines(table))]
    lines += ["", "## Systems", "", *(f"- **{system}**: {systems[system]}." for system in table.systems)]
    measured = _measured([row for row in results.rows if row.system in {own(name, seed) for seed in SEEDS}])
    lines += ["", "## Made with", "", *(f"- {line}" for line in (*conditions, *measured))]
    return "\n".join(lines) + "\n"


def _of_column(table: Table, column: Column) -> Iterator[str]:
    rows = []
    for system in table.systems_in([column]):
        cells = [
            " / ".join(_mean(table.mean(system, column, f"{score}_{convention}")) for convention in CONVENTIONS)
            for score in LSD_COLUMNS.values()
        ]
        others = (_mean(table.mean(system, column, score), decimals) for score, decimals in OTHER_COLUMNS.values())
        rows.append([system, *cells, *others])
    return markdown_table(["System", *LSD_COLUMNS, *OTHER_COLUMNS], rows)


def _mean(mean: Mean | None, decimals: int = 2) -> str:
    return "-" if mean is None else f"{mean.value:.{decimals}f}"


def _differences(table: Table, column: Column, name: str) -> Iterator[str]:
    above, below = (table.mean(own(name, 1), column, score) for score in (BAND_DIFFERENCE, LOW_BAND_DIFFERENCE))
    if above and below:
        yield (
            f"Two seeds differ by {above.value:+.1f} dB in the new band, relative to seed 0's (independent signals of "
            f"one level: +3 dB), and by {below.value:+.1f} dB below the cutoff, relative to the clip there (clip "
            "means)."
        )
        yield ""
    yield "Another clip's condition less the clip's own (mean over the clips, bootstrap 95 % interval):"
    yield ""
    for seed in SEEDS:
        shown = []
        for heading, score in PAIRED.items():
            mean = table.difference(shuffled(name, seed), own(name, seed), column, score)
            if mean is None or math.isnan(mean.low):
                shown.append(f"{heading} - (fewer than two clips)")
            else:
                shown.append(f"{heading} {mean.text(mean.num_clips, '+')}")
        yield f"- seed {seed}: {', '.join(shown)}"


def _how_to_read(table: Table) -> Iterator[str]:
    yield (
        "Each LSD is `ssr_eval / apbwe`, the two conventions of `audiosr_pipeline.metrics.lsd`; mean over the clips. "
        "LF and HF: below and above the cutoff. Edge: where the true recording's own content ends in most "
        "frames; up to there nothing has to be guessed."
    )
    yield (
        "Energy error: absolute, per octave above the cutoff. Variance ratio: 1 is as varied as the truth, a grey "
        "average is far below 1."
    )
    for column in table.columns:
        means = (table.mean(UNPROCESSED, column, score) for score in PAIRED.values())
        lsd, ratio = (mean.num_clips if mean else 0 for mean in means)
        yield (
            f"{title(column)}: LSD-HF below edge is over {lsd} and the variance ratio over {ratio} of "
            f"{len(table.clips(column))} clips: the others have no content there."
        )
    yield "Inputs were rounded to 16 bit, and so were both signals before they were compared."


def _measured(rows: Sequence[Row]) -> Iterator[str]:
    """What the pipeline did, and how long it took."""
    actions = sorted(Counter(row.action for row in rows).items())
    yield (
        f"{len(rows)} calls of the pipeline: "
        f"{', '.join(f'{times} {action}' for action, times in actions)}. A clip that it left alone is scored as it "
        "came out."
    )
    cpu_s, audio_s = sum(row.cpu_s for row in rows), sum(row.audio_s for row in rows)
    yield (
        f"{cpu_s / len(rows):.2f} CPU-seconds per clip of {audio_s / len(rows):.2f} s on average: "
        f"{cpu_s / audio_s:.3f} of real time"
    )
