"""Silence that was dithered."""

import numpy as np
from scipy import ndimage

from audiosr_pipeline.dsp.cutoff import N_FFT, long_term_spectrum
from audiosr_pipeline.dsp.rounding import is_whole

# Steps of 8 and of 16 bits; those of 24 are below what counts as silence.
STEPS = (2.0**-7, 2.0**-15)
# Triangular dither of zeros is -1, 0 and 1, and 2 by some programs; shaped, up to 60 in SoX.
QUIET_STEPS, SHAPED_STEPS = 10, 128
# Shaped noise is moved from the low fifth of the spectrum, where it may then not be over white dither's level.
SHARE = 0.2
MARGIN_DB = 6.0
# At low rates SoX moves it down instead, which adds 14 dB there.
RISE_DB = 16.0
# A tone stands out of the noise around it by more than noise does out of its mean.
TONE_DB = 12.0
SMOOTHING_BINS = 31


def is_dither(audio: np.ndarray) -> bool:
    """Whether a clip is nothing but the dither of silence: noise of a few steps of its sample format.

    Its samples are whole steps of 8 or 16 bits, around their middle. They span 128 steps at most, with a
    spectrum like that of shaped noise, whose low fifth is no louder than white dither (any fifth, where they span
    ten at most); and no frequency stands out.

    Args:
        audio: Waveforms `(channels, num_samples)` as they came, not resampled.
    """
    for step in STEPS:
        spans = [float(np.ptp(channel)) / step for channel in audio]
        if max(spans) > SHAPED_STEPS or not all(is_whole(channel, step) for channel in audio):
            continue
        _, power = long_term_spectrum(audio - audio.mean(-1, keepdims=True))
        # Two uniform variables of one step, and the rounding.
        white = 3 * step**2 / 12 * 3 / 8 * N_FFT * min(1.0, audio.shape[-1] / N_FFT) * 10 ** (MARGIN_DB / 10)
        smoothed = ndimage.uniform_filter1d(power, SMOOTHING_BINS, mode="nearest")
        stands_out = (power > np.maximum(smoothed, white) * 10 ** (TONE_DB / 10)).any()
        if not stands_out and _is_shaped(smoothed / white, max(spans)):
            return True
    return False


def _is_shaped(spectrum: np.ndarray, span: float) -> bool:
    """Whether a spectrum, relative to that of white dither, is one that dither of this span may have."""
    if span <= QUIET_STEPS and np.quantile(spectrum, SHARE) <= 1:
        return bool(spectrum.max() <= 10 ** (RISE_DB / 10))
    return bool(spectrum[: round(SHARE * len(spectrum))].max() <= 1)
