"""How the level of a whole signal changed: loudness and peak."""

import math

import numpy as np
import pyloudnorm

from audiosr_pipeline.dsp.rounding import STEP_16_BITS

# ITU-R BS.1770 measures blocks of 0.4 s, in up to five channels.
SHORTEST_S = 0.4
MOST_CHANNELS = 5


def loudness_lufs(audio: np.ndarray, sampling_rate: int = 48_000) -> float:
    """Integrated loudness (ITU-R BS.1770-4) in LUFS; -inf if nothing is louder than -70 LUFS.

    Args:
        audio: Waveforms `(channels, num_samples)`, full scale 1, at least 0.4 s, one to five channels.
        sampling_rate: Rate in Hz.
    """
    return float(pyloudnorm.Meter(sampling_rate).integrated_loudness(audio.T.astype(np.float64)))


def loudness_change(estimate: np.ndarray, reference: np.ndarray, sampling_rate: int = 48_000) -> float:
    """Loudness of the estimate less that of the reference, in LU.

    It counts the new band as well. It sees nothing that K-weighting takes away: offsets and rumble.

    Args:
        estimate: Waveforms `(channels, num_samples)`, full scale 1.
        reference: Same number of channels and rate as `estimate`.
        sampling_rate: Rate of both in Hz.

    Returns:
        NaN where a loudness can't be told: nothing above -70 LUFS, shorter than 0.4 s, or more than five channels.
    """
    shortest = min(estimate.shape[-1], reference.shape[-1])
    if shortest < SHORTEST_S * sampling_rate or len(reference) > MOST_CHANNELS:
        return math.nan
    loudness, expected = loudness_lufs(estimate, sampling_rate), loudness_lufs(reference, sampling_rate)
    return loudness - expected if math.isfinite(loudness) and math.isfinite(expected) else math.nan


def peak_change_db(estimate: np.ndarray, reference: np.ndarray) -> float:
    """Largest sample of the estimate over that of the reference, in dB; what is below a step of 16 bit counts as one.

    Args:
        estimate: Waveforms `(channels, num_samples)`, full scale 1.
        reference: Waveforms of as many channels.

    >>> round(peak_change_db(np.full((1, 10), 0.25), np.full((1, 10), 0.5)), 2)
    -6.02
    """
    peak, expected = (max(float(np.abs(audio).max()), STEP_16_BITS) for audio in (estimate, reference))
    return 20 * math.log10(peak / expected)
