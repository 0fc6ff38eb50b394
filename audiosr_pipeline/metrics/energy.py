"""Energy error of the new band, per octave."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from audiosr_pipeline.metrics.power_spectrum import as_pair, bins_between, power_frames
from audiosr_pipeline.metrics.sample_format import ROUNDING_NOISE_POWER

N_FFT = 2_048
HOP_LENGTH = 480
# A remainder of this share of an octave or less is too narrow to stand beside whole octaves in a mean.
SMALLEST_BAND_OCTAVES = 1 / 3


def octave_bands(cutoff_freq: float, highest_freq: float = 24_000.0) -> list[tuple[float, float]]:
    """Octaves from `cutoff_freq` up to `highest_freq`, which the last one ends at.

    A remainder of a third of an octave or less belongs to the band below it, so the last band has between a third and
    four thirds of an octave; a cutoff less than that below `highest_freq` gives one narrow band.

    Args:
        cutoff_freq: Where the first band starts, in Hz.
        highest_freq: Where the last one ends, in Hz: the Nyquist frequency, or where the sound itself ends.

    Returns:
        `(low, high)` of each band in Hz, rising.

    Raises:
        ValueError: If `cutoff_freq` is not between 0 and `highest_freq`.

    >>> octave_bands(4_000)
    [(4000.0, 8000.0), (8000.0, 16000.0), (16000.0, 24000.0)]
    >>> octave_bands(4_000, 15_000)
    [(4000.0, 8000.0), (8000.0, 15000.0)]
    """
    if not 0 < cutoff_freq < highest_freq:
        raise ValueError(f"cutoff_freq={cutoff_freq} Hz is not between 0 and the highest frequency {highest_freq} Hz.")
    edges = [float(cutoff_freq)]
    while 2 * edges[-1] < highest_freq / 2**SMALLEST_BAND_OCTAVES:
        edges.append(2 * edges[-1])
    return list(zip(edges, [*edges[1:], float(highest_freq)], strict=True))


def band_energy_error(
    estimate: Tensor | np.ndarray,
    reference: Tensor | np.ndarray,
    bands: Sequence[tuple[float, float]],
    sampling_rate: int = 48_000,
) -> Tensor:
    """Energy of the estimate against the reference's in each band, in dB: 0 is right, positive too loud.

    `10 log10(max(E_hat, N) / max(E, N))`, where `E` is the power in the band's FFT bins (2048, hop 480, Hann) summed
    over the whole example and `N` what the rounding noise of 16-bit samples would put there: below it, bands are
    equally empty. It sees neither when the energy comes nor how it is spread inside the band.

    Args:
        estimate: Waveforms `(batch, num_samples)`.
        reference: Same shape and rate as `estimate`.
        bands: `(low, high)` of each in Hz, such as `octave_bands`; they may overlap. What ends at the Nyquist frequency
            includes it.
        sampling_rate: Rate of both in Hz.

    Returns:
        Errors in dB, `(batch, num_bands)`, float64.

    Raises:
        ValueError: If the waveforms can't be compared, or a band holds no bin.
    """
    estimate, reference = as_pair(estimate, reference)
    selections = [
        bins_between(low, high if high < sampling_rate / 2 else None, N_FFT, sampling_rate) for low, high in bands
    ]
    for band, selection in zip(bands, selections, strict=True):
        if selection.stop == selection.start:
            raise ValueError(f"The band {band} Hz holds none of the FFT's bins, {sampling_rate / N_FFT:.1f} Hz apart.")
    floor_per_bin = ROUNDING_NOISE_POWER * float(torch.hann_window(N_FFT).square().sum())
    levels = []
    for audio in (estimate, reference):
        energy = torch.zeros(len(audio), len(selections), dtype=torch.float64)
        num_frames = 0
        for power in power_frames(audio, N_FFT, HOP_LENGTH):
            num_frames += power.shape[1]
            for index, selection in enumerate(selections):
                energy[:, index] += power[..., selection].sum((1, 2))
        num_bins = torch.tensor([selection.stop - selection.start for selection in selections])
        levels.append(10 * torch.log10(torch.maximum(energy, floor_per_bin * num_frames * num_bins)))
    return levels[0] - levels[1]
