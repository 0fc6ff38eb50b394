"""Variance ratio: is the new band as varied as the truth's, or a grey average?"""

import numpy as np
import torch
from torch import Tensor

from audiosr_pipeline.metrics.power_spectrum import as_pair, bins_between, power_frames
from audiosr_pipeline.metrics.sample_format import ROUNDING_NOISE_POWER

N_FFT = 2_048
HOP_LENGTH = 480
# What is finer than a mel bin and the FFT's window is speckle, which all noise has, and a codec's holes, which none
# has. Over 4 bins by 1 frame, noise of the true envelope got 0.8 beside recordings that had passed a codec, and a grey
# average filled with noise 0.3 (speech) to 0.7 (music); over these cells they get 0.9, and 0.1 to 0.4.
BINS_PER_CELL = 8
FRAMES_PER_CELL = 4
SOUNDING = 4.0
SMALLEST_EXTENT = 8


def variance_ratio(
    estimate: Tensor | np.ndarray,
    reference: Tensor | np.ndarray,
    f_min: float,
    f_max: float | None = None,
    sampling_rate: int = 48_000,
) -> Tensor:
    r"""Spread of a band's log spectrum over time and frequency, relative to the reference's.

    The power spectrum (FFT 2048, hop 480, Hann) is averaged over cells of eight bins by four frames, 188 Hz by 40 ms
    at 48 kHz, floored at the rounding noise of 16-bit samples, and taken in dB: `L(t, f)`. Its spread is the variance
    of what is left when each time's mean and each frequency's mean are taken away,

        V = mean_tf (L(t, f) - mean_f L(t, .) - mean_t L(., f) + mean_tf L)^2,

    and the ratio is `V(estimate) / V(reference)`. What is taken away is the course of the level and the average
    spectrum with its tilt, band edge and steady hum. These are most of a plain variance and the easy part: any smooth
    guess has them, so a plain variance ratio of a grey average can come out at 1. Only times count at which the
    reference's band is more than 6 dB above that rounding noise, so silence has no say; give the truth's own band edge
    as `f_max`, so that an empty band above a codec's cliff has none either.

    1 for the reference itself, about 1 for another noise of the same fine envelope, far below 1 for a time-frequency
    average, above 1 where detail is invented that comes and goes. Insensitive to gain and to fixed filtering, so also
    to stripes that stay at one frequency, and blind to whether the detail is in the right place: read it beside the
    LSD, which rewards grey averages, and the energy error.

    Args:
        estimate: Waveforms `(batch, num_samples)`.
        reference: Same shape and rate as `estimate`.
        f_min: Where the band starts in Hz, usually the cutoff.
        f_max: Where it ends in Hz, usually the reference's own band edge; None is the Nyquist frequency.
        sampling_rate: Rate of both in Hz.

    Returns:
        One ratio per example, `(batch,)`, float64; NaN where there is nothing to compare: fewer than 8 cells in the
        band, fewer than 8 that sound, or a reference without any spread.

    Raises:
        ValueError: If the waveforms can't be compared.
    """
    estimate, reference = as_pair(estimate, reference)
    selection = bins_between(f_min, f_max, N_FFT, sampling_rate)
    num_cells = (selection.stop - selection.start) // BINS_PER_CELL
    if num_cells < SMALLEST_EXTENT:
        return torch.full((len(reference),), torch.nan, dtype=torch.float64)
    selection = slice(selection.start, selection.start + num_cells * BINS_PER_CELL)
    floor = ROUNDING_NOISE_POWER * float(torch.hann_window(N_FFT).square().sum())
    spreads = Spread(len(estimate), num_cells), Spread(len(reference), num_cells)
    for powers in zip(*(power_frames(audio, N_FFT, HOP_LENGTH) for audio in (estimate, reference)), strict=True):
        # A block has a multiple of a cell's frames, but for the last one: what is over does not count.
        num_times = powers[0].shape[1] // FRAMES_PER_CELL
        cells = [
            power[:, : num_times * FRAMES_PER_CELL, selection]
            .unflatten(-1, (num_cells, BINS_PER_CELL))
            .unflatten(1, (num_times, FRAMES_PER_CELL))
            .mean((2, 4))
            for power in powers
        ]
        sounding = cells[1].mean(-1) > SOUNDING * floor
        for spread, power in zip(spreads, cells, strict=True):
            spread.add(10 * torch.log10(power.clamp(min=floor)), sounding)
    estimate_spread, reference_spread = (spread.variance() for spread in spreads)
    comparable = (spreads[1].num_times >= SMALLEST_EXTENT) & (reference_spread > 0)
    return torch.where(comparable, estimate_spread / reference_spread, torch.nan)


class Spread:
    """Running sums from which the variance over time and frequency follows without keeping the spectrum."""

    def __init__(self, batch_size: int, num_cells: int):
        self.num_times = torch.zeros(batch_size, dtype=torch.float64)
        self.sum_squares = torch.zeros(batch_size, dtype=torch.float64)
        self.sum_over_times = torch.zeros(batch_size, num_cells, dtype=torch.float64)

    def add(self, level_db: Tensor, counted: Tensor) -> None:
        """Adds cells `(batch, num_times, num_cells)` in dB where `counted` `(batch, num_times)` is true."""
        deviation = (level_db - level_db.mean(-1, keepdim=True)) * counted[..., None]
        self.num_times += counted.sum(-1)
        self.sum_squares += deviation.square().mean(-1).sum(-1)
        self.sum_over_times += deviation.sum(1)

    def variance(self) -> Tensor:
        """The variance `(batch,)` left without the means over times and over frequencies; NaN without cells."""
        mean_spectrum = self.sum_over_times / self.num_times[:, None]
        return (self.sum_squares / self.num_times - mean_spectrum.square().mean(-1)).clamp(min=0)
