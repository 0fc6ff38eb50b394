"""Folding: bands that Opus fills, where it has no bits for them, with a copy of what lies lower."""

import numpy as np
from scipy import fft, signal

WINDOW_S, HOP_S, BIN_HZ = 0.015, 0.005, 25.0
MOST_FRAMES = 384
# The bands of Opus above 8 kHz.
BANDS_HZ = (8_000, 9_600, 12_000, 15_600, 20_000)
# The band's ends, where the window reaches into the neighbour.
MARGIN_HZ = 200.0
# Opus copies from the bands below, whose borders are multiples of 400 Hz.
GRID_HZ = 400.0
LOWEST_SHIFT_HZ, LOWEST_SOURCE_HZ = 1_600.0, 200.0
# A copy has 0.9 and more, less where a frame of the STFT lies across two of the codec's; others have 0.2 to 0.4.
COHERENCE = 0.4
ADVANTAGE = 1.5
ACTIVE_DB = 20.0
# Of sounds of their own, next to no frame has a copy at Opus's distances between 12 and 15.6 kHz; of folded ones 4 % in
# the worst case, as most frames lie across two of the codec's. The narrow bands below have more by chance, and the
# uppermost has: in clicks that echo.
LEAST_SHARE: dict[float, float] = {8_000: 0.25, 9_600: 0.25, 12_000: 0.04, 15_600: 0.15}
OVER_CHANCE = 3.0
# In a short clip two frames would be a share.
FEWEST_COPIES = 5
LOWEST_SURE_HZ = 12_000
QUIET_CHANNEL_DB = 60.0


def find_folding(audio: np.ndarray, sampling_rate: int = 48_000) -> float | None:
    """Where the bands begin that Opus has filled with copies of lower ones.

    A copy within a frame is a shift of the spectrum: over the bins of a band the spectrum is coherent with itself
    further down, at one distance and no other. In a sound of its own right that happens in a few frames at any
    distance (clicks and steady pitches have many at once); in a folded band it happens at the multiples of 400 Hz.
    Up to 384 frames, spread over the clip, decide, in each channel that isn't 60 dB quieter than the loudest.

    Args:
        audio: Waveforms `(channels, num_samples)`.
        sampling_rate: Their rate in Hz.

    Returns:
        The border in Hz from which on the bands are folded: 8, 9.6, 12 or 15.6 kHz; None if none is.
    """
    channels = loud_channels(audio, sampling_rate)
    if not channels or sampling_rate < 2 * BANDS_HZ[-1]:
        return None
    spectra = [spread_frames(channel, sampling_rate) for channel in channels]
    border = None
    for low, high in zip(BANDS_HZ[-2::-1], BANDS_HZ[:0:-1], strict=True):
        if all(_is_folded(spectrum, low, high) for spectrum in spectra):
            border = float(low)
        # Where a band has no bits, the one above has none: it may lie too low to show it.
        elif low < BANDS_HZ[-2]:
            break
    return border


def loud_channels(audio: np.ndarray, sampling_rate: int) -> list[np.ndarray]:
    """The channels that aren't 60 dB quieter than the loudest; none of a clip that is silent or too short."""
    energies = np.array([np.vdot(channel, channel) for channel in audio])
    if audio.shape[-1] < round(WINDOW_S * sampling_rate) or not energies.max() > 0:
        return []
    threshold = energies.max() * 10 ** (-QUIET_CHANNEL_DB / 10)
    return [channel for channel, energy in zip(audio, energies, strict=True) if energy > threshold]


def spread_frames(channel: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Spectra `(num_frames, num_bins)` in bins of 25 Hz of frames that are spread over a channel."""
    n_window = round(WINDOW_S * sampling_rate)
    last = len(channel) - n_window
    num_frames = min(MOST_FRAMES, 1 + last // round(HOP_S * sampling_rate))
    starts = np.unique(np.linspace(0, last, num_frames).astype(int))
    frames = np.lib.stride_tricks.sliding_window_view(channel, n_window)[starts]
    window = signal.get_window("hann", n_window).astype(np.float32)
    return fft.rfft(frames * window, round(sampling_rate / BIN_HZ), axis=-1)


def _is_folded(spectra: np.ndarray, low: float, high: float) -> bool:
    """Whether enough frames, and more than chance puts there, have a copy at Opus's distances."""
    start, stop = round((low + MARGIN_HZ) / BIN_HZ), round((high - MARGIN_HZ) / BIN_HZ)
    band = spectra[:, start:stop]
    band_power = (np.abs(band) ** 2).sum(1)
    active = band_power > band_power.mean() * 10 ** (-ACTIVE_DB / 10)
    if not active.any():
        return False
    coherence = shift_coherence(spectra[active], start, stop)
    shifts = start - np.arange(coherence.shape[1])
    coherence = coherence[:, shifts >= LOWEST_SHIFT_HZ / BIN_HZ]
    shifts = shifts[shifts >= LOWEST_SHIFT_HZ / BIN_HZ]
    coherence = coherence[:, start - shifts >= LOWEST_SOURCE_HZ / BIN_HZ]
    shifts = shifts[start - shifts >= LOWEST_SOURCE_HZ / BIN_HZ]
    best = coherence.argmax(1)
    # The window's lobe is 267 Hz wide.
    beside = np.abs(np.arange(coherence.shape[1]) - best[:, None]) <= 6
    second = np.where(beside, 0, coherence).max(1)
    highest = np.take_along_axis(coherence, best[:, None], 1)[:, 0]
    is_copy = (highest > COHERENCE) & (highest > ADVANTAGE * second)
    steps = round(GRID_HZ / BIN_HZ)
    remainder = shifts[best] % steps
    on_grid = np.minimum(remainder, steps - remainder) <= 1
    if (is_copy & on_grid).sum() < FEWEST_COPIES:
        return False
    share, share_off = (is_copy & on_grid).mean(), (is_copy & ~on_grid).mean()
    if low < LOWEST_SURE_HZ:
        # What is coded in loud moments alone is content still.
        power = band_power[active]
        share = min(share, power[is_copy & on_grid].sum() / power.sum())
    return bool(share > LEAST_SHARE[low] and share > OVER_CHANCE * share_off)


def shift_coherence(spectra: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Coherence, over its bins, of each frame's band with the band of the same width that begins at each lower bin.

    Args:
        spectra: `(num_frames, num_bins)`.
        start: The band's first bin.
        stop: The bin after its last.

    Returns:
        `(num_frames, start)`, in 0-1.
    """
    band, lower = spectra[:, start:stop], spectra[:, :stop]
    num_fft = fft.next_fast_len(stop + (stop - start))
    product = fft.ifft(fft.fft(lower, num_fft) * fft.fft(band, num_fft).conj(), axis=-1)[:, :start]
    cumulative = np.cumsum(np.pad(np.abs(lower.astype(np.complex128)) ** 2, ((0, 0), (1, 0))), axis=-1)
    width = stop - start
    lower_power = cumulative[:, width : width + start] - cumulative[:, :start]
    band_power = cumulative[:, stop] - cumulative[:, start]
    # What is less than the rounding of the transforms has no coherence.
    tiny = 1e-9 * cumulative[:, -1:]
    return np.abs(product) ** 2 / (np.maximum(lower_power, tiny) * band_power[:, None] + 1e-30)
