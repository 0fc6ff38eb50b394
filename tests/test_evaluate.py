"""A folder of estimates against a folder of references."""

import csv

import numpy as np
import pytest

from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.evaluate import evaluate
from audiosr_pipeline.metrics import evaluate_pair, round_to_16_bit


def noise(seed: int, num_samples: int = 24_000, channels: int = 1) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, num_samples))).astype(np.float32)


@pytest.fixture
def folders(tmp_path):
    """References and estimates, of which two make a pair."""
    reference, estimate = tmp_path / "reference", tmp_path / "estimate"
    for folder in (reference, estimate):
        (folder / "speech").mkdir(parents=True)
    write_audio(reference / "a.wav", noise(0), 48_000, "FLOAT")
    write_audio(estimate / "a.wav", noise(1), 48_000, "FLOAT")
    write_audio(reference / "speech" / "b.flac", noise(2), 48_000, "PCM_16")
    write_audio(estimate / "speech" / "b.wav", noise(3), 48_000, "PCM_16")
    return reference, estimate


def test_files_are_paired_by_their_path_without_suffix(folders):
    evaluation = evaluate(*folders)
    assert list(evaluation.scores) == ["a", "speech/b"]
    assert (evaluation.skipped, evaluation.only_reference, evaluation.only_estimate) == ({}, [], [])


def test_scores_are_those_of_the_rounded_signals(folders):
    scores = evaluate(*folders, cutoff_freq=8_000).scores["a"]
    expected = evaluate_pair(round_to_16_bit(noise(1)), round_to_16_bit(noise(0)), 8_000)
    assert scores == pytest.approx(expected)


def test_the_sample_format_is_recorded_and_can_be_left_as_read(folders):
    as_read = evaluate(*folders, to_16_bit=False)
    assert as_read.sample_format == "as read"
    assert as_read.scores["a"]["lsd_apbwe"] == pytest.approx(evaluate_pair(noise(1), noise(0))["lsd_apbwe"])
    assert evaluate(*folders).sample_format == "16 bit"


def test_means_are_over_the_clips_that_have_a_score(folders):
    reference, _ = folders
    write_audio(reference / "a.wav", np.zeros((1, 24_000), np.float32), 48_000)
    evaluation = evaluate(*folders, cutoff_freq=8_000)
    means = evaluation.means()
    # A silent reference has no band of its own, so no variance ratio.
    assert means["variance_ratio"] == (evaluation.scores["speech/b"]["variance_ratio"], 1)
    both = [scores["lsd_ssr_eval"] for scores in evaluation.scores.values()]
    assert means["lsd_ssr_eval"] == (pytest.approx(np.mean(both)), 2)
    assert "lsd_ssr_eval" in evaluation.summary() and "samples 16 bit, cutoff 8000 Hz" in evaluation.summary()


def test_both_are_compared_at_48_khz(folders):
    reference, estimate = folders
    audio = noise(4, 22_050)
    write_audio(reference / "a.wav", audio, 44_100, "FLOAT")
    write_audio(estimate / "a.wav", resample(audio, 44_100, 48_000), 48_000, "FLOAT")
    assert evaluate(reference, estimate).scores["a"]["lsd_apbwe"] == 0


def test_a_few_samples_more_are_cut_and_counted_many_are_skipped(folders):
    reference, estimate = folders
    write_audio(estimate / "a.wav", np.pad(noise(0), ((0, 0), (0, 99))), 48_000, "FLOAT")
    evaluation = evaluate(reference, estimate)
    assert evaluation.cut_samples == {"a": 99, "speech/b": 0}
    assert evaluation.scores["a"]["lsd_apbwe"] == 0
    assert "1 cut in length" in evaluation.summary()
    write_audio(estimate / "a.wav", np.pad(noise(0), ((0, 0), (0, 100))), 48_000, "FLOAT")
    evaluation = evaluate(reference, estimate)
    assert evaluation.skipped == {
        "a": "the estimate has 24100 samples at 48000 Hz, the reference 24000; they may differ by fewer than 100."
    }
    assert list(evaluation.scores) == ["speech/b"]


def test_what_cannot_be_scored_is_named_with_its_reason(folders):
    reference, estimate = folders
    write_audio(estimate / "a.wav", noise(0, channels=2), 48_000)
    (estimate / "speech" / "b.wav").write_text("no audio")
    write_audio(reference / "alone.wav", noise(0), 48_000)
    write_audio(estimate / "extra.wav", noise(0), 48_000)
    for folder in folders:
        write_audio(folder / "short.wav", noise(0, 1_000), 48_000)
    evaluation = evaluate(reference, estimate)
    assert evaluation.scores == {}
    assert evaluation.skipped["a"] == "the estimate has 2 channels, the reference 1."
    assert "b.wav: not readable as audio" in evaluation.skipped["speech/b"]
    assert "1000 samples" in evaluation.skipped["short"]
    assert (evaluation.only_reference, evaluation.only_estimate) == (["alone"], ["extra"])
    assert "3 skipped, 1 without an estimate, 1 without a reference" in evaluation.summary()


def test_the_csv_file_says_how_each_clip_was_measured(folders, tmp_path):
    evaluation = evaluate(*folders)
    evaluation.write_csv(tmp_path / "scores.csv")
    with open(tmp_path / "scores.csv", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["name"], second["name"]) == ("a", "speech/b")
    assert (first["sample_format"], first["cutoff_freq"], first["cut_samples"]) == ("16 bit", "", "0")
    assert float(first["lsd_apbwe"]) == pytest.approx(evaluation.scores["a"]["lsd_apbwe"], rel=1e-5)
    assert first["variance_ratio"] == ""


def test_folders_that_cannot_be_compared_are_refused(folders, tmp_path):
    reference, estimate = folders
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        evaluate(tmp_path / "nowhere", estimate)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no audio files"):
        evaluate(reference, tmp_path / "empty")
    with pytest.raises(ValueError, match=r"no file of .*reference \(2 audio files\) has the name of one of .*speech"):
        evaluate(reference, estimate / "speech")
    with pytest.raises(ValueError, match="cutoff_freq=24000 Hz is not between 0 and 24000.0 Hz"):
        evaluate(reference, estimate, cutoff_freq=24_000)
    write_audio(reference / "a.flac", noise(0), 48_000)
    with pytest.raises(ValueError, match="a.flac and .*a.wav have the same name"):
        evaluate(reference, estimate)
