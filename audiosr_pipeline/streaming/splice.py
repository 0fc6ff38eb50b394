"""A high-pass for what a stream adds, so that nothing of it lies in the input's own band."""

from functools import lru_cache

import numpy as np
from scipy import fft, signal

SAMPLING_RATE = 48_000
# The filter's stopband ends at the band edge, and its passband begins where the network's new band does.
TRANSITION_HZ = 140.0
STOPBAND_DB = 40.0
# Of the FFT by which the filter's phase is found: long, or its ends fold into each other.
PHASE_FFT = 1 << 15


@lru_cache(maxsize=8)
def highpass_taps(edge: float) -> np.ndarray:
    """Minimum-phase taps, `(num_taps,)`: what they delay, by up to 2 ms, lies within 0.5 kHz of the edge.

    Args:
        edge: Where the stopband ends, in Hz.
    """
    num_taps, beta = signal.kaiserord(STOPBAND_DB, TRANSITION_HZ / (SAMPLING_RATE / 2))
    num_taps += 1 - num_taps % 2
    middle = edge + TRANSITION_HZ / 2
    linear = signal.firwin(num_taps, middle, window=("kaiser", beta), pass_zero=False, fs=SAMPLING_RATE)
    return signal.minimum_phase(linear, n_fft=PHASE_FFT, half=False).astype(np.float32)


class Splice:
    """Filters what is added, step by step: the short synthesis window has spread it over the edge.

    Args:
        num_channels: Channels.
        fade_samples: Over which one filter gives way to the next.
    """

    def __init__(self, num_channels: int, fade_samples: int):
        self._fade = np.linspace(0, 1, fade_samples, dtype=np.float32)
        self._edge: float | None = None
        self._past = np.zeros((num_channels, 0), np.float32)

    def push(self, new: np.ndarray, edge: float | None) -> np.ndarray:
        """The next samples `(channels, num_samples)` without what lies below the edge in Hz; None: the last one's."""
        edge = self._edge if edge is None else edge
        if edge is None:
            return new
        num_past = len(highpass_taps(edge)) - 1
        past = np.zeros((len(new), num_past), np.float32)
        past[:, num_past - self._past.shape[1] :] = self._past
        audio = np.concatenate([past, new], axis=1)
        self._past = audio[:, -num_past:]
        if not audio.any():
            self._edge = edge
            return new
        filtered = _filtered(audio, edge)
        if self._edge is not None and self._edge != edge:
            length = len(self._fade)
            before = _filtered(audio, self._edge)[:, :length]
            filtered[:, :length] = before + self._fade * (filtered[:, :length] - before)
        self._edge = edge
        # Digital silence stays that: the FFT's rounding reaches over the whole step.
        heard = np.cumsum(audio != 0, axis=1)
        heard[:, num_past + 1 :] -= heard[:, : -num_past - 1].copy()
        return filtered * (heard[:, num_past:] > 0)


def _filtered(audio: np.ndarray, edge: float) -> np.ndarray:
    """What the filter gives once it hears nothing but the audio."""
    taps = highpass_taps(edge)
    n_fft = fft.next_fast_len(audio.shape[1], real=True)
    # Circular: what comes round falls into the first samples, which are left.
    return fft.irfft(fft.rfft(audio, n_fft) * fft.rfft(taps, n_fft), n_fft)[:, len(taps) - 1 : audio.shape[1]]
