"""The course of bands' levels over time, which two metrics compare."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from audiosr_pipeline.metrics.power_spectrum import as_pair, bins_between, power_frames
from audiosr_pipeline.metrics.sample_format import ROUNDING_NOISE_POWER

N_FFT = 1_024
# A hundredth of a second.
HOPS_PER_SECOND = 100
# 6 dB above the rounding noise of 16-bit samples.
SOUNDING = 4.0
FEWEST_FRAMES = 8


def band_levels(
    estimate: Tensor | np.ndarray,
    reference: Tensor | np.ndarray,
    bands: Sequence[tuple[float, float]],
    sampling_rate: int = 48_000,
) -> tuple[Tensor, Tensor, Tensor]:
    """Levels of bands every 10 ms (FFT 1024, Hann), not below the rounding noise of 16-bit samples.

    Args:
        estimate: Waveforms `(batch, num_samples)`.
        reference: Same shape and rate as `estimate`.
        bands: `(low, high)` of each in Hz; what ends at the Nyquist frequency includes it.
        sampling_rate: Rate of both in Hz.

    Returns:
        Levels in dB of both, and where the reference's is more than 6 dB above that noise, all
        `(batch, num_bands, num_frames)`.

    Raises:
        ValueError: If the waveforms can't be compared, or a band holds no bin.
    """
    estimate, reference = as_pair(estimate, reference)
    floor_per_bin = ROUNDING_NOISE_POWER * float(torch.hann_window(N_FFT).square().sum())
    levels = []
    for audio in (estimate, reference):
        powers = []
        for power in power_frames(audio, N_FFT, sampling_rate // HOPS_PER_SECOND):
            of_bands = []
            for low, high in bands:
                selection = bins_between(low, high if high < sampling_rate / 2 else None, N_FFT, sampling_rate)
                if selection.stop == selection.start:
                    raise ValueError(
                        f"The band {(low, high)} Hz holds none of the FFT's bins, {sampling_rate / N_FFT:.1f} Hz apart."
                    )
                of_bands.append(power[..., selection].mean(-1))
            powers.append(torch.stack(of_bands, dim=1))
        levels.append(10 * torch.log10((torch.cat(powers, dim=-1) / floor_per_bin).clamp(min=1)))
    return levels[0], levels[1], levels[1] > 10 * np.log10(SOUNDING)
