"""Fixed windows over something long, and the weights that merge what was computed in them."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor


@dataclass(frozen=True)
class Window:
    """One window, in frames: it covers `start` to `stop`; its neighbours take over around `fade_in` and `fade_out`.

    `fade_in` and `fade_out` are the centres of the cross-fades; None where the clip begins or ends.
    """

    start: int
    stop: int
    fade_in: float | None
    fade_out: float | None


def split_windows(num_frames: int, window_frames: int, overlap_frames: int) -> list[Window]:
    """Evenly spaced windows of equal length that cover `num_frames` and overlap by at least `overlap_frames`.

    They depend on the clip's length alone. A clip no longer than a window is one window.

    >>> [(window.start, window.stop) for window in split_windows(250, window_frames=100, overlap_frames=16)]
    [(0, 100), (75, 175), (150, 250)]
    """
    if num_frames <= window_frames:
        return [Window(0, num_frames, None, None)]
    num_windows = -(-(num_frames - overlap_frames) // (window_frames - overlap_frames))
    last = num_frames - window_frames
    starts = [round(index * last / (num_windows - 1)) for index in range(num_windows)]
    centres = [(start + before + window_frames) / 2 for before, start in pairwise(starts)]
    fades: list[float | None] = [None, *centres, None]
    return [
        Window(start, start + window_frames, fade_in, fade_out)
        for start, fade_in, fade_out in zip(starts, fades, fades[1:], strict=False)
    ]


def window_weights(window: Window, fade_frames: int, resolution: int = 1) -> Tensor:
    """Weights of a window's positions; those of all windows add up to 1 everywhere.

    Linear cross-fades of `fade_frames` in the middle of each overlap; what lies outside them, the margins, is
    discarded.

    Args:
        window: From `split_windows`, whose overlap is at least `fade_frames`.
        fade_frames: Length of a cross-fade in frames.
        resolution: Positions per frame.

    Returns:
        `((stop - start) * resolution,)`.
    """
    num_positions = (window.stop - window.start) * resolution
    position = window.start + (torch.arange(num_positions, dtype=torch.float64) + 0.5) / resolution
    weights = torch.ones(num_positions, dtype=torch.float64)
    if window.fade_in is not None:
        weights -= 1 - ((position - window.fade_in) / fade_frames + 0.5).clamp(0, 1)
    if window.fade_out is not None:
        weights -= ((position - window.fade_out) / fade_frames + 0.5).clamp(0, 1)
    return weights.float()


def merge_windows(
    outputs: Iterable[Tensor], windows: list[Window], fade_frames: int, resolution: int = 1, dim: int = -2
) -> Tensor:
    """Adds up what was computed in each window, weighted; one output at a time is held.

    Args:
        outputs: For each window a tensor with `(stop - start) * resolution` positions along `dim`.
        windows: From `split_windows`.
        fade_frames: See `window_weights`.
        resolution: Positions per frame.
        dim: The dimension of time, counted from the end.

    Returns:
        A tensor with the positions of all windows along `dim`.
    """
    merged = None
    for window, output in zip(windows, outputs, strict=True):
        if merged is None:
            shape = list(output.shape)
            shape[dim] = windows[-1].stop * resolution
            merged = output.new_zeros(shape)
        weights = window_weights(window, fade_frames, resolution).to(output)
        positions = slice(window.start * resolution, window.stop * resolution)
        merged.movedim(dim, -1)[..., positions] += output.movedim(dim, -1) * weights
    assert merged is not None
    return merged
