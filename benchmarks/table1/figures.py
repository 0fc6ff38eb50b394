"""The table's figures: systems side by side as spectrograms, and quality against speed."""

import math
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from audiosr_pipeline.evaluate import SAMPLING_RATE
from audiosr_pipeline.spectrogram import COLORMAP, RANGE_DB, TOP_KHZ, spectrogram_db
from benchmarks.table1.layout import LSD, LSD_BELOW_EDGE, SPEED, Table, title

TRUTH = "True recording"
# Okabe and Ito's colours, told apart with any colour vision.
COLORS = ("#000000", "#999999", "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
# One more than colours, so that pairs of them repeat late.
MARKERS = "osD^vP*Xp"
QUALITIES = {"LSD ssr_eval": LSD, "LSD ssr_eval to the edge": LSD_BELOW_EDGE}


def draw_side_by_side(path: Path, clips: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Spectrograms: a recording per column, a system per row, in dB below the true recording's loudest point.

    Args:
        path: PNG file to write.
        clips: By the recording's name, what each system made of it, `(channels, num_samples)` at 48 kHz, `TRUTH` among
            them. A system may be without some.
    """
    names = [name for name in dict.fromkeys(name for of_clip in clips.values() for name in of_clip) if name != TRUTH]
    names.append(TRUTH)
    figure = Figure(figsize=(1 + 3.6 * len(clips), 0.6 + 1.3 * len(names)), layout="constrained")
    grid = figure.subplots(len(names), len(clips), sharex="col", sharey=True, squeeze=False)
    for panels, (heading, of_clip) in zip(grid.T, clips.items(), strict=True):
        loudest_db = spectrogram_db(of_clip[TRUTH], SAMPLING_RATE).max()
        for panel, name in zip(panels, names, strict=True):
            if name not in of_clip:
                panel.set_axis_off()
                continue
            levels_db = spectrogram_db(of_clip[name], SAMPLING_RATE) - loudest_db
            image = panel.imshow(
                levels_db.clip(-RANGE_DB, 0),
                extent=(0, of_clip[name].shape[-1] / SAMPLING_RATE, 0, TOP_KHZ),
                origin="lower",
                aspect="auto",
                cmap=COLORMAP,
                vmin=-RANGE_DB,
                vmax=0,
            )
        panels[0].set_title(heading, fontsize="medium", parse_math=False)
        panels[-1].set_xlabel("time (s)")
    for panel, name in zip(grid[:, 0], names, strict=True):
        # Also where there is no panel.
        panel.text(-0.13, 0.5, name, rotation=90, ha="right", va="center", transform=panel.transAxes, fontsize="small")
        panel.set_yticks(range(0, TOP_KHZ + 1, 8))
    figure.colorbar(image, ax=grid, label="dB below the loudest point of the true recording", pad=0.01, aspect=60)
    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=90, bbox_inches="tight")
    # With 256 colours, which show no less, it takes a third.
    Image.open(drawn).convert("RGB").quantize(method=Image.Quantize.MAXCOVERAGE).save(path, format="png", optimize=True)


def draw_speed(path: Path, table: Table) -> None:
    """Quality against speed of what was run: a column of panels for each of the recordings' (else the pages') columns.

    Speed is that over all columns.

    Args:
        path: PNG file to write.
        table: The rows.
    """
    columns = table.recordings or table.columns
    speeds = {system: table.speed(system, table.columns) for system in table.systems}
    figure = Figure(figsize=(0.5 + 3.4 * len(columns), 0.9 + 3 * len(QUALITIES)), layout="constrained")
    grid = figure.subplots(len(QUALITIES), len(columns), sharex=True, sharey="row", squeeze=False)
    for panels, (label, name) in zip(grid, QUALITIES.items(), strict=True):
        panels[0].set_ylabel(label)
        for panel, column in zip(panels, columns, strict=True):
            for index, (system, speed) in enumerate(speeds.items()):
                mean = table.mean(system, column, name)
                if mean is None or math.isnan(speed):
                    continue
                color, marker = COLORS[index % len(COLORS)], MARKERS[index % len(MARKERS)]
                panel.plot([speed, speed], [mean.low, mean.high], color=color, linewidth=1)
                panel.plot(speed, mean.value, marker, color=color, markersize=7, label=system)
            panel.set_xscale("log")
            panel.grid(alpha=0.3)
    for panel, column in zip(grid[0], columns, strict=True):
        panel.set_title(title(column), fontsize="medium")
    for panel in grid[-1]:
        panel.set_xlabel(SPEED)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    legend = figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    figure.savefig(path, format="png", dpi=100)
