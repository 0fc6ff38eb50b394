"""All metrics of one clip."""

import math

import numpy as np
import pytest
from scipy import signal

from audiosr_pipeline.metrics import evaluate_pair, log_spectral_distance, round_to_16_bit

CONVENTIONS = ("ssr_eval", "apbwe", "universr")
BANDS = ("lsd", "lsd_lf", "lsd_hf", "lsd_below_edge", "lsd_hf_below_edge", "lsd_above_edge")
ABOVE_EDGE = {f"lsd_above_edge_{name}{suffix}" for name in CONVENTIONS for suffix in ("", "_gain_matched")}
CLIFF = signal.cheby1(8, 0.05, 15_000, fs=48_000, output="sos")


def noise(seed: int, channels: int = 1) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((channels, 48_000))


def test_every_score_is_named_and_none_hides_its_convention():
    # One low band, or nothing could be matched.
    scores = evaluate_pair(noise(0) + 0.1 * noise(1), noise(0), 8_000)
    assert list(scores) == [
        *(
            f"{band}_{convention}{suffix}"
            for convention in CONVENTIONS
            for suffix in ("", "_gain_matched")
            for band in BANDS
        ),
        "energy_error_db",
        "energy_error_below_edge_db",
        "top_energy_error_db",
        "energy_error_db_8000_16000",
        "energy_error_db_16000_24000",
        "level_bias_db",
        "level_bias_db_8000_16000",
        "level_bias_db_16000_24000",
        "envelope_correlation",
        "variance_ratio",
        "low_band_snr_db",
        "low_band_snr_db_gain_matched",
        "low_band_correlation",
        "delay_samples",
        "matching_gain_db",
        "loudness_change_lu",
        "peak_change_db",
        "reference_edge_freq",
        "reference_silent",
    ]
    # White noise has no edge below the highest bin.
    assert {name for name, score in scores.items() if math.isnan(score)} == ABOVE_EDGE


def test_what_lies_above_the_truths_own_edge_does_not_count_below_it():
    truth = noise(0)
    recorded = round_to_16_bit(signal.sosfiltfilt(CLIFF, truth))
    scores = evaluate_pair(round_to_16_bit(truth), recorded, 4_000)
    assert scores["reference_edge_freq"] == pytest.approx(15_000, abs=500)
    assert scores["lsd_hf_apbwe"] > 2
    # The filter's own pass band ripple is left, and the first bins of its slope where the edge is found late.
    assert scores["lsd_hf_below_edge_apbwe"] < 0.1
    assert scores["lsd_above_edge_apbwe"] > 4
    assert scores["variance_ratio"] == pytest.approx(1, abs=0.05)
    assert scores["energy_error_db_16000_24000"] > 40 and scores["energy_error_db"] > 13
    assert scores["energy_error_below_edge_db"] < 0.1
    # The recording doesn't reach 16-20 kHz.
    assert math.isnan(scores["top_energy_error_db"])


def test_the_top_is_16_to_20_khz_with_its_sign():
    truth = noise(0)
    quieter = truth - 0.5 * signal.sosfiltfilt(
        signal.butter(10, [15_000, 21_000], "bandpass", fs=48_000, output="sos"), truth
    )
    # The filter, run twice, is within 0.05 dB of flat at 16 and 20 kHz.
    assert evaluate_pair(quieter, truth, 8_000)["top_energy_error_db"] == pytest.approx(-6.02, abs=0.05)
    # Part of it was given.
    assert math.isnan(evaluate_pair(quieter, truth, 17_000)["top_energy_error_db"])


def test_the_error_per_octave_keeps_its_sign_and_the_mean_does_not():
    scores = evaluate_pair(0.5 * noise(0), noise(0), 4_000)
    assert scores["energy_error_db_4000_8000"] == pytest.approx(-6.02, abs=0.01)
    assert scores["energy_error_db"] == pytest.approx(6.02, abs=0.01)


def test_the_level_bias_is_of_octaves_that_the_truth_reaches_and_keeps_its_sign():
    recorded = signal.sosfiltfilt(CLIFF, noise(0))
    scores = evaluate_pair(0.5 * recorded, recorded, 4_000)
    for name in ("level_bias_db", "level_bias_db_4000_8000", "level_bias_db_8000_16000"):
        assert scores[name] == pytest.approx(-6.02, abs=0.01)
    assert math.isnan(scores["level_bias_db_16000_24000"])
    assert scores["envelope_correlation"] == pytest.approx(1, abs=0.001)


def test_a_stereo_score_is_the_mean_of_its_channels():
    estimate, reference = noise(0, 2), noise(1, 2)
    expected = np.mean([log_spectral_distance(estimate[[i]], reference[[i]], "apbwe").item() for i in range(2)])
    assert evaluate_pair(estimate, reference)["lsd_apbwe"] == pytest.approx(expected)


def test_without_a_cutoff_there_is_no_new_band_to_score():
    scores = evaluate_pair(noise(0), noise(1))
    unknown = {name for name, score in scores.items() if math.isnan(score)}
    assert unknown == {
        *(f"{band}_{name}" for band in ("lsd_lf", "lsd_hf", "lsd_hf_below_edge") for name in CONVENTIONS),
        *(f"{band}_{name}_gain_matched" for band in BANDS for name in CONVENTIONS),
        *ABOVE_EDGE,
        "energy_error_db",
        "energy_error_below_edge_db",
        "top_energy_error_db",
        "level_bias_db",
        "envelope_correlation",
        "variance_ratio",
        "low_band_snr_db",
        "low_band_snr_db_gain_matched",
        "matching_gain_db",
    }


def test_a_silent_reference_has_defined_scores():
    silence = np.zeros((1, 48_000))
    scores = evaluate_pair(noise(0), silence, 4_000)
    assert scores["lsd_ssr_eval"] == pytest.approx(12)
    assert scores["reference_silent"] == 1
    assert scores["reference_edge_freq"] == 0
    assert math.isnan(scores["variance_ratio"]) and math.isnan(scores["lsd_below_edge_apbwe"])
    assert math.isnan(scores["matching_gain_db"]) and math.isnan(scores["lsd_apbwe_gain_matched"])
    assert not any(map(math.isinf, scores.values()))


@pytest.mark.parametrize("silent", ["estimate", "reference", "both"])
@pytest.mark.parametrize("cutoff_freq", [None, 15, 4_000])
def test_digital_silence_never_gives_infinity(silent, cutoff_freq):
    silence = np.zeros((1, 48_000))
    estimate = noise(0) if silent == "reference" else silence
    reference = noise(0) if silent == "estimate" else silence
    assert not any(map(math.isinf, evaluate_pair(estimate, reference, cutoff_freq).values()))


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_level_error_alone_costs_nothing_once_the_gain_is_matched(convention):
    # Even, so that doubling is exact.
    truth = 2 * round_to_16_bit(noise(0))
    scores = evaluate_pair(0.5 * truth, truth, 4_000)
    assert scores[f"lsd_{convention}"] == pytest.approx(0.602, abs=0.001)
    assert scores[f"lsd_{convention}_gain_matched"] == pytest.approx(0, abs=1e-6)
    assert scores["matching_gain_db"] == pytest.approx(6.02, abs=0.01)
    assert scores["loudness_change_lu"] == pytest.approx(-6.02, abs=0.01)
    assert scores["peak_change_db"] == pytest.approx(-6.02, abs=0.01)


def test_the_gain_is_that_of_the_low_band_and_the_new_band_has_no_say():
    low = signal.sosfiltfilt(CLIFF, noise(0))
    loud = low + 10 * (noise(1) - signal.sosfiltfilt(CLIFF, noise(1)))
    scores = evaluate_pair(loud, low, 8_000)
    # The filter's ripple leaves a hundredth of the loud noise below.
    assert scores["matching_gain_db"] == pytest.approx(0, abs=0.1)
    assert scores["lsd_hf_apbwe_gain_matched"] == pytest.approx(scores["lsd_hf_apbwe"], abs=0.01)


def test_matched_scores_are_nan_where_no_gain_makes_the_low_bands_alike():
    scores = evaluate_pair(noise(0), noise(1), 8_000)
    assert abs(scores["low_band_correlation"]) < 0.1
    assert all(math.isnan(scores[f"{band}_apbwe_gain_matched"]) for band in BANDS)


def test_a_cutoff_out_of_range_is_refused():
    with pytest.raises(ValueError, match="cutoff_freq=24000 Hz"):
        evaluate_pair(noise(0), noise(1), 24_000)
