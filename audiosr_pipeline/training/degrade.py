"""What real low-resolution inputs suffer beside their low-pass: lossy coding, rough resamplers, few bits.

Beyond the paper, and off by default: each is given a share of the crops.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import soxr
from scipy import signal

from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.dsp.resample import resampled_length

N_FFT = 2_048
# A coder drops a band as a whole, for some frames: 375 Hz by 85 ms at 48 kHz.
HOLE_BINS, HOLE_FRAMES = 32, 4
HOLE_SHARE = 0.3
LOUD_SHARE = 0.1
LOW_RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100)
NUM_BITS = (8, 16)


@dataclass(frozen=True)
class DegradationShares:
    """Shares of the crops, in 0-1, that suffer each degradation; they are drawn independently of each other."""

    shelf: float = 0.0
    holes: float = 0.0
    resampler: float = 0.0
    quantisation: float = 0.0


@dataclass(frozen=True)
class DegradationSettings:
    """What one crop suffers, None being nothing.

    See `cut_shelf` and `punch_holes` for the two frequencies in Hz, `resample_and_back` for the resampler and
    `quantise` for the bits.
    """

    shelf_freq: float | None = None
    holes_freq: float | None = None
    resampler: str | None = None
    num_bits: int | None = None


def draw_degradation(rng: np.random.Generator, cutoff_freq: float, shares: DegradationShares) -> DegradationSettings:
    """Draws what a crop suffers that is low-passed at `cutoff_freq` Hz, below which both drawn frequencies lie."""
    shelf, holes, resampler, quantisation = rng.random(4) < (
        shares.shelf,
        shares.holes,
        shares.resampler,
        shares.quantisation,
    )
    return DegradationSettings(
        shelf_freq=float(cutoff_freq * rng.uniform(0.5, 0.95)) if shelf else None,
        holes_freq=float(cutoff_freq * rng.uniform(0.25, 0.75)) if holes else None,
        resampler=str(rng.choice(list(RESAMPLERS))) if resampler else None,
        num_bits=int(rng.choice(NUM_BITS)) if quantisation else None,
    )


def degrade(
    audio: np.ndarray, settings: DegradationSettings, cutoff_freq: float, sampling_rate: int = 48_000
) -> np.ndarray:
    """Resamples, codes and quantises, in a file's order of life, then low-passes as inference does.

    Nothing that this adds above the cutoff (images of a resampler, noise of few bits) would reach the model at
    inference.

    Args:
        audio: Low-passed waveforms `(channels, num_samples)`.
        settings: What they suffer; if nothing, they are returned as they are.
        cutoff_freq: Where they were low-passed, in Hz.
        sampling_rate: Their rate in Hz.

    Returns:
        Waveforms of the same shape, float32.
    """
    if settings == DegradationSettings():
        return audio
    if settings.resampler is not None:
        audio = resample_and_back(audio, settings.resampler, cutoff_freq, sampling_rate)
    if settings.shelf_freq is not None:
        audio = cut_shelf(audio, settings.shelf_freq, sampling_rate)
    if settings.holes_freq is not None:
        audio = punch_holes(audio, settings.holes_freq, sampling_rate)
    if settings.num_bits is not None:
        audio = quantise(audio, settings.num_bits)
    return lowpass(audio, cutoff_freq, sampling_rate)


def cut_shelf(audio: np.ndarray, shelf_freq: float, sampling_rate: int = 48_000) -> np.ndarray:
    """Lets only the loudest tenth of the frames pass above `shelf_freq` Hz, as coders do that reserve bits for them."""
    spectrum = _stft(audio)
    above = spectrum[:, math.ceil(shelf_freq / sampling_rate * N_FFT) :]
    levels = np.square(np.abs(above)).sum(1)
    above *= (levels > np.quantile(levels, 1 - LOUD_SHARE, axis=-1, keepdims=True))[:, None]
    return _inverse_stft(spectrum, audio.shape[-1])


def punch_holes(audio: np.ndarray, holes_freq: float, sampling_rate: int = 48_000) -> np.ndarray:
    """Empties three tenths of the time-frequency cells above `holes_freq` Hz, at any time alike.

    They are those farthest below their band's long-term level, which a coder has the least to lose from.
    """
    spectrum = _stft(audio)
    above = spectrum[:, math.ceil(holes_freq / sampling_rate * N_FFT) :]
    cell_bins = np.arange(0, above.shape[1], HOLE_BINS)
    cell_frames = np.arange(0, above.shape[2], HOLE_FRAMES)
    power = np.add.reduceat(np.add.reduceat(np.square(np.abs(above)), cell_bins, axis=1), cell_frames, axis=2)
    relative = power / np.maximum(power.mean(-1, keepdims=True), 1e-30)
    kept = relative >= np.quantile(relative, HOLE_SHARE, axis=1, keepdims=True)
    kept = kept.repeat(HOLE_BINS, axis=1).repeat(HOLE_FRAMES, axis=2)
    above *= kept[:, : above.shape[1], : above.shape[2]]
    return _inverse_stft(spectrum, audio.shape[-1])


def resample_and_back(audio: np.ndarray, resampler: str, cutoff_freq: float, sampling_rate: int = 48_000) -> np.ndarray:
    """Resamples to the lowest usual rate that holds `cutoff_freq` Hz (at most 22 050), and back.

    Args:
        audio: Waveforms `(channels, num_samples)`.
        resampler: "soxr_hq" and "polyphase" filter, soxr's more steeply; "linear" interpolates: it dulls the highs,
            folds what lies too high, and leaves images.
        cutoff_freq: Where they were low-passed, in Hz.
        sampling_rate: Their rate in Hz.

    Returns:
        Waveforms of the same shape, float32.
    """
    low_rate = next(rate for rate in LOW_RATES if rate >= 2 * cutoff_freq)
    resampled = RESAMPLERS[resampler](RESAMPLERS[resampler](audio, sampling_rate, low_rate), low_rate, sampling_rate)
    result = np.zeros(audio.shape, np.float32)
    # Each rounds the length its own way.
    result[:, : resampled.shape[-1]] = resampled[:, : audio.shape[-1]]
    return result


def quantise(audio: np.ndarray, num_bits: int) -> np.ndarray:
    """Rounds to `num_bits` without dither; full scale is 1."""
    step = 2.0 ** (1 - num_bits)
    return np.clip(np.round(audio / step) * step, -1, 1 - step).astype(np.float32)


def _soxr_hq(audio: np.ndarray, sampling_rate: int, target_rate: int) -> np.ndarray:
    return soxr.resample(audio.T, sampling_rate, target_rate, quality="HQ").T


def _polyphase(audio: np.ndarray, sampling_rate: int, target_rate: int) -> np.ndarray:
    divisor = math.gcd(sampling_rate, target_rate)
    return signal.resample_poly(audio, target_rate // divisor, sampling_rate // divisor, axis=-1)


def _linear(audio: np.ndarray, sampling_rate: int, target_rate: int) -> np.ndarray:
    num_samples = audio.shape[-1]
    places = np.arange(resampled_length(num_samples, sampling_rate, target_rate)) * sampling_rate / target_rate
    return np.stack([np.interp(places, np.arange(num_samples), channel) for channel in audio])


RESAMPLERS: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {
    "soxr_hq": _soxr_hq,
    "polyphase": _polyphase,
    "linear": _linear,
}


def _stft(audio: np.ndarray) -> np.ndarray:
    """Spectrum `(channels, n_fft // 2 + 1, num_frames)`, Hann windows that overlap by half."""
    # Padded, so that clips of less than a window have one too.
    return signal.stft(np.pad(audio, ((0, 0), (0, N_FFT))), nperseg=N_FFT)[2]


def _inverse_stft(spectrum: np.ndarray, num_samples: int) -> np.ndarray:
    return signal.istft(spectrum, nperseg=N_FFT)[1][:, :num_samples].astype(np.float32)
