"""The correlation of a band's level over time with the truth's."""

import numpy as np
import pytest

from audiosr_pipeline.metrics import envelope_correlation
from tests.signals import noise

BAND = (4_000.0, 24_000.0)


def strokes(period_s: float = 0.2, decay_s: float = 0.02, seed: int = 0) -> np.ndarray:
    """Noise that is struck again and again."""
    time_s = np.arange(96_000) / 48_000
    return noise(2.0, 48_000, seed) * np.exp(-(time_s % period_s) / decay_s)


def test_the_truth_at_any_gain_has_1_and_other_noise_of_its_course_nearly():
    truth = strokes()
    assert envelope_correlation(0.3 * truth, truth, *BAND).item() == pytest.approx(1, abs=1e-3)
    # The level of 427 bins of noise in a frame has a standard deviation of 0.3 dB, against 20 dB of the strokes'.
    assert envelope_correlation(strokes(seed=1), truth, *BAND).item() > 0.98


def test_steady_noise_and_an_empty_band_have_none():
    assert abs(envelope_correlation(noise(2.0, 48_000, 1), strokes(), *BAND).item()) < 0.2
    assert envelope_correlation(np.zeros((1, 96_000)), strokes(), *BAND).item() == 0


def test_smeared_and_late_strokes_lose():
    truth = strokes()
    smeared = noise(2.0, 48_000, 1) * np.exp(-(np.arange(96_000) / 48_000 % 0.2) / 0.1)
    late = np.roll(truth, 4_800, axis=-1)
    assert envelope_correlation(late, truth, *BAND).item() < 0
    # As straight a line in dB, but for the window's 21 ms at each stroke.
    assert 0.5 < envelope_correlation(smeared, truth, *BAND).item() < 0.99


def test_silence_and_what_lies_outside_the_band_have_no_say():
    truth = strokes()
    silent = np.concatenate([truth, np.zeros((1, 96_000))], axis=-1)
    invented = np.concatenate([truth, noise(2.0, 48_000)], axis=-1)
    # But for the frames at the border.
    assert envelope_correlation(invented, silent, *BAND).item() > 0.97
    hum = np.sin(2 * np.pi * 1_000 * np.arange(96_000) / 48_000)
    assert envelope_correlation(truth + 0.1 * hum, truth, *BAND).item() > 0.99


@pytest.mark.parametrize("reference", [np.zeros((1, 48_000)), strokes()[:, :2_400]])
def test_nothing_to_compare_is_nan(reference):
    assert np.isnan(envelope_correlation(noise(reference.shape[-1] / 48_000), reference, *BAND).item())


def test_each_example_has_its_own():
    truth = np.concatenate([strokes(), strokes(0.3)])
    scores = envelope_correlation(np.concatenate([truth[:1], noise(2.0, 48_000)]), truth, *BAND)
    assert scores[0] > 0.99 and abs(scores[1]) < 0.2


def test_a_band_without_bins_is_refused():
    with pytest.raises(ValueError, match="holds none of the FFT's bins, 46.9 Hz apart"):
        envelope_correlation(strokes(), strokes(), 4_010, 4_020)
