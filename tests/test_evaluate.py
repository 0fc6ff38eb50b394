"""A folder of estimates against a folder of references."""

import csv

import numpy as np
import pytest
import soundfile

from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.csv_files import original
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.evaluate import TABLES, Evaluation, evaluate, summary, write_tables
from audiosr_pipeline.evaluation_figure import FIGURES, save_figures
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
    assert scores == pytest.approx(expected, nan_ok=True)


def test_the_sample_format_is_recorded_and_can_be_left_as_read(folders):
    as_read = evaluate(*folders, to_16_bit=False)
    assert as_read.sample_format == "as read"
    assert as_read.scores["a"]["lsd_apbwe"] == pytest.approx(evaluate_pair(noise(1), noise(0))["lsd_apbwe"])
    assert evaluate(*folders).sample_format == "16 bit"


def rows_of(path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_means_are_over_the_clips_that_have_a_score(folders):
    reference, _ = folders
    write_audio(reference / "a.wav", np.zeros((1, 24_000), np.float32), 48_000)
    evaluation = evaluate(*folders, cutoff_freq=8_000)
    means = evaluation.means()
    # A silent reference has no band of its own, so no variance ratio.
    ratio = means["variance_ratio"]
    assert (ratio.value, ratio.num_clips) == (evaluation.scores["speech/b"]["variance_ratio"], 1)
    both = [scores["lsd_ssr_eval"] for scores in evaluation.scores.values()]
    distance = means["lsd_ssr_eval"]
    assert (distance.value, distance.num_clips) == (pytest.approx(np.mean(both)), 2)
    assert (distance.low, distance.high) == (pytest.approx(min(both)), pytest.approx(max(both)))


def test_an_all_zero_reference_is_scored_and_counted(folders):
    reference, _ = folders
    write_audio(reference / "a.wav", np.zeros((1, 24_000), np.float32), 48_000)
    evaluation = evaluate(*folders, cutoff_freq=8_000)
    assert evaluation.scores["a"]["lsd_ssr_eval"] == pytest.approx(12)
    assert not any(map(np.isinf, evaluation.scores["a"].values()))
    assert "1 with a silent reference" in evaluation.account()


def test_differences_are_clip_by_clip_over_the_clips_of_both(folders):
    first = evaluate(*folders)
    second = Evaluation(
        **vars(first) | {"scores": {n: {k: v + 1 for k, v in s.items()} for n, s in first.scores.items()}}
    )
    difference = second.differences(first)["lsd_apbwe"]
    # The clips differ, their differences don't.
    assert (difference.value, difference.low, difference.high) == pytest.approx((1, 1, 1))
    assert difference.num_clips == 2
    del second.scores["a"]
    assert second.differences(first)["lsd_apbwe"].num_clips == 1
    assert "reference_edge_freq" not in second.differences(first)


def test_the_summary_says_how_it_was_measured_and_compares_with_the_first(folders):
    evaluation = evaluate(*folders, cutoff_freq=8_000)
    text = summary({"one": evaluation})
    assert "samples 16 bit, cutoff 8000 Hz" in text and "lsd_hf_universr" in text
    assert "difference to" not in text
    text = summary({"one": evaluation, "other": evaluation})
    assert "difference to one" in text and "+0.00 [+0.00, +0.00]" in text
    assert summary({"one": evaluation}, seed=3) == summary({"one": evaluation}, seed=3)


def test_shifts_and_inverted_polarity_are_reported_and_left_as_they_are(folders):
    reference, estimate = folders
    audio = noise(0)
    write_audio(estimate / "a.wav", np.roll(audio, 275, axis=-1), 48_000, "FLOAT")
    write_audio(estimate / "speech" / "b.wav", -noise(2), 48_000, "PCM_16")
    evaluation = evaluate(reference, estimate)
    assert evaluation.scores["a"]["delay_samples"] == pytest.approx(275, abs=0.01)
    assert evaluation.scores["a"]["lsd_apbwe"] > 0.1
    account = evaluation.account()
    assert "1 shifted, most a: 275.0 samples late" in account
    assert "1 of inverted polarity, such as speech/b" in account


def test_both_are_compared_at_48_khz(folders):
    reference, estimate = folders
    audio = noise(4, 22_050)
    write_audio(reference / "a.wav", audio, 44_100, "FLOAT")
    write_audio(estimate / "a.wav", resample(audio, 44_100, 48_000), 48_000, "FLOAT")
    evaluation = evaluate(reference, estimate)
    assert evaluation.scores["a"]["lsd_apbwe"] == 0
    assert evaluation.file_formats["a"] == ("FLOAT at 44100 Hz", "FLOAT at 48000 Hz")
    assert "1 of unequal rates" in evaluation.account()


def test_a_few_samples_more_are_cut_and_counted_many_are_skipped(folders):
    reference, estimate = folders
    write_audio(estimate / "a.wav", np.pad(noise(0), ((0, 0), (0, 99))), 48_000, "FLOAT")
    evaluation = evaluate(reference, estimate)
    assert evaluation.cut_samples == {"a": 99, "speech/b": 0}
    assert evaluation.scores["a"]["lsd_apbwe"] == 0
    assert "1 cut in length" in evaluation.account()
    write_audio(estimate / "a.wav", np.pad(noise(0), ((0, 0), (0, 100))), 48_000, "FLOAT")
    evaluation = evaluate(reference, estimate)
    assert evaluation.skipped == {
        "a": "the estimate has 24100 samples at 48000 Hz, the reference 24000; they may differ by fewer than 100."
    }
    assert list(evaluation.scores) == ["speech/b"]
    assert evaluate(reference, estimate, length_tolerance=101).cut_samples["a"] == 100


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
    assert evaluation.skipped["a"].startswith("the estimate has 2 channels, the reference 1; make them equal")
    assert "b.wav: not readable as audio" in evaluation.skipped["speech/b"]
    assert "1000 samples" in evaluation.skipped["short"]
    assert (evaluation.only_reference, evaluation.only_estimate) == (["alone"], ["extra"])
    assert "3 skipped, 1 without an estimate, 1 without a reference" in evaluation.account()
    assert evaluation.unscored().keys() == {"a", "speech/b", "short", "alone", "extra"}


def test_samples_that_are_no_numbers_are_skipped(folders):
    _, estimate = folders
    audio = noise(1)
    audio[0, 100] = np.nan
    soundfile.write(estimate / "a.wav", audio.T, 48_000, subtype="FLOAT")
    assert evaluate(*folders).skipped == {"a": "estimate holds NaN or infinite samples."}


def test_the_tables_say_how_each_clip_was_measured(folders, tmp_path):
    evaluation = evaluate(*folders)
    evaluation.only_reference.append("alone")
    write_tables({"one": evaluation, "other": evaluation}, tmp_path / "results")
    scores, means, differences, skipped = (rows_of(tmp_path / "results" / name) for name in TABLES)
    assert [(row["system"], row["name"]) for row in scores] == [
        *(("one", "a"), ("one", "speech/b")),
        *(("other", "a"), ("other", "speech/b")),
    ]
    first = scores[0]
    assert (first["sample_format"], first["cutoff_freq"], first["cut_samples"]) == ("16 bit", "", "0")
    assert (first["reference_file"], first["estimate_file"]) == ("FLOAT at 48000 Hz", "FLOAT at 48000 Hz")
    assert float(first["lsd_apbwe"]) == pytest.approx(evaluation.scores["a"]["lsd_apbwe"], rel=1e-5)
    assert first["variance_ratio"] == ""
    mean = next(row for row in means if (row["system"], row["score"]) == ("other", "lsd_apbwe"))
    assert float(mean["mean"]) == pytest.approx(evaluation.means()["lsd_apbwe"].value, rel=1e-5)
    assert float(mean["low"]) < float(mean["mean"]) < float(mean["high"]) and mean["clips"] == "2"
    assert {(row["system"], row["minus"], row["mean"]) for row in differences} == {("other", "one", "0")}
    assert ("one", "alone", "has no estimate") in [tuple(row.values()) for row in skipped]


def test_a_table_that_cannot_be_written_leaves_no_half_of_it(folders, tmp_path, monkeypatch):
    evaluation = evaluate(*folders)
    write_tables({"one": evaluation}, tmp_path / "results")
    before = (tmp_path / "results" / "scores.csv").read_text()
    del evaluation.file_formats["speech/b"]
    with pytest.raises(KeyError):
        write_tables({"one": evaluation}, tmp_path / "results")
    assert (tmp_path / "results" / "scores.csv").read_text() == before
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == sorted(TABLES)


def test_figures_are_drawn_of_what_there_is(folders, tmp_path):
    evaluation = evaluate(*folders, cutoff_freq=8_000)
    save_figures({"one": evaluation}, tmp_path / "one")
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["scores.png"]
    save_figures({"$a$": evaluation, "b": evaluation, "c": evaluation}, tmp_path / "three")
    for name in FIGURES:
        assert (tmp_path / "three" / name).read_bytes().startswith(b"\x89PNG")
    nothing = Evaluation(**vars(evaluation) | {"scores": {}})
    save_figures({"a": nothing, "b": nothing}, tmp_path / "none")
    assert list((tmp_path / "none").iterdir()) == []


def test_folders_that_cannot_be_compared_are_refused(folders, tmp_path):
    reference, estimate = folders
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        evaluate(tmp_path / "nowhere", estimate)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no audio files"):
        evaluate(reference, tmp_path / "empty")
    with pytest.raises(
        ValueError, match=r"no file of .*reference \(2 audio files\) has the name of one of .*such as 'a' and 'b'"
    ):
        evaluate(reference, estimate / "speech")
    with pytest.raises(ValueError, match="cutoff_freq=24000 Hz is not between 0 and 24000.0 Hz"):
        evaluate(reference, estimate, cutoff_freq=24_000)
    write_audio(reference / "a.flac", noise(0), 48_000)
    with pytest.raises(ValueError, match="a.flac and .*a.wav have the same name"):
        evaluate(reference, estimate)


def test_names_of_files_and_systems_do_nothing_in_a_spreadsheet(tmp_path):
    for folder in ("reference", "estimate"):
        (tmp_path / folder).mkdir()
        for name in ("=1+1", "@a", "-x+y"):
            write_audio(tmp_path / folder / f"{name}.wav", np.full((1, 4_800), 0.1, np.float32), 48_000)
    (tmp_path / "estimate/=2.wav").write_bytes(b"")
    (tmp_path / "reference/=2.wav").write_bytes(b"")
    write_tables({"=cmd": evaluate(tmp_path / "reference", tmp_path / "estimate")}, tmp_path / "tables")
    names = set()
    for path in (tmp_path / "tables").iterdir():
        with open(path, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                assert not any(value.startswith(("=", "@", "-x")) for value in row.values()), (path.name, row)
                names |= {original(row[field]) for field in ("name", "system") if field in row}
    assert names == {"=1+1", "@a", "-x+y", "=2", "=cmd"}
