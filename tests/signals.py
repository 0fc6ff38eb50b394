"""Signals whose content is known: all `(1, num_samples)`, float32, the same for the same seed."""

import numpy as np
from scipy import fft

SAMPLING_RATE = 48_000


def rms(audio: np.ndarray) -> float:
    """Root mean square of all samples."""
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))


def level_db(audio: np.ndarray) -> float:
    """RMS level in dB of full scale, not below -300."""
    return 20 * np.log10(max(rms(audio), 1e-15))


def tone(
    frequency: float, seconds: float = 1.0, sampling_rate: int = SAMPLING_RATE, amplitude: float = 0.5
) -> np.ndarray:
    """A sine."""
    time = np.arange(round(seconds * sampling_rate)) / sampling_rate
    return (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32)[None]


def noise(
    seconds: float = 1.0,
    sampling_rate: int = SAMPLING_RATE,
    seed: int = 0,
    tilt_db: float = 0.0,
    amplitude: float = 0.1,
) -> np.ndarray:
    """Gaussian noise of RMS `amplitude` up to the Nyquist frequency, `tilt_db` per octave: 0 is white, -3 pink."""
    num_samples = round(seconds * sampling_rate)
    spectrum = fft.rfft(np.random.default_rng(seed).standard_normal(num_samples))
    # Flat below 50 Hz, else a steep tilt would leave nothing but rumble.
    octaves = np.log2(np.maximum(fft.rfftfreq(num_samples, 1 / sampling_rate), 50.0))
    shaped = fft.irfft(spectrum * 10 ** (tilt_db * octaves / 20), n=num_samples)
    return (amplitude * shaped / shaped.std()).astype(np.float32)[None]


def band_limited(audio: np.ndarray, cutoff_freq: float, sampling_rate: int = SAMPLING_RATE) -> np.ndarray:
    """`audio` without anything above `cutoff_freq`: a brick wall over the clip's whole spectrum."""
    spectrum = fft.rfft(audio.astype(np.float64), axis=-1)
    spectrum[..., fft.rfftfreq(audio.shape[-1], 1 / sampling_rate) > cutoff_freq] = 0
    return fft.irfft(spectrum, n=audio.shape[-1], axis=-1).astype(np.float32)


def speech_like(seconds: float = 2.0, sampling_rate: int = SAMPLING_RATE, seed: int = 0) -> np.ndarray:
    """Syllables at 4 Hz: glottal pulses through three formants, each followed by a fricative that reaches the top."""
    rng = np.random.default_rng(seed)
    num_samples = round(seconds * sampling_rate)
    time = np.arange(num_samples) / sampling_rate
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.7 * time)
    pulses = (np.diff(np.floor(np.cumsum(pitch) / sampling_rate), prepend=0) > 0).astype(np.float64)
    frequency = fft.rfftfreq(num_samples, 1 / sampling_rate)
    formants = sum(
        gain / (1 + ((frequency - centre) / 120) ** 2) for centre, gain in [(500, 1), (1500, 0.5), (2500, 0.3)]
    )
    tract = formants + 0.01 / (1 + (frequency / 3000) ** 2)
    voiced = fft.irfft(fft.rfft(pulses) * tract, n=num_samples)
    # Fricatives rise to 6 kHz and fall gently from there.
    hiss = np.minimum(frequency / 6000, (6000 / np.maximum(frequency, 1)) ** 0.7)
    unvoiced = fft.irfft(fft.rfft(rng.standard_normal(num_samples)) * hiss, n=num_samples)
    syllable = np.clip(np.sin(2 * np.pi * 4 * time), 0, 1)
    fricative = np.clip(-np.sin(2 * np.pi * 4 * time), 0, 1) ** 2
    audio = syllable * voiced / voiced.std() + 0.3 * fricative * unvoiced / unvoiced.std()
    # The noise of a quiet room.
    audio += 1e-3 * rng.standard_normal(num_samples)
    return (0.5 * audio / np.abs(audio).max()).astype(np.float32)[None]


def music_like(seconds: float = 2.0, sampling_rate: int = SAMPLING_RATE, seed: int = 0) -> np.ndarray:
    """Plucked notes twice a second, with faint, short-lived partials up to the Nyquist frequency, and hi-hats."""
    rng = np.random.default_rng(seed)
    num_samples = round(seconds * sampling_rate)
    audio = 1e-4 * rng.standard_normal(num_samples)
    for index, onset in enumerate(range(0, num_samples, sampling_rate // 2)):
        time = np.arange(num_samples - onset) / sampling_rate
        fundamental = 220 * 2 ** (rng.integers(0, 13) / 12)
        for partial in np.arange(fundamental, 0.98 * sampling_rate / 2, fundamental):
            loudness = (fundamental / partial) ** 1.2 * np.exp(-time * (2 + partial / 1000))
            audio[onset:] += loudness * np.sin(2 * np.pi * partial * time + rng.uniform(0, 2 * np.pi))
        hat = np.diff(rng.standard_normal(num_samples - onset), prepend=0)
        audio[onset:] += (0.2 if index % 2 else 0.05) * hat * np.exp(-time * 30)
    return (0.5 * audio / np.abs(audio).max()).astype(np.float32)[None]


def clicks(seconds: float = 1.0, sampling_rate: int = SAMPLING_RATE, per_second: int = 8) -> np.ndarray:
    """Single samples of 0.8: a flat spectrum up to the Nyquist frequency, silence between them."""
    audio = np.zeros((1, round(seconds * sampling_rate)), np.float32)
    audio[:, sampling_rate // (2 * per_second) :: sampling_rate // per_second] = 0.8
    return audio


def copied(audio: np.ndarray, start: float, shift: float) -> np.ndarray:
    """From `start` up to twice `shift` a copy of what lies `shift` Hz lower, at 48 kHz, in place of what was there."""
    source = band_limited(audio, shift)
    moved = 2 * source * np.cos(2 * np.pi * shift / 48_000 * np.arange(audio.shape[-1]))
    return (band_limited(audio, start) + moved - band_limited(moved, start)).astype(np.float32)
