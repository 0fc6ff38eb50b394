"""Envelope correlation: does the new band come and go with the truth's?"""

import numpy as np
import torch
from torch import Tensor

from audiosr_pipeline.metrics.band_levels import FEWEST_FRAMES, band_levels


def envelope_correlation(
    estimate: Tensor | np.ndarray,
    reference: Tensor | np.ndarray,
    f_min: float,
    f_max: float,
    sampling_rate: int = 48_000,
) -> Tensor:
    """Correlation over time of a band's level in dB, every 10 ms, with the reference's.

    Only times count at which the reference's band is more than 6 dB above the rounding noise of 16-bit samples, so
    silence has no say. 1 for the reference at any gain, 0 for a band that is always as loud or empty. What is smeared
    over 100 ms loses strokes that follow each other. It sees neither how loud the band is nor where in it the energy
    lies, and the input's own level often correlates already.

    Args:
        estimate: Waveforms `(batch, num_samples)`.
        reference: Same shape and rate as `estimate`.
        f_min: Where the band starts in Hz, usually the cutoff.
        f_max: Where it ends in Hz, usually the reference's own band edge.
        sampling_rate: Rate of both in Hz.

    Returns:
        One coefficient per example, `(batch,)`, float64; NaN where fewer than 8 frames sound, or the reference's band
        is always as loud.

    Raises:
        ValueError: If the waveforms can't be compared, or the band holds no bin.
    """
    estimated, wanted, sounding = (
        levels[:, 0] for levels in band_levels(estimate, reference, [(f_min, f_max)], sampling_rate)
    )
    num_frames = sounding.sum(-1, keepdim=True)

    def deviation(levels: Tensor) -> Tensor:
        counted = torch.where(sounding, levels, 0.0)
        return torch.where(sounding, levels - counted.sum(-1, keepdim=True) / num_frames.clamp(min=1), 0.0)

    estimated, wanted = deviation(estimated), deviation(wanted)
    variances = estimated.square().sum(-1), wanted.square().sum(-1)
    # A level that doesn't change but for rounding.
    is_constant = [variance < 1e-12 * num_frames[:, 0] for variance in variances]
    coefficient = (estimated * wanted).sum(-1) / (variances[0] * variances[1]).sqrt()
    coefficient = torch.where(is_constant[0], 0.0, coefficient)
    return torch.where((num_frames[:, 0] < FEWEST_FRAMES) | is_constant[1], torch.nan, coefficient)
