"""Pictures of spectrograms on one scale: a file before and after, or a sheet of several."""

import math
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator
from PIL import Image
from scipy import fft, signal

from audiosr_pipeline.version import SOFTWARE

# Waveforms `(channels, num_samples)` and their sampling rate in Hz.
Clip = tuple[np.ndarray, int]

# As long at every rate, so that noise has one level before and after.
WINDOW_S = 2_048 / 48_000
# About one column per pixel: more would show nothing, and take memory in proportion to the length of the file.
MAX_FRAMES = 1_600
FLOOR_DB = -200.0
RANGE_DB = 100.0
TOP_KHZ = 24
COLORMAP = "magma"


def save_spectrograms(path: Path | str, clips: Mapping[str, Clip], title: str | None = None) -> None:
    """Draws clips one under the other, in dB below the loudest point of them all.

    Args:
        path: PNG file to write.
        clips: Label of the panel to `(audio, sampling_rate)`, with audio `(channels, num_samples)`.
        title: Heading of the picture.
    """
    figure = Figure(figsize=(12, 0.8 + 2.6 * len(clips)), layout="constrained")
    panels = figure.subplots(len(clips), 1, sharex=True, sharey=True, squeeze=False)[:, 0].tolist()
    image = _draw_row(panels, clips)
    for panel, label in zip(panels, clips, strict=True):
        panel.set_title(label, fontsize="medium", loc="left", parse_math=False)
        panel.set_ylabel("frequency (kHz)")
    _finish(figure, panels[-1:], image, title)
    # So that it can be told from other pictures.
    figure.savefig(path, format="png", dpi=120, metadata={"Software": SOFTWARE})


def save_spectrogram_sheet(path: Path | str, rows: Mapping[str, Mapping[str, Clip]], title: str | None = None) -> None:
    """Draws one recording per row and one version of it per column, each row in dB below its own loudest point.

    Args:
        path: PNG file to write.
        rows: Name of the recording to its versions (before, after, truth, ...), given as in `save_spectrograms`; every
            row has the same versions.
        title: Heading of the picture.
    """
    versions = list(next(iter(rows.values())))
    figure = Figure(figsize=(0.8 + 4.2 * len(versions), 0.8 + 2.2 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), len(versions), sharey=True, squeeze=False).tolist()
    for panels, (name, clips) in zip(grid, rows.items(), strict=True):
        image = _draw_row(panels, clips)
        panels[0].set_ylabel(f"{name}\nkHz", parse_math=False)
    for panel, version in zip(grid[0], versions, strict=True):
        panel.set_title(version, fontsize="medium", parse_math=False)
    _finish(figure, grid[-1], image, title)
    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=80)
    # A sheet is published: with 256 colours, which show no less, it takes a third.
    Image.open(drawn).convert("RGB").quantize(method=Image.Quantize.MAXCOVERAGE).save(path, format="png", optimize=True)


def spectrogram_db(audio: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Power spectrogram in dB, mean of the channels: 0 dB for a sine of amplitude 1, -200 dB for silence.

    Args:
        audio: `(channels, num_samples)`.
        sampling_rate: Its rate in Hz.

    Returns:
        `(num_bins, num_frames)`: frequencies from 0 to half the rate, and at most `MAX_FRAMES` frames whose centres lie
        evenly from the first sample to the last.
    """
    num_samples = audio.shape[-1]
    n_fft = 2 * round(WINDOW_S * sampling_rate / 2)
    window = signal.get_window("hann", n_fft).astype(np.float32)
    num_frames = min(MAX_FRAMES, 1 + math.ceil(num_samples / (n_fft // 4)))
    centres = np.linspace(0, num_samples - 1, num_frames).astype(int)
    index = centres[:, None] + np.arange(-(n_fft // 2), n_fft // 2)
    inside = (index >= 0) & (index < num_samples)
    index = index.clip(0, num_samples - 1)
    power = np.zeros((num_frames, n_fft // 2 + 1))
    for channel in audio:
        power += np.abs(fft.rfft(channel[index] * inside * window) * (2 / window.sum())) ** 2
    return 10 * np.log10(power.T / len(audio) + 10 ** (FLOOR_DB / 10))


def _draw_row(panels: Sequence[Axes], clips: Mapping[str, Clip]) -> AxesImage:
    """Draws each clip into its panel, all relative to their common maximum."""
    levels_db = [spectrogram_db(audio, sampling_rate) for audio, sampling_rate in clips.values()]
    # Silence is dark: without the bound its loudest point would be its own maximum, and bright.
    loudest_db = max(FLOOR_DB + RANGE_DB, *(levels.max() for levels in levels_db))
    longest_s = max(audio.shape[-1] / sampling_rate for audio, sampling_rate in clips.values())
    for panel, levels, (audio, sampling_rate) in zip(panels, levels_db, clips.values(), strict=True):
        image = panel.imshow(
            # Clipped, because a pixel is the mean of several bins, and what lies far below the range isn't to count.
            np.maximum(levels - loudest_db, -RANGE_DB),
            extent=(0, audio.shape[-1] / sampling_rate, 0, sampling_rate / 2_000),
            origin="lower",
            aspect="auto",
            cmap=COLORMAP,
            vmin=-RANGE_DB,
            vmax=0,
        )
        panel.set_facecolor(image.get_cmap()(0.0))  # Above half the input's rate there is nothing.
        panel.set(xlim=(0, longest_s), ylim=(0, TOP_KHZ))
        panel.yaxis.set_major_locator(MultipleLocator(4))
        if longest_s >= 120:
            panel.xaxis.set_major_locator(MaxNLocator(steps=[1.2, 3, 6, 10]))
            panel.xaxis.set_major_formatter(FuncFormatter(lambda s, _: f"{s // 60:.0f}:{s % 60:02.0f}"))
    return image


def _finish(figure: Figure, lowest: Sequence[Axes], image: AxesImage, title: str | None) -> None:
    """Labels what the panels share."""
    for panel in lowest:
        panel.set_xlabel("time (min:s)" if panel.get_xlim()[1] >= 120 else "time (s)")
    figure.colorbar(image, ax=figure.axes, label="dB below the loudest point", pad=0.01, aspect=30)
    if title:
        # File names can hold bytes that are no character, and dollar signs.
        figure.suptitle(title.encode(errors="replace").decode(), parse_math=False)
