"""Images: the mirrored spectrum that repeated or linearly interpolated samples have above an old Nyquist frequency."""

import numpy as np
from scipy import fft, signal

from audiosr_pipeline.dsp.rounding import STEP_16_BITS, rounding_power

# In samples at 48 kHz: the window's lobe is 100 Hz wide, and twice each axis is a whole number of bins of 25 Hz.
WINDOW_S, HOP_S, BIN_HZ = 0.04, 0.02, 25.0
GROUP_FRAMES = 8
MOST_GROUPS = 64
OLD_RATES = (8_000, 10_000, 11_025, 12_000, 16_000, 20_000, 22_050, 24_000, 32_000)
# Next to the axis the window's own lobe is coherent, and near 0 Hz and the Nyquist frequency there is DC.
GUARD_HZ = 100.0
FEWEST_BINS = 12
# Images have 0.8 and more, those of fractional repetition 0.5, as part of them is an alias; chance has 0.15, tones up
# to 0.4, but about other axes too.
COHERENCE = 0.45
ADVANTAGE = 1.3
BESIDE_HZ = (25.0, 50.0, 75.0, 100.0, 125.0, 162.5, 200.0, 250.0, 400.0, 500.0)
ABOVE_ROUNDING_DB, DYNAMIC_RANGE_DB = 6.0, 90.0
QUIET_CHANNEL_DB = 60.0
# Images that reach less far above the axis don't matter.
HIGHEST_AXIS = 0.95


def find_images(audio: np.ndarray, sampling_rate: int = 48_000, edge: float | None = None) -> float | None:
    """The rate that audio once had, if naive upsampling left images of it.

    Samples at the old rate, repeated or interpolated linearly, hold at `old_rate - f` the mirror image of what they
    hold at `f`. The product of the two has then a phase that turns at the old rate, whatever the sound: its coherence
    over eight frames is near 1, and that about axes beside it near 0. A sound that has both alike, such as partials
    of one pitch, has no images. Up to 512 frames, spread over the clip, decide, in each channel that isn't 60 dB
    quieter than the loudest.

    Args:
        audio: Waveforms `(channels, num_samples)`.
        sampling_rate: Their rate in Hz.
        edge: Frequency in Hz that is known to be the highest with content; None for the Nyquist frequency.

    Returns:
        The old rate in Hz, the lowest of the common ones that fits; None if none does.
    """
    n_window, hop_length = round(WINDOW_S * sampling_rate), round(HOP_S * sampling_rate)
    group_samples = n_window + (GROUP_FRAMES - 1) * hop_length
    energies = np.array([np.vdot(channel, channel) for channel in audio])
    if audio.shape[-1] < group_samples or not energies.max() > 0:
        return None
    groups = [
        _groups(channel, n_window, hop_length, group_samples)
        for channel, energy in zip(audio, energies, strict=True)
        if energy > energies.max() * 10 ** (-QUIET_CHANNEL_DB / 10)
    ]
    noise_power = rounding_power(STEP_16_BITS, n_window)
    has_content = [_has_content(spectra, noise_power) for spectra in groups]
    highest = sampling_rate / 2 if edge is None else edge
    for old_rate in OLD_RATES:
        if old_rate / 2 < HIGHEST_AXIS * highest and all(
            _has_images(spectra, content, old_rate) for spectra, content in zip(groups, has_content, strict=True)
        ):
            return float(old_rate)
    return None


def _groups(channel: np.ndarray, n_window: int, hop_length: int, group_samples: int) -> np.ndarray:
    """Spectra `(num_groups, GROUP_FRAMES, num_bins)` of groups of frames that are spread over a channel."""
    last = len(channel) - group_samples
    starts = np.unique(np.linspace(0, last, min(MOST_GROUPS, 1 + last // (GROUP_FRAMES * hop_length))).astype(int))
    index = starts[:, None] + hop_length * np.arange(GROUP_FRAMES)
    window = signal.get_window("hann", n_window).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(channel, n_window)[index] * window
    return fft.rfft(frames, axis=-1)


def _has_content(spectra: np.ndarray, noise_power: float) -> np.ndarray:
    """Which bins have content: above the noise of 16-bit rounding, and within 90 dB of the peak."""
    power = (np.abs(spectra) ** 2).mean((0, 1))
    threshold = power.max() * 10 ** (-DYNAMIC_RANGE_DB / 10)
    rounding_threshold = noise_power * 10 ** (ABOVE_ROUNDING_DB / 10)
    return power > (max(threshold, rounding_threshold) if power.max() > rounding_threshold else threshold)


def _has_images(spectra: np.ndarray, has_content: np.ndarray, old_rate: float) -> bool:
    """Whether the coherence about half the old rate is high, and about no axis beside it nearly as high."""
    coherence = _mirror_coherence(spectra, has_content, old_rate)
    if coherence < COHERENCE:
        return False
    beside = [
        _mirror_coherence(spectra, has_content, old_rate + 2 * sign * offset)
        for offset in BESIDE_HZ
        for sign in (-1, 1)
    ]
    return coherence > ADVANTAGE * max(beside)


def _mirror_coherence(spectra: np.ndarray, has_content: np.ndarray, old_rate: float) -> float:
    """Mean coherence, over bins with content on both sides and over groups, of `f` with `old_rate - f`; 0 without."""
    total = round(old_rate / BIN_HZ)
    guard = round(GUARD_HZ / BIN_HZ)
    low = np.arange(guard, total // 2 - guard + 1)
    low = low[total - low < len(has_content) - guard]
    low = low[has_content[low] & has_content[total - low]]
    if len(low) < FEWEST_BINS:
        return 0.0
    below, above = spectra[..., low], spectra[..., total - low]
    turn = np.exp(-2j * np.pi * old_rate * HOP_S * np.arange(GROUP_FRAMES)).astype(np.complex64)[:, None]
    product = np.abs((below * above * turn).sum(1)) ** 2
    power = (np.abs(below) ** 2).sum(1) * (np.abs(above) ** 2).sum(1)
    return float((product / np.maximum(power, 1e-30)).mean())
