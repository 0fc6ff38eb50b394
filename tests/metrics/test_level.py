"""Loudness and peak of an estimate beside the reference's."""

import math

import numpy as np
import pytest

from audiosr_pipeline.metrics import loudness_change, loudness_lufs, peak_change_db


def tone(amplitude: float, channels: int = 1, num_samples: int = 48_000) -> np.ndarray:
    return np.tile(amplitude * np.sin(2 * np.pi * 997 * np.arange(num_samples) / 48_000), (channels, 1))


def test_loudness_is_that_of_the_standard():
    # EBU Tech 3341, case 1: a stereo sine of 1 kHz at -23 dBFS has -23 LUFS, within 0.1.
    assert loudness_lufs(tone(10 ** (-23 / 20), channels=2)) == pytest.approx(-23, abs=0.1)


def test_changes_have_the_sign_of_the_estimate():
    assert loudness_change(tone(0.2), tone(0.1)) == pytest.approx(20 * math.log10(2))
    assert peak_change_db(tone(0.2), tone(0.1)) == pytest.approx(20 * math.log10(2))


def test_loudness_that_cannot_be_told_is_nan():
    for estimate, reference in ((np.zeros((1, 48_000)), tone(0.1)), (tone(0.1), np.zeros((1, 48_000)))):
        assert math.isnan(loudness_change(estimate, reference))
    assert math.isnan(loudness_change(tone(0.1, num_samples=19_199), tone(0.1, num_samples=19_199)))
    assert math.isnan(loudness_change(tone(0.1, channels=6), tone(0.1, channels=6)))


def test_silence_peaks_at_one_step_of_16_bit():
    silence = np.zeros((1, 100))
    assert peak_change_db(silence, silence) == 0
    # The samples of the tone come within a thousandth of its peak.
    assert peak_change_db(silence, tone(1.0)) == pytest.approx(-20 * math.log10(2**15), abs=0.01)
