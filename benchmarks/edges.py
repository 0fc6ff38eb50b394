"""Where real encoders end, and where `inspect` says that they do: `python -m benchmarks.edges [FOLDER]`.

Sounds are coded and decoded by the encoders of `benchmarks.encoders`; those that aren't installed are named. The true
edge is found with the original at hand, which the detector hasn't: see `true_edge`.
"""

import numpy as np
from scipy import fft, ndimage, signal

N_FFT = 2_048
HOP_LENGTH = 512
SMOOTHING_HZ = 200.0
# A waveform that is kept at all is kept with a tenth of its power or more; what is made anew has a hundredth and less.
LEAST_COHERENCE = 0.1
LEAST_GAIN_DB = -20.0


def align(original: np.ndarray, decoded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Takes off the delay at which two waveforms `(num_samples,)` resemble each other most, and what one lacks."""
    num_fft = fft.next_fast_len(len(original) + len(decoded), real=True)
    correlation = fft.irfft(fft.rfft(original, num_fft).conj() * fft.rfft(decoded, num_fft), num_fft)
    delay = int(np.argmax(np.abs(correlation)))
    delay -= num_fft if delay > len(decoded) else 0
    original, decoded = original[max(-delay, 0) :], decoded[max(delay, 0) :]
    num_samples = min(len(original), len(decoded))
    return original[:num_samples], decoded[:num_samples]


def true_edge(original: np.ndarray, decoded: np.ndarray, sampling_rate: int = 48_000) -> float:
    """Up to where a decoded waveform holds anything of the original.

    The two are aligned by their cross-correlation. A frequency holds the original if its magnitude-squared coherence
    with the decoded waveform is 0.1 or more, and the original's part in it at most 20 dB lower than it was: coherence
    alone would count a filter's skirt, level alone what a decoder makes up. Both are means over the clip's frames and
    over 200 Hz.

    Args:
        original: Waveform `(num_samples,)`.
        decoded: The same, coded and decoded, `(num_samples,)`; any delay.
        sampling_rate: Rate of both in Hz.

    Returns:
        The highest such frequency in Hz; 0 if there is none.
    """
    spectra = [
        signal.stft(audio, sampling_rate, nperseg=N_FFT, noverlap=N_FFT - HOP_LENGTH, padded=False, boundary=None)[2]
        for audio in align(original.astype(np.float64), decoded.astype(np.float64))
    ]
    cross = np.abs((spectra[0].conj() * spectra[1]).mean(1)) ** 2
    before, after = ((np.abs(spectrum) ** 2).mean(1) for spectrum in spectra)
    num_bins = round(SMOOTHING_HZ * N_FFT / sampling_rate)
    tiny = 1e-30
    coherence = ndimage.uniform_filter1d(cross / (before * after + tiny), num_bins)
    gain_db = 10 * np.log10(ndimage.uniform_filter1d(cross / (before**2 + tiny), num_bins) + tiny)
    held = np.flatnonzero((coherence >= LEAST_COHERENCE) & (gain_db >= LEAST_GAIN_DB))
    return float(held[-1] * sampling_rate / N_FFT) if len(held) else 0.0
