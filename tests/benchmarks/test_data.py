"""What the table is measured on: that it is all there, or what is said; how inputs are made; what is left out."""

import csv
import logging
from pathlib import Path

import numpy as np
import pytest

from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.metrics import round_to_16_bit
from benchmarks.baselines.systems import Unprocessed, outputs_in
from benchmarks.data import export, recordings
from benchmarks.data.demos import LEFT_OUT, demo, left_out, reason_left_out
from benchmarks.data.entries import CUTOFF_FREQS, LOWPASSES, ssr_eval_lowpass
from benchmarks.data.find import find_entries
from benchmarks.data.recordings import IncompleteDataError
from tests.signals import band_limited, noise, rms

CLIP = noise(0.1, seed=1)


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_audio(path, CLIP, 48_000)


@pytest.fixture
def esc50(tmp_path) -> Path:
    """Two classes of two clips in fold 5, and one in fold 1, where ESC-50 has 50 and 8."""
    rows = [(f"5-{index}-A-{index % 2}.wav", "5", ("dog", "rain")[index % 2]) for index in range(4)]
    rows.append(("1-9-A-0.wav", "1", "dog"))
    for name, _, _ in rows:
        write(tmp_path / "ESC-50" / "audio" / name)
    (tmp_path / "ESC-50" / "meta").mkdir()
    with (tmp_path / "ESC-50" / "meta" / "esc50.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("filename", "fold", "category"), *rows])
    return tmp_path / "ESC-50"


def test_esc50_is_fold_5_at_three_cutoffs(esc50, monkeypatch):
    monkeypatch.setattr(recordings, "ESC50_CLASSES", 2)
    monkeypatch.setattr(recordings, "ESC50_CLIPS_OF_A_CLASS", 2)
    entries = find_entries(str(esc50), "paper")
    assert len({entry.name for entry in entries}) == len(entries) == 3 * 4
    assert {entry.cutoff_freq for entry in entries} == {4_000, 8_000, 16_000}
    assert entries[0].name == "esc50/paper/4000/5-0-A-0" and entries[0].kind == "effects"
    (esc50 / "audio" / "5-2-A-0.wav").unlink()
    with pytest.raises(IncompleteDataError, match="1 of 4 files of ESC-50 are missing, the first .*5-2-A-0.wav"):
        find_entries(str(esc50))


def test_another_fold_5_than_esc50s_is_refused(esc50):
    with pytest.raises(IncompleteDataError, match="4 clips of 2 classes .* has to be 8 of each of 50"):
        find_entries(str(esc50))


def test_vctk_is_the_test_speakers_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(recordings, "VCTK_SPEAKERS", {"p360": 2, "s5": 1})
    names = ["p360_001_mic1", "p360_003_mic1", "s5_001_mic1"]
    monkeypatch.setattr(recordings, "VCTK_DIGEST", recordings.list_digest(names))
    for name in [*names, "p360_001_mic2", "p225_001_mic1"]:
        write(tmp_path / "wav48_silence_trimmed" / name.split("_")[0] / f"{name}.flac")
    entries = find_entries(str(tmp_path))
    assert [entry.clip for entry in entries if entry.cutoff_freq == 12_000] == names
    assert {entry.cutoff_freq for entry in entries} == {4_000, 8_000, 12_000}
    # The speakers' folders themselves, as ssr_eval's own archive has them.
    assert find_entries(str(tmp_path / "wav48_silence_trimmed")) == entries
    last = tmp_path / "wav48_silence_trimmed" / "s5" / "s5_001_mic1.flac"
    last.rename(last.with_name("s5_002_mic1.flac"))
    with pytest.raises(IncompleteDataError, match="of other names"):
        find_entries(str(tmp_path))
    last.with_name("s5_002_mic1.flac").unlink()
    with pytest.raises(IncompleteDataError, match="s5 has 0 of 1 recordings"):
        find_entries(str(tmp_path))


def test_ssr_evals_own_numbers():
    assert sum(recordings.VCTK_SPEAKERS.values()) == 2_937 and len(recordings.VCTK_SPEAKERS) == 8


def test_music_is_any_folder_and_a_warning_if_it_is_not_100_clips(tmp_path, caplog):
    for name in ("b/2", "1"):
        write(tmp_path / f"{name}.wav")
    with caplog.at_level(logging.WARNING):
        entries = find_entries(f"music={tmp_path}")
    assert [entry.clip for entry in entries[:2]] == ["1", "b/2"] and len(entries) == 6
    assert "has 2 clips, where the paper has 100 pieces" in caplog.text


def test_esc10_is_half_a_fold(tmp_path):
    folder = tmp_path / "esc10_fold5"
    for index in range(40):
        write(folder / f"rain__5-{index}-A.wav")
    assert len(find_entries(str(folder))) == 120
    (folder / "rain__5-7-A.wav").rename(folder / "rain__1-7-A.wav")
    with pytest.raises(IncompleteDataError, match="40 clips, 39 of them of fold 5"):
        find_entries(str(folder))


@pytest.mark.parametrize(
    ("kind", "source"),
    [("esc50", "karolpiczak/ESC-50"), ("vctk", "datashare.ed.ac.uk"), ("music", "audiostock.net")],
)
def test_what_is_absent_is_said_with_where_to_get_it(tmp_path, kind, source):
    with pytest.raises(FileNotFoundError, match=source):
        find_entries(f"{kind}={tmp_path / 'none'}")


def test_what_a_folder_is_isnt_guessed(tmp_path):
    with pytest.raises(ValueError, match="write KIND=FOLDER, where KIND is one of esc50, vctk, music"):
        find_entries(str(tmp_path))
    with pytest.raises(ValueError, match="no low-pass box, only paper, ssr_eval"):
        find_entries(f"music={tmp_path}", "box")


@pytest.mark.parametrize("cutoff_freq", [4_000, 8_000, 16_000])
def test_both_lowpasses_keep_below_and_remove_above_the_cutoff(cutoff_freq):
    audio = noise(1.0, seed=5)
    inner = slice(2_400, -2_400)
    for name, filtered in ((name, function(audio, cutoff_freq)) for name, function in LOWPASSES.items()):
        assert filtered.shape == audio.shape and filtered.dtype == np.float32
        kept = band_limited(filtered - audio, 0.95 * cutoff_freq)
        # Chebyshev's ripple is 0.1 dB, 1.2 %; a frame's brick wall leaks across a few bins of 23 Hz.
        assert rms(kept[:, inner]) < 0.02 * rms(audio), name
        # 20 % above its edge the Chebyshev filter is at least 38 dB down, and falls on.
        removed = filtered - band_limited(filtered, 1.2 * cutoff_freq)
        assert rms(removed[:, inner]) < 0.005 * rms(audio), name


def test_ssr_evals_lowpass_is_the_brick_wall_in_frames_that_it_says():
    audio = noise(0.5, seed=6)[:, :-7]
    # By hand, far from the ends: overlap-add of Hann frames with everything from the cutoff's bin on removed.
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2_048) / 2_048)
    summed, weight = np.zeros(audio.shape[-1]), np.zeros(audio.shape[-1])
    for start in range(441 * 3 - 1_024, audio.shape[-1] - 2_048, 441):
        spectrum = np.fft.rfft(audio[0, start : start + 2_048] * window)
        spectrum[int(1_025 * 4_000 / 24_000) :] = 0
        summed[start : start + 2_048] += np.fft.irfft(spectrum) * window
        weight[start : start + 2_048] += window**2
    inner = slice(4_096, -4_096)
    # Float32 against double.
    assert np.abs(ssr_eval_lowpass(audio, 4_000)[0, inner] - (summed / np.maximum(weight, 1e-9))[inner]).max() < 1e-5


def test_a_clip_shorter_than_a_frame_is_lowpassed_too():
    assert ssr_eval_lowpass(CLIP[:, :100], 4_000).shape == (1, 100)


def test_an_entry_reads_what_the_systems_are_given(tmp_path):
    write(tmp_path / "a.wav")
    entry = find_entries(f"music={tmp_path}")[0]
    item = entry.read()
    reference = round_to_16_bit(CLIP)
    assert np.abs(item["reference"] - reference).max() <= 2**-15
    assert np.array_equal(item["audio"], round_to_16_bit(lowpass(item["reference"], 4_000)))
    assert item["sampling_rate"] == 48_000 and item["name"] == "music/paper/4000/a"
    assert np.array_equal(Unprocessed()(item).audios[0], item["audio"])


@pytest.fixture
def page(tmp_path) -> Path:
    """A demo folder: a group with the page's input, one whose input is left out, two without a truth, and music."""
    rows = [
        ("vis_event_1", "effects", "gt"),
        ("vis_event_1", "effects", "input"),
        ("vis_event_1", "effects", "audiosr"),
        ("nuwave_multi_x3_sample_0", "speech", "gt"),
        ("nuwave_multi_x3_sample_0", "speech", "input_lowrate"),
        ("nuwave_multi_x3_sample_0", "speech", "linear"),
        ("nuwave_multi_x3_sample_0", "speech", "nuwave"),
        ("gen_1", "music", "input"),
        ("vis_speech_1", "speech", "gt"),
        ("vis_music_1", "music", "gt"),
        ("vis_music_1", "music", "audiosr"),
    ]
    folder = tmp_path / "eval" / "page_demo"
    files = [f"eval/page_demo/{group}/{role}.wav" for group, _, role in rows]
    for file in files:
        write(tmp_path / file)
    with (folder / "groups.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("group", "kind", "role", "file"))
        writer.writerows((*row, path) for row, path in zip(rows, files, strict=True))
    return folder


def test_demo_pages_give_their_outputs_and_leave_out_what_is_not_comparable(page):
    event, speech, *music = find_entries(str(page), "ssr_eval")
    assert (event.name, event.cutoff_freq) == ("audiosr-page/page/4000/vis_event_1", 4_000)
    assert event.input is not None and set(event.outputs) == {"audiosr"}
    assert (speech.name, speech.input) == ("nu-wave-page/ssr_eval/8000/nuwave_multi_x3_sample_0", None)
    assert set(speech.outputs) == {"nuwave"}
    assert event.read()["outputs"]["audiosr"].name == "audiosr.wav"
    omitted = {(group, role) for group, role, reason in left_out(page) if reason}
    linear = {("nuwave_multi_x3_sample_0", role) for role in ("input_lowrate", "linear")}
    unequal = {("vis_music_1", "gt"), ("vis_music_1", "audiosr")}
    assert omitted == linear | unequal | {("gen_1", "input"), ("vis_speech_1", "gt")}
    assert [entry.name for entry in music] == [f"page-music/ssr_eval/{freq}/vis_music_1" for freq in CUTOFF_FREQS]
    assert all(entry.input is None and not entry.outputs for entry in music)
    next(page.glob("vis_event_1/audiosr.wav")).unlink()
    with pytest.raises(IncompleteDataError, match="names 1 files that are missing"):
        demo(page)


def test_a_group_of_an_unknown_page_is_refused(page):
    table = page / "groups.csv"
    table.write_text(table.read_text().replace("vis_event_1,", "other_1,"))
    with pytest.raises(IncompleteDataError, match="the group other_1 is of no page"):
        list(demo(page))


def test_every_omission_has_a_reason_and_nothing_else_is_omitted():
    assert all(LEFT_OUT.values())
    assert reason_left_out("vis_speech_1", "audiosr") is not None
    assert reason_left_out("vis_speech_3", "audiosr") is None
    assert reason_left_out("nuwave_multi_x2_sample_0", "nuwave") is None
    assert reason_left_out("aero_p360_010", "nuwave2") is not None
    assert reason_left_out("nuwave2_12k_sample_0", "nuwave2") is None


def test_exported_inputs_come_back_as_outputs(tmp_path):
    write(tmp_path / "data" / "a.wav")
    source, output = f"music={tmp_path / 'data'}", tmp_path / "inputs"
    assert export.main(["--data", source, "--output", str(output)]) == 0
    system = outputs_in(output)
    for entry in find_entries(source):
        item = entry.read()
        assert np.array_equal(system(item).audios[0], item["audio"])
    assert export.main(["--data", "music=none", "--output", str(output)]) == 1
