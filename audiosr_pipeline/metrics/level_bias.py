"""Level bias: is the new band too loud or too quiet, most of the time?"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from audiosr_pipeline.metrics.band_levels import FEWEST_FRAMES, band_levels


def level_bias(
    estimate: Tensor | np.ndarray,
    reference: Tensor | np.ndarray,
    bands: Sequence[tuple[float, float]],
    sampling_rate: int = 48_000,
) -> Tensor:
    """Mean over time of how much louder each band is than the reference's, in dB, every 10 ms.

    Unlike the energy error, which the loudest moments decide, each moment counts alike at which the reference's band is
    more than 6 dB above the rounding noise of 16-bit samples. An estimate counts as at least as loud as that noise. It
    doesn't see errors that cancel out over time.

    Args:
        estimate: Waveforms `(batch, num_samples)`.
        reference: Same shape and rate as `estimate`.
        bands: `(low, high)` of each in Hz, such as `octave_bands`.
        sampling_rate: Rate of both in Hz.

    Returns:
        Biases in dB, `(batch, num_bands)`, float64; NaN where fewer than 8 frames sound.

    Raises:
        ValueError: If the waveforms can't be compared, or a band holds no bin.
    """
    estimated, wanted, sounding = band_levels(estimate, reference, bands, sampling_rate)
    num_frames = sounding.sum(-1)
    mean = torch.where(sounding, estimated - wanted, 0.0).sum(-1) / num_frames
    return torch.where(num_frames < FEWEST_FRAMES, torch.nan, mean)
