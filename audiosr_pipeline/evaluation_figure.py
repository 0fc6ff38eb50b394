"""Scores as pictures: each clip of each system, and two systems clip by clip."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from audiosr_pipeline.evaluate import Evaluation
from audiosr_pipeline.evaluation_settings import FIGURES
from audiosr_pipeline.metrics.lsd import LSD_CONVENTIONS
from audiosr_pipeline.writing import clear_left_parts, written_whole

SHOWN = (
    *(f"lsd_{convention}" for convention in LSD_CONVENTIONS),
    *(f"lsd_hf_{convention}" for convention in LSD_CONVENTIONS),
    *("energy_error_db", "variance_ratio", "low_band_snr_db"),
)
NUM_COLUMNS = 3
# Okabe and Ito's colours, told apart with any colour vision; without their yellow and black.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
# How far the points of a system are spread, so that equal ones don't hide each other.
SPREAD = 0.5
LOW_DISCREPANCY = (5**0.5 - 1) / 2


def save_figures(evaluations: Mapping[str, Evaluation], folder: Path | str, seed: int = 0) -> None:
    """Draws `scores.png`, and `pairs.png` if there is more than one system; each whole or not at all.

    `scores.png` has a panel for each score of `SHOWN` that there is: the clips as points, the mean as a diamond with
    its bootstrap 95 % interval. `pairs.png` has the first system's score to the right and the others' upwards: a point
    below the diagonal is a clip on which the other's number is lower. Without any score there is nothing to draw.

    Args:
        evaluations: By system.
        folder: Where to write, made if it isn't there.
        seed: Of the resampling.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    clear_left_parts(folder, FIGURES)
    means = {system: evaluation.means(seed) for system, evaluation in evaluations.items()}
    names = [name for name in SHOWN if any(name in of_system for of_system in means.values())]
    if not names:
        return
    figure, panels = _panels(names, 0.9 + 0.35 * len(evaluations))
    for name, axes in panels.items():
        for row, (system, evaluation) in enumerate(evaluations.items()):
            color = COLORS[row % len(COLORS)]
            values = np.array([scores[name] for scores in evaluation.scores.values()])
            offsets = SPREAD * ((LOW_DISCREPANCY * np.arange(len(values))) % 1 - 0.5)
            axes.plot(values, row + offsets, ".", color=color, alpha=0.5, markersize=6, markeredgewidth=0)
            if mean := means[system].get(name):
                axes.plot([mean.low, mean.high], [row, row], color="black", linewidth=1.5)
                axes.plot(mean.value, row, "D", color=color, markeredgecolor="black", markersize=6)
        axes.set_ylim(len(evaluations) - 0.5, -0.5)
        axes.set_yticks(range(len(evaluations)), list(evaluations), parse_math=False)
    _save(figure, Path(folder) / FIGURES[0])
    if len(evaluations) > 1:
        figure, panels = _panels(names, 3.0)
        for name, axes in panels.items():
            _draw_pairs(axes, name, evaluations)
        handles, labels = next(iter(panels.values())).get_legend_handles_labels()
        legend = figure.legend(handles, labels, loc="outside lower center", ncols=len(COLORS), frameon=False)
        for text in legend.get_texts():
            text.set_parse_math(False)
        _save(figure, Path(folder) / FIGURES[1])


def _panels(names: list[str], height_inches: float) -> tuple[Figure, dict[str, Axes]]:
    num_rows = -(-len(names) // NUM_COLUMNS)
    figure = Figure(figsize=(11, 0.5 + num_rows * height_inches), layout="constrained")
    grid = figure.subplots(num_rows, NUM_COLUMNS, squeeze=False).ravel()
    for axes in grid[len(names) :]:
        axes.remove()
    panels = dict(zip(names, grid, strict=False))
    for name, axes in panels.items():
        axes.set_title(name, fontsize="medium")
        axes.grid(alpha=0.3)
    return figure, panels


def _draw_pairs(axes: Axes, name: str, evaluations: Mapping[str, Evaluation]) -> None:
    (baseline, first), *others = evaluations.items()
    for index, (system, evaluation) in enumerate(others):
        common = [clip for clip in evaluation.scores if clip in first.scores]
        x, y = ([one.scores[clip][name] for clip in common] for one in (first, evaluation))
        color = COLORS[(index + 1) % len(COLORS)]
        axes.plot(x, y, "o", color=color, alpha=0.7, markersize=4, markeredgewidth=0, label=system)
    limits = min(axes.get_xlim()[0], axes.get_ylim()[0]), max(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot(limits, limits, color="0.5", linewidth=0.8, zorder=0)
    axes.set(xlim=limits, ylim=limits)
    axes.set_xlabel(baseline, parse_math=False)
    axes.set_box_aspect(1)


def _save(figure: Figure, path: Path) -> None:
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
