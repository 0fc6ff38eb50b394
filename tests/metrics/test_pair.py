"""All metrics of one clip."""

import math

import numpy as np
import pytest
from scipy import signal

from audiosr_pipeline.metrics import evaluate_pair, log_spectral_distance, round_to_16_bit

CLIFF = signal.cheby1(8, 0.05, 15_000, fs=48_000, output="sos")


def noise(seed: int, channels: int = 1) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((channels, 48_000))


def test_every_score_is_named_and_none_hides_its_convention():
    scores = evaluate_pair(noise(0), noise(1), 8_000)
    bands = ("lsd", "lsd_lf", "lsd_hf", "lsd_below_edge", "lsd_hf_below_edge")
    assert list(scores) == [
        *(f"{band}_{convention}" for convention in ("ssr_eval", "apbwe") for band in bands),
        "energy_error_db",
        "variance_ratio",
        "energy_error_db_8000_16000",
        "energy_error_db_16000_24000",
        "reference_edge_freq",
        "reference_silent",
    ]
    assert not any(map(math.isnan, scores.values()))


def test_what_lies_above_the_truths_own_edge_does_not_count_below_it():
    truth = noise(0)
    recorded = round_to_16_bit(signal.sosfiltfilt(CLIFF, truth))
    scores = evaluate_pair(round_to_16_bit(truth), recorded, 4_000)
    assert scores["reference_edge_freq"] == pytest.approx(15_000, abs=500)
    assert scores["lsd_hf_apbwe"] > 2
    # The filter's own pass band ripple is left, and the first bins of its slope where the edge is found late.
    assert scores["lsd_hf_below_edge_apbwe"] < 0.1
    assert scores["variance_ratio"] == pytest.approx(1, abs=0.05)
    assert scores["energy_error_db_16000_24000"] > 40


def test_the_error_per_octave_keeps_its_sign_and_the_mean_does_not():
    scores = evaluate_pair(0.5 * noise(0), noise(0), 4_000)
    assert scores["energy_error_db_4000_8000"] == pytest.approx(-6.02, abs=0.01)
    assert scores["energy_error_db"] == pytest.approx(6.02, abs=0.01)


def test_a_stereo_score_is_the_mean_of_its_channels():
    estimate, reference = noise(0, 2), noise(1, 2)
    expected = np.mean([log_spectral_distance(estimate[[i]], reference[[i]], "apbwe").item() for i in range(2)])
    assert evaluate_pair(estimate, reference)["lsd_apbwe"] == pytest.approx(expected)


def test_without_a_cutoff_there_is_no_new_band_to_score():
    scores = evaluate_pair(noise(0), noise(1))
    unknown = {name for name, score in scores.items() if math.isnan(score)}
    assert unknown == {
        *(f"{band}_{name}" for band in ("lsd_lf", "lsd_hf", "lsd_hf_below_edge") for name in ("ssr_eval", "apbwe")),
        "energy_error_db",
        "variance_ratio",
    }


def test_a_silent_reference_has_defined_scores():
    silence = np.zeros((1, 48_000))
    scores = evaluate_pair(noise(0), silence, 4_000)
    assert scores["lsd_ssr_eval"] == pytest.approx(12)
    assert scores["reference_silent"] == 1
    assert scores["reference_edge_freq"] == 0
    assert math.isnan(scores["variance_ratio"]) and math.isnan(scores["lsd_below_edge_apbwe"])
    assert not any(map(math.isinf, scores.values()))


def test_a_cutoff_out_of_range_is_refused():
    with pytest.raises(ValueError, match="cutoff_freq=24000 Hz"):
        evaluate_pair(noise(0), noise(1), 24_000)
