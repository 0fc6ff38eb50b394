"""The sample format that signals are compared in."""

import numpy as np

from audiosr_pipeline.dsp.rounding import STEP_16_BITS

ROUNDING_NOISE_POWER = STEP_16_BITS**2 / 12


def round_to_16_bit(audio: np.ndarray) -> np.ndarray:
    """Rounds every sample to the nearest step of 16-bit audio, 2^-15 of full scale, without dither.

    It decides what an empty band contains: nothing at all in floating point, rounding noise near -98 dB in a 16-bit
    file. An LSD can change fourfold with it, so signals are compared in one format, which is reported.
    Samples beyond full scale are not clipped: a level error is measured, not hidden.

    Args:
        audio: Waveforms of any shape, full scale 1.

    Returns:
        Waveforms of the same shape and dtype.
    """
    return np.round(audio / STEP_16_BITS) * STEP_16_BITS
