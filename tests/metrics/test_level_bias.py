"""How much louder a band is, moment by moment."""

import numpy as np
import pytest

from audiosr_pipeline.metrics import level_bias
from tests.signals import noise

BANDS = [(4_000.0, 8_000.0), (8_000.0, 16_000.0), (16_000.0, 24_000.0)]


def test_a_gain_is_the_bias_of_each_band():
    assert level_bias(0.5 * noise(1.0), noise(1.0), BANDS)[0].tolist() == pytest.approx([-6.02] * 3, abs=0.01)


def test_each_moment_counts_alike():
    """Half the time 40 dB down and there 12 dB too quiet: -6 dB, where the energy is right to a hundredth."""
    course = np.repeat([1.0, 0.01], 48_000)
    truth = noise(2.0, 48_000) * course
    estimate = truth * np.repeat([1.0, 0.25], 48_000)
    assert level_bias(estimate, truth, BANDS)[0].tolist() == pytest.approx([-6.0] * 3, abs=0.3)


def test_silence_of_the_truth_does_not_count_and_of_the_estimate_is_as_loud_as_rounding_noise():
    truth = np.concatenate([noise(1.0, 48_000), np.zeros((1, 48_000))], axis=-1)
    assert level_bias(2 * truth + 1e-3 * noise(2.0, 48_000, 1), truth, BANDS)[0, 1].item() == pytest.approx(6, abs=0.5)
    rms_db = 10 * np.log10(np.square(noise(1.0, 48_000)).mean())
    # A step of 2^-15 has noise of its 12th root below.
    expected = 20 * np.log10(2**-15 / np.sqrt(12)) - rms_db
    assert level_bias(np.zeros_like(truth), truth, [(4_000.0, 24_000.0)]).item() == pytest.approx(expected, abs=1.5)


def test_a_truth_without_anything_there_is_nan():
    assert level_bias(noise(1.0), 0 * noise(1.0), BANDS).isnan().all()
