"""The low band of an estimate beside the reference's: delay, gain and what else is left."""

import numpy as np
import pytest
from scipy import optimize, signal

from audiosr_pipeline.metrics import compare_low_bands, round_to_16_bit

SECTIONS = signal.cheby1(8, 0.05, 4_000, fs=48_000, output="sos")


def noise(seed: int, channels: int = 1, num_samples: int = 48_000) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((channels, num_samples))


def lowpassed(audio: np.ndarray) -> np.ndarray:
    return signal.sosfiltfilt(SECTIONS, audio)


def test_a_copy_has_no_delay_gain_or_error():
    audio = round_to_16_bit(noise(0))
    comparison = compare_low_bands(audio, audio, 4_000)
    assert comparison.delay_samples == pytest.approx(0, abs=1e-6)
    assert comparison.gain == pytest.approx(1, abs=1e-9)
    assert comparison.correlation == pytest.approx(1, abs=1e-9)
    # The error counts as rounding noise: the signal's power over that of 16-bit rounding.
    assert comparison.snr_db == pytest.approx(10 * np.log10(0.01 / (2**-30 / 12)), abs=0.2)


@pytest.mark.parametrize("delay", [-4_799, -276, -1, 1, 275, 4_799])
def test_finds_the_delay_with_its_sign(delay):
    audio = noise(0)
    late = np.roll(np.pad(audio, ((0, 0), (5_000, 5_000))), delay)
    comparison = compare_low_bands(late, np.pad(audio, ((0, 0), (5_000, 5_000))), 4_000)
    assert comparison.delay_samples == pytest.approx(delay, abs=0.01)
    assert comparison.gain == pytest.approx(1, abs=1e-6)


def test_finds_half_a_sample():
    spectrum = np.fft.rfft(lowpassed(noise(0)))
    shifted = np.fft.irfft(spectrum * np.exp(-1j * np.pi * np.arange(spectrum.shape[-1]) / 48_000), 48_000)
    # The parabola through a band-limited peak is not quite its shape.
    assert compare_low_bands(shifted, lowpassed(noise(0)), 4_000).delay_samples == pytest.approx(0.5, abs=0.02)


def test_the_gain_is_the_least_squares_one():
    reference = noise(0)
    estimate = 0.5 * reference + 0.1 * noise(1)
    low = [lowpassed(audio) for audio in (estimate, reference)]
    fitted = optimize.minimize_scalar(lambda gain: np.sum((gain * low[0] - low[1]) ** 2)).x
    comparison = compare_low_bands(estimate, reference, 4_000)
    # Their low-pass goes on a little beyond 4 kHz.
    assert comparison.gain == pytest.approx(fitted, rel=0.005)
    assert comparison.gain_matched_snr_db == pytest.approx(20 * np.log10(0.5 / 0.1), abs=0.3)


def test_the_signal_to_noise_ratio_is_that_of_the_low_band():
    frequencies = np.fft.rfftfreq(48_000, 1 / 48_000)

    def band(audio: np.ndarray, f_min: float, f_max: float) -> np.ndarray:
        inside = (frequencies >= f_min) & (frequencies < f_max)
        return np.fft.irfft(np.fft.rfft(audio) * inside, 48_000)

    reference, error = noise(0), 0.1 * noise(1)
    comparison = compare_low_bands(reference + error + band(noise(2), 4_500, 24_000), reference, 4_000)
    expected = 10 * np.log10(np.sum(band(reference, 20, 4_000) ** 2) / np.sum(band(error, 20, 4_000) ** 2))
    # The ends of the signals, which ring on here and begin again there.
    assert comparison.snr_db == pytest.approx(expected, abs=0.05)


def test_an_inaudible_offset_has_no_say():
    reference = noise(0)
    comparison = compare_low_bands(2 * reference - 0.3, reference, 4_000)
    assert comparison.gain == pytest.approx(0.5, abs=0.001)
    assert comparison.correlation > 0.999


def test_inverted_polarity_is_told_by_the_sign_and_is_no_delay():
    comparison = compare_low_bands(-noise(0), noise(0), 4_000)
    assert comparison.delay_samples == pytest.approx(0, abs=1e-6)
    assert comparison.gain == pytest.approx(-1) and comparison.correlation == pytest.approx(-1)


def test_channels_share_delay_and_gain():
    reference = noise(0, 2) * [[1.0], [0.1]]
    estimate = np.roll(reference, 7, axis=-1) / [[2.0], [1.0]]
    comparison = compare_low_bands(estimate, reference, 4_000)
    assert comparison.delay_samples == pytest.approx(7, abs=0.01)
    # The louder channel decides.
    assert comparison.gain == pytest.approx(2, rel=0.05)


def test_unlike_bands_have_no_gain():
    comparison = compare_low_bands(noise(0), noise(1), 4_000)
    assert abs(comparison.correlation) < 0.1
    assert np.isnan([comparison.gain, comparison.gain_matched_snr_db]).all()
    assert comparison.snr_db == pytest.approx(-3, abs=0.5)


@pytest.mark.parametrize("silent", [0, 1])
def test_silence_has_a_ratio_and_nothing_else(silent):
    pair = [noise(0), noise(0)]
    pair[silent] = np.zeros_like(pair[0])
    comparison = compare_low_bands(*pair, 4_000)
    assert np.isnan([comparison.delay_samples, comparison.correlation, comparison.gain]).all()
    assert np.isfinite(comparison.snr_db)


def test_a_single_sample_and_a_band_without_bins_are_taken():
    assert np.isnan(compare_low_bands(np.ones((1, 1)), np.ones((1, 1)), 4_000).gain)
    assert np.isnan(compare_low_bands(noise(0), noise(0), 15).snr_db)
