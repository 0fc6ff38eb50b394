"""Band-limited resampling: lengths, levels, times, and nothing that wasn't there."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from audiosr_pipeline.dsp.resample import resample, resampled_length
from tests.signals import band_limited, level_db, noise, tone

RATES = [4_000, 8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000]
# The ends of a clip ring, because it begins and ends abruptly.
EDGE_S = 0.1


def middle(audio: np.ndarray, sampling_rate: int) -> np.ndarray:
    edge = round(EDGE_S * sampling_rate)
    return audio[:, edge:-edge]


@settings(max_examples=100, deadline=None)
@given(
    sampling_rate=st.one_of(st.sampled_from(RATES), st.integers(4_000, 192_000)),
    target_rate=st.sampled_from([16_000, 44_100, 48_000]),
    num_samples=st.integers(1, 3_000),
)
def test_length_is_exact(sampling_rate, target_rate, num_samples):
    audio = np.random.default_rng(num_samples).standard_normal((2, num_samples)).astype(np.float32)
    resampled = resample(audio, sampling_rate, target_rate)
    # In exact fractions; halves go to the even number.
    expected = round(Fraction(num_samples * target_rate, sampling_rate))
    assert resampled.shape == (2, expected)
    assert expected == resampled_length(num_samples, sampling_rate, target_rate)
    assert resampled.dtype == np.float32
    assert np.isfinite(resampled).all()


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("sampling_rate", RATES)
def test_a_tone_stays_the_same_tone(sampling_rate, share):
    """Its level, pitch and phase, against the tone written down at 48 kHz."""
    frequency = share * min(sampling_rate, 48_000) / 2
    resampled = middle(resample(tone(frequency, 0.48, sampling_rate), sampling_rate, 48_000), 48_000)
    expected = middle(tone(frequency, 0.48), 48_000)
    gain = np.vdot(resampled, expected) / np.vdot(expected, expected)
    assert 20 * np.log10(gain) == pytest.approx(0, abs=0.01)
    # What is left: images, aliases, a delay. Float32 rounds at -150 dB.
    assert level_db(resampled - gain * expected) < level_db(expected) - 90


@pytest.mark.parametrize("sampling_rate", [4_000, 16_000, 22_050, 44_100])
def test_nothing_appears_above_the_old_nyquist_frequency(sampling_rate):
    nyquist = sampling_rate / 2
    # Filled up to 0.9: an image lies as far above the Nyquist frequency as its tone lies below.
    audio = band_limited(noise(1.0, sampling_rate), 0.9 * nyquist, sampling_rate)
    resampled = middle(resample(audio, sampling_rate, 48_000), 48_000)
    frequencies, power = signal.welch(resampled[0].astype(np.float64), 48_000, ("kaiser", 18), 4_096)
    assert power[frequencies > 1.02 * nyquist].max() < 1e-9 * power.max()


@pytest.mark.parametrize("frequency", [8_100, 9_000, 15_000, 23_000])
def test_what_the_new_rate_cannot_hold_is_removed_not_folded(frequency):
    audio = tone(frequency, 0.5)
    assert level_db(middle(resample(audio, 48_000, 16_000), 16_000)) < level_db(audio) - 90


def test_ultrasound_is_removed_not_folded():
    audio = tone(30_000, 0.5, 192_000)
    assert level_db(middle(resample(audio, 192_000, 48_000), 48_000)) < level_db(audio) - 90


@pytest.mark.parametrize(("up", "down"), [(3, 1), (1, 3), (160, 147)])
def test_agrees_with_a_long_polyphase_filter(up, down):
    sampling_rate = 48_000 * down // up
    nyquist = min(sampling_rate, 48_000) / 2
    audio = band_limited(noise(0.48, sampling_rate), 0.85 * nyquist, sampling_rate)
    # Flat up to 0.85 and closed from 1.0 of the lower Nyquist frequency, 120 dB down.
    taps = signal.firwin(320 * max(up, down) + 1, 0.925 / max(up, down), window=("kaiser", 12.0))
    expected = signal.resample_poly(audio.astype(np.float64), up, down, axis=-1, window=taps)
    ours = resample(audio, sampling_rate, 48_000)
    difference = ours - expected[:, : ours.shape[-1]]
    # Pass bands that differ by 0.001 dB differ at -80 dB.
    assert level_db(middle(difference, 48_000)) < level_db(audio) - 80


def test_equal_rates_change_nothing():
    audio = noise(0.1)
    assert np.array_equal(resample(audio, 48_000, 48_000), audio)


def test_channels_do_not_mix():
    audio = np.concatenate([tone(440, 0.2, 16_000), np.zeros((1, 3_200), np.float32)])
    resampled = resample(audio, 16_000, 48_000)
    assert np.array_equal(resampled[:1], resample(audio[:1], 16_000, 48_000))
    assert not resampled[1].any()
