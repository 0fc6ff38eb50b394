"""The order-8 Chebyshev low-pass: its response as measured, against the formula of the filter."""

import numpy as np
import pytest
from scipy import fft, signal

from audiosr_pipeline.dsp.lowpass import lowpass
from tests.signals import level_db, noise, rms, tone

CUTOFFS = [500, 2_000, 4_000, 8_000, 16_000, 22_000]


def response_db(cutoff_freq: float, sampling_rate: int = 48_000) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies, and the measured gain at each."""
    impulse = np.zeros((1, 2**16), np.float32)
    impulse[0, 2**15] = 1
    gain = np.abs(fft.rfft(lowpass(impulse, cutoff_freq, sampling_rate)[0].astype(np.float64)))
    return fft.rfftfreq(2**16, 1 / sampling_rate), 20 * np.log10(np.maximum(gain, 1e-12))


def chebyshev_db(frequencies: np.ndarray, cutoff_freq: float, sampling_rate: int = 48_000) -> np.ndarray:
    """Two passes of an order-8 Chebyshev type I filter of 0.05 dB ripple, by the textbook."""
    ratio = np.tan(np.pi * frequencies / sampling_rate) / np.tan(np.pi * cutoff_freq / sampling_rate)
    polynomial = np.polynomial.chebyshev.chebval(ratio, [0] * 8 + [1])
    return -20 * np.log10(1 + (10 ** (0.05 / 10) - 1) * polynomial**2)


@pytest.mark.parametrize(("cutoff_freq", "sampling_rate"), [*((cutoff, 48_000) for cutoff in CUTOFFS), (3_000, 16_000)])
def test_response_is_the_textbook_s(cutoff_freq, sampling_rate):
    frequencies, measured = response_db(cutoff_freq, sampling_rate)
    # The Nyquist frequency itself, where the formula is infinite, is left out.
    expected = chebyshev_db(frequencies[:-1], cutoff_freq, sampling_rate)
    # Float32 output holds 110 dB.
    heard = expected > -100
    assert np.abs(measured[:-1] - expected)[heard].max() < 0.3
    assert np.abs(measured[:-1] - expected)[expected > -60].max() < 0.01
    assert measured[:-1][~heard].max(initial=-200) < -99


@pytest.mark.parametrize("cutoff_freq", CUTOFFS)
def test_what_it_promises(cutoff_freq):
    frequencies, gain = response_db(cutoff_freq)

    def at(frequency):
        return np.interp(frequency, frequencies, gain)

    # Two passes of 0.05 dB; the response is steep there and is read between two bins.
    assert at(cutoff_freq) == pytest.approx(-0.1, abs=0.02)
    passed = gain[frequencies < cutoff_freq]
    assert passed.max() < 0.01 and passed.min() > -0.11
    # The bilinear transform only makes the skirt steeper than the analogue filter's.
    assert at(min(1.2 * cutoff_freq, 23_900)) < -35
    assert at(min(1.5 * cutoff_freq, 23_900)) < -82


def test_keeps_below_and_removes_above_the_cutoff():
    keep, remove = tone(500), tone(1_500)
    # Half a decibel would be 6 %; the ripple of 0.1 dB is 1.2 %.
    assert rms(lowpass(keep, 1_000) - keep) < 0.015 * rms(keep)
    # The abrupt ends of the tone hold some of what is below the cutoff.
    assert rms(lowpass(remove, 1_000)[:, 4_800:-4_800]) < 1e-4 * rms(remove)


def test_has_no_delay():
    audio = noise(0.5)
    filtered = lowpass(audio, 6_000)
    assert signal.correlate(filtered[0], audio[0], "same").argmax() == audio.shape[-1] // 2
    impulse = np.zeros((1, 2_001), np.float32)
    impulse[0, 1_000] = 1
    response = lowpass(impulse, 6_000)
    # Symmetric in time: no frequency is shifted. Float32 rounds 0.25 at 3e-8.
    assert np.abs(response - response[:, ::-1]).max() < 1e-7


def test_backwards_in_time_is_the_same():
    audio = noise(0.5)
    difference = lowpass(audio, 4_000) - lowpass(audio[:, ::-1].copy(), 4_000)[:, ::-1]
    # The ends are extended before filtering, the first pass begins there with a guess.
    assert level_db(difference) < level_db(audio) - 60
    assert level_db(difference[:, 2_000:-2_000]) < level_db(audio) - 120


def test_agrees_with_one_pass_each_way():
    audio = noise(0.5)
    sections = signal.cheby1(8, 0.05, 5_000 / 24_000, output="sos")
    forward = signal.sosfilt(sections, audio.astype(np.float64))
    expected = signal.sosfilt(sections, forward[:, ::-1])[:, ::-1]
    difference = lowpass(audio, 5_000) - expected
    # But for the ends, which scipy's plain filter takes to be silence.
    assert level_db(difference[:, 4_800:-4_800]) < level_db(audio) - 120


@pytest.mark.parametrize("num_samples", [1, 2, 3, 10, 4_800, 4_801])
def test_short_clips_keep_their_length_and_level(num_samples):
    audio = np.full((2, num_samples), 0.5, np.float32)
    filtered = lowpass(audio, 4_000)
    assert filtered.shape == audio.shape and filtered.dtype == np.float32
    # A constant has no highs; an even order leaves it at the bottom of the ripple, 0.1 dB down.
    assert np.allclose(filtered, audio * 10 ** (-0.1 / 20), rtol=1e-3)


def test_at_the_nyquist_frequency_nothing_is_removed():
    audio = noise(0.1)
    for cutoff_freq in (24_000, 23_990, 30_000):
        assert np.array_equal(lowpass(audio, cutoff_freq), audio)


def test_channels_do_not_mix():
    audio = np.concatenate([noise(0.1), np.zeros((1, 4_800), np.float32), noise(0.1, seed=1)])
    filtered = lowpass(audio, 3_000)
    for channel in range(3):
        assert np.array_equal(filtered[channel : channel + 1], lowpass(audio[channel : channel + 1], 3_000))
    assert not filtered[1].any()


def test_blocks_do_not_show():
    # Three blocks: their edges are at 21.8 and 43.7 s.
    audio = noise(45.0)
    sections = signal.cheby1(8, 0.05, 1_000, fs=48_000, output="sos")
    whole = signal.sosfiltfilt(sections, audio[0]).astype(np.float32)
    # Float32 rounds at -150 dB.
    assert np.abs(lowpass(audio, 1_000) - whole)[:, 4_800:-4_800].max() < 1e-6 * np.abs(whole).max()
