"""Traces of lossy coding."""

import numpy as np
from scipy import signal

N_FFT = 2_048
BAND_BINS = 16
HOLE_DB = 50.0
ACTIVE_DB = 30.0
LONGEST_S = 60.0


def hole_share(audio: np.ndarray, bandwidth: float, sampling_rate: int = 48_000) -> float:
    """Share of the upper octave's time-frequency cells that a codec has emptied.

    A cell is one STFT frame by 16 bins, between half the band edge and 0.9 of it. It is a hole if it lies 50 dB below
    its band's long-term level while that frame's whole upper octave is within 30 dB of its own long-term level: highs
    that have died away are no holes. Recordings have next to none; low-rate MP3 has many. The first minute of the
    first channel decides.

    Args:
        audio: Waveforms `(channels, num_samples)`.
        bandwidth: Band edge in Hz, see `find_bandwidth`.
        sampling_rate: Rate of `audio` in Hz.

    Returns:
        A share in 0-1.
    """
    mono = audio[0, : round(LONGEST_S * sampling_rate)]
    if len(mono) < 2 * N_FFT:
        return 0.0
    _, _, spectrum = signal.stft(mono, sampling_rate, nperseg=N_FFT, padded=False, boundary=None)
    power = np.abs(spectrum) ** 2
    low, high = (int(share * bandwidth / sampling_rate * N_FFT) for share in (0.5, 0.9))
    num_bands = (high - low) // BAND_BINS
    octave_power = power[low:high].sum(0)
    active = octave_power > octave_power.mean() * 10 ** (-ACTIVE_DB / 10)
    if num_bands == 0 or not active.any():
        return 0.0
    cells = power[low : low + num_bands * BAND_BINS, active].reshape(num_bands, BAND_BINS, -1).mean(1)
    return float((cells < cells.mean(-1, keepdims=True) * 10 ** (-HOLE_DB / 10)).mean())
