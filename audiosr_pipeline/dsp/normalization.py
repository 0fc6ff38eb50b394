"""The level at which the networks see a clip: its peak, place by place."""

import numpy as np
from scipy import ndimage

HOP_LENGTH = 480
# Half the length over which a peak holds, in hops.
HOLD_HOPS = 5
# How fast a peak is forgotten before and after it. Faster, the ends of notes would be made as loud as their beginnings,
# which models have not heard: at 60 dB a second music came out worse, at 20 as with one gain for all.
FORGETTING_DB_PER_S = 20.0
# A click is loud for its peak alone. What counts is the RMS level over 50 ms and 12 dB, as speech and noise have them
# between level and peak; not more than the peak, and no less than 10 dB below it.
NUM_POWER_HOPS = 5
CREST = 4.0
CLICK_SHARE = 0.316
# -120 dB of full scale: where there is nothing, the gain stays finite.
LEAST_PEAK = 1e-6


def local_gain(audio: np.ndarray, peak: float, sampling_rate: int = 48_000) -> np.ndarray:
    """The gain that brings the local peak of a clip to `peak`, every 480 samples.

    A clip whose peaks are even gets one gain, the one that normalises its peak (paper, section 3.3). Where they aren't,
    a loud sound lowers the gain around it alone: by 20 dB less for each second that it is away. A click may exceed
    `peak`, by 10 dB at most: for its sake what is around it isn't lowered so far.

    Args:
        audio: Waveforms `(channels, num_samples)`; the loudest channel counts.
        peak: Absolute peak that is wanted.
        sampling_rate: Rate of `audio` in Hz.

    Returns:
        Factors `(num_samples // 480 + 2,)`, float64: those at the samples 0, 480, 960, ... See `apply_gain`.
    """
    num_samples = audio.shape[-1]
    num_hops = num_samples // HOP_LENGTH + 1
    peaks = np.zeros(num_hops)
    whole = (num_hops - 1) * HOP_LENGTH
    for channel in audio:
        blocks = channel[:whole].reshape(-1, HOP_LENGTH)
        channel_peaks = np.append(
            np.maximum(blocks.max(-1, initial=0), -blocks.min(-1, initial=0)), np.abs(channel[whole:]).max(initial=0)
        )
        powers = np.append(np.square(blocks).mean(-1), np.square(channel[whole:]).sum() / HOP_LENGTH)
        power = ndimage.uniform_filter1d(powers.astype(np.float64), NUM_POWER_HOPS, mode="nearest")
        sounding = np.sqrt(ndimage.maximum_filter1d(power, NUM_POWER_HOPS)) * CREST
        peaks = np.maximum(peaks, np.clip(sounding, CLICK_SHARE * channel_peaks, channel_peaks))
    level_db = 20 * np.log10(np.maximum(peaks, LEAST_PEAK))
    # A hop's peak counts at both of its ends.
    level_db = np.maximum(np.append(level_db, level_db[-1]), np.insert(level_db, 0, level_db[0]))
    level_db = ndimage.maximum_filter1d(level_db, 2 * HOLD_HOPS + 1)
    fall_db = FORGETTING_DB_PER_S * HOP_LENGTH / sampling_rate * np.arange(len(level_db))
    after = np.maximum.accumulate(level_db + fall_db) - fall_db
    before = (np.maximum.accumulate((level_db - fall_db)[::-1]) + fall_db[::-1])[::-1]
    # No wider than what holds a peak: the mean of values that are all at least as large.
    weights = np.hanning(2 * HOLD_HOPS + 3)[1:-1]
    smoothed = ndimage.convolve1d(np.maximum(before, after), weights / weights.sum(), mode="nearest")
    return peak * 10 ** (-smoothed / 20)


def apply_gain(audio: np.ndarray, gain: np.ndarray, block_samples: int = 1 << 18) -> None:
    """Multiplies waveforms `(channels, num_samples)` in place by a gain of `local_gain`, linear between its values."""
    positions = np.arange(len(gain)) * HOP_LENGTH
    for start in range(0, audio.shape[-1], block_samples):
        block = audio[:, start : start + block_samples]
        block *= np.interp(np.arange(start, start + block.shape[-1]), positions, gain).astype(audio.dtype)
