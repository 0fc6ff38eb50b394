"""Low-resolution input made from full-band audio (paper, section 3.1, after NVSR)."""

from dataclasses import dataclass

import numpy as np
from scipy import fft, signal

from audiosr_pipeline.dsp.lowpass import filter_zero_phase, lowpass

FILTERS = ("cheby1", "ellip", "butter", "boxcar")


@dataclass(frozen=True)
class LowpassSettings:
    """One drawn filter: its `name` (of `FILTERS`), its order (each pass) and its cutoff in Hz."""

    name: str
    order: int
    cutoff_freq: float


def draw_lowpass(rng: np.random.Generator, inference_share: float = 0.4) -> LowpassSettings:
    """Draws a low-pass: cutoff uniform in 2-16 kHz, any filter of `FILTERS`, order 2-10.

    A share of the draws is the order-8 Chebyshev filter that inference uses, which the paper leaves to chance.
    """
    cutoff_freq = float(rng.uniform(2_000, 16_000))
    if rng.random() < inference_share:
        return LowpassSettings("cheby1", 8, cutoff_freq)
    return LowpassSettings(str(rng.choice(FILTERS)), int(rng.integers(2, 11)), cutoff_freq)


def simulate_low_resolution(audio: np.ndarray, settings: LowpassSettings, sampling_rate: int = 48_000) -> np.ndarray:
    """Removes the highs of `(channels, num_samples)` with the drawn filter, run forward and backward.

    Boxcar is an ideal brick wall in the frequency domain. Elliptic filters stop 60 dB.
    """
    cutoff_freq, order = settings.cutoff_freq, settings.order
    if settings.name == "boxcar":
        spectrum = fft.rfft(audio, axis=-1)
        spectrum[..., fft.rfftfreq(audio.shape[-1], 1 / sampling_rate) > cutoff_freq] = 0
        return fft.irfft(spectrum, n=audio.shape[-1], axis=-1).astype(np.float32)
    if settings.name == "cheby1" and order == 8:
        return lowpass(audio, cutoff_freq, sampling_rate)
    ripple_db = {"cheby1": 0.05, "ellip": 0.05}.get(settings.name)
    stop_db = 60 if settings.name == "ellip" else None
    sections = signal.iirfilter(
        order, cutoff_freq, ripple_db, stop_db, btype="lowpass", ftype=settings.name, fs=sampling_rate, output="sos"
    )
    return filter_zero_phase(sections, audio)
