"""Steady noise, which few recordings are: what it is like below a cutoff says what it is like above, at all times."""

import numpy as np

LOWEST_HZ, HIGHEST_HZ = 60.0, 24_000.0
NUM_KNOTS = 13
# Per octave and per knot: from brown noise to a little brighter than white, with bumps.
TILT_DB = (-7.0, 1.0)
BUMP_DB = 2.5
QUIETEST_DB = -40.0


def steady_noise(num_samples: int, rng: np.random.Generator, sampling_rate: int = 48_000) -> np.ndarray:
    """Gaussian noise of a random smooth spectrum that is the same at all times, `(1, num_samples)`, its peak at 1.

    The spectrum in dB is a random tilt plus a random walk over 13 frequencies, evenly spaced in octaves from 60 Hz to
    24 kHz, and linear in between.
    """
    octaves = np.linspace(0.0, np.log2(HIGHEST_HZ / LOWEST_HZ), NUM_KNOTS)
    level_db = rng.uniform(*TILT_DB) * octaves + np.cumsum(rng.normal(0.0, BUMP_DB, NUM_KNOTS))
    frequencies = np.maximum(np.fft.rfftfreq(num_samples, 1 / sampling_rate), LOWEST_HZ)
    gain_db = np.interp(np.log2(frequencies / LOWEST_HZ), octaves, level_db)
    spectrum = np.fft.rfft(rng.standard_normal(num_samples)) * 10 ** ((gain_db - gain_db.max()) / 20)
    noise = np.fft.irfft(spectrum, num_samples)[None]
    return (noise / np.abs(noise).max()).astype(np.float32)


def with_steady_noise(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Steady noise in place of a crop, or with the same probability beneath it, 0-40 dB below its RMS level."""
    noise = steady_noise(audio.shape[-1], rng)
    if rng.random() < 0.5:
        return noise
    level = np.sqrt(np.square(audio).mean() / np.square(noise).mean())
    return audio + level * 10 ** (rng.uniform(QUIETEST_DB, 0.0) / 20) * noise
