"""Preference shares as stacked bars, as in Figure 1 of the AudioSR paper (arXiv:2309.07314)."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from audiosr_pipeline.study.results import Preference

# Names that aren't written as their folders are.
LABELS = {"audiosr": "AudioSR", "musicgen": "MusicGen", "audioldm": "AudioLDM", "fastspeech2": "FastSpeech2"}
NO_DIFFERENCE = "no clear difference"
# Okabe and Ito's blue and orange, told apart with any colour vision, the blue darkened: with the light grey between
# them their lightnesses are 33, 92 and 71 of 100, so a print in grey shows three tones.
COLORS = ("#00517F", "#E8E8E8", "#E69F00")
TEXT_COLORS = ("white", "black", "black")
# A share below this is written above its part of the bar, which is too narrow for it.
NARROW = 0.07
# As wide as a column or a phone: scaled down to 340 pixels its text is still 9 pixels high.
WIDTH_INCHES = 5.0


def label(name: str) -> str:
    """A system or generator as it is written."""
    return LABELS.get(name, name)


def pair_label(systems: Sequence[str]) -> str:
    """A pair of systems, or one, as it is written."""
    return " vs ".join(map(label, systems))


def save_figure(folder: Path, preferences: Sequence[Preference]) -> None:
    """Draws `figure1.png` and `figure1.svg`: a bar per generator and pair of systems.

    Args:
        folder: Where they are written.
        preferences: At least one, drawn from top to bottom.
    """
    pairs = {preference.systems for preference in preferences}
    figure = Figure(figsize=(WIDTH_INCHES, 0.75 + 0.62 * len(preferences)), layout="constrained")
    axes = figure.subplots()
    for row, preference in enumerate(preferences):
        _draw_bar(axes, row, preference)
    names = [label(preference.generator) for preference in preferences]
    if len(pairs) > 1:
        names = [f"{name}\n{pair_label(one.systems)}" for name, one in zip(names, preferences, strict=True)]
    axes.set_yticks(range(len(preferences)), names, parse_math=False)
    axes.set(xlim=(0, 1), ylim=(len(preferences) - 0.6, -0.55), xticks=[])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    first, second = map(label, next(iter(pairs))) if len(pairs) == 1 else ("first of the pair", "second of the pair")
    parts = [
        Patch(facecolor=color, edgecolor="0.4", linewidth=0.5, label=name)
        for color, name in zip(COLORS, (first, NO_DIFFERENCE, second), strict=True)
    ]
    legend = figure.legend(
        handles=parts, loc="outside upper center", ncols=3, frameon=False, handlelength=1, columnspacing=1.4
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    figure.savefig(folder / "figure1.png", dpi=300)
    # The same answers give the same file.
    with matplotlib.rc_context({"svg.hashsalt": "figure1"}):
        figure.savefig(folder / "figure1.svg", metadata={"Date": None})


def _draw_bar(axes: Axes, row: int, preference: Preference) -> None:
    left = 0.0
    for share, color, text_color in zip(preference.shares, COLORS, TEXT_COLORS, strict=True):
        axes.barh(row, share.value, left=left, height=0.62, color=color, edgecolor="white", linewidth=0.8)
        is_narrow = share.value < NARROW
        if share.value:
            axes.text(
                left + share.value / 2,
                row - (0.33 if is_narrow else 0),
                f"{100 * share.value:.0f} %",
                ha="center",
                va="bottom" if is_narrow else "center_baseline",
                color="black" if is_narrow else text_color,
                fontsize="small" if is_narrow else "medium",
            )
        left += share.value
