"""What may be trained on, what is held out, and what a crop is."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from scipy import fft
from torch.utils.data import DataLoader

from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.training.dataset import (
    CropDataset,
    Recording,
    _rhythm,
    crop_generators,
    draw_crop,
    draw_validation_crops,
    find_recordings,
)
from audiosr_pipeline.training.degrade import DegradationShares
from tests.signals import noise, tone

WEIGHTS = {"speech": 0.25, "music": 0.3, "effects": 0.45}


def write_manifest(folder: Path, rows: list[dict[str, str]]) -> Path:
    """A manifest of rows that are free speech unless they say otherwise; the audio itself isn't needed."""
    usual = {"split": "train", "kind": "speech", "licence": "CC0", "duration_s": "1.0", "sample_rate": "48000"}
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["path", *usual])
        writer.writeheader()
        writer.writerows({**usual, **row} for row in rows)
    return folder / "manifest.csv"


def numbered(count: int, **fields: str) -> list[dict[str, str]]:
    return [{"path": f"{fields.get('licence', 'x')}/{index}.wav".replace(" ", "_"), **fields} for index in range(count)]


@pytest.mark.parametrize("licence", ["CC0", "CC0-1.0", "CC-BY", "CC-BY-3.0", "CC-BY-4.0", "Public domain"])
def test_free_licences_are_taken(licence, tmp_path):
    training, validation = find_recordings([write_manifest(tmp_path, numbered(64, licence=licence))])
    assert len(training) + len(validation) == 64


@pytest.mark.parametrize(
    "licence",
    [
        "CC-BY-SA",
        "CC-BY-SA-3.0",
        "CC-BY-NC",
        "CC-BY-NC-4.0",
        "CC-BY-ND-4.0",
        "CC BY",
        "unknown",
        "unknown (page states none)",
        "",
        "repository MIT (samples not separately stated)",
        "LJSpeech is public domain by its publisher; page states none",
        "CC0 or CC-BY-NC",
        "CC-BY-4.0, CC-BY-NC-3.0",
        "CC0-1.0 / CC-BY-SA-3.0",
    ],
)
def test_other_licences_are_refused(licence, tmp_path):
    """Those that share alike, forbid commerce, are mixed or not stated."""
    rows = numbered(64) + [{"path": f"refused/{index}.wav", "licence": licence} for index in range(64)]
    recordings = find_recordings([write_manifest(tmp_path, rows)])
    assert sum(map(len, recordings)) == 64
    assert not any("refused" in str(recording.path) for side in recordings for recording in side)


def test_a_row_without_a_cell_for_the_licence_has_none(tmp_path):
    rows = [f"{index}.wav,CC0,2" for index in range(9)]
    (tmp_path / "manifest.csv").write_text("\n".join(["path,licence,duration_s", *rows, "short.wav"]))
    recordings = find_recordings([tmp_path / "manifest.csv"])
    assert sorted(recording.path.stem for side in recordings for recording in side) == [str(n) for n in range(9)]


def test_crops_have_the_rate_of_the_file_whatever_a_manifest_says(tmp_path):
    tone = np.sin(2 * np.pi * 1_000 * np.arange(96_000) / 48_000)[None]
    file_of(tmp_path, tone.astype(np.float32))
    (tmp_path / "manifest.csv").write_text("path,licence,duration_s,sample_rate\naudio.wav,CC0,2,16000\nb.wav,CC0,2,8")
    recordings = [recording for side in find_recordings([tmp_path / "manifest.csv"]) for recording in side]
    own = next(recording for recording in recordings if recording.path.name == "audio.wav")
    crop = draw_crop([own], 24_000, np.random.default_rng(0))["audio"].numpy()
    # Within two bins, which are 2 Hz wide: half a second of a tone that may begin within the crop.
    assert np.abs(np.fft.rfft(crop)).argmax() * 2 == pytest.approx(1_000, abs=4)


def test_rows_of_other_splits_are_never_read(tmp_path):
    """Whatever their fields say."""
    rows = numbered(64) + [{"path": f"eval/{index}.wav", "split": "eval", "kind": "unknown"} for index in range(64)]
    training, validation = find_recordings([write_manifest(tmp_path, rows)])
    assert len(training) + len(validation) == 64


def test_fields_are_read_and_paths_are_relative_to_the_manifest(tmp_path):
    rows = [{"path": f"a/{index}.flac", "kind": "music", "duration_s": "2.5"} for index in range(64)]
    training, _ = find_recordings([write_manifest(tmp_path, rows)])
    assert Recording(tmp_path / "a/1.flac", "music", 2.5) in training


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_manifest_that_a_spreadsheet_saved_is_read(tmp_path, separator):
    """With a byte order mark, its own line ends and separator, decimal commas and empty rows below."""
    names = ["ü.wav", *(f"{index}.wav" for index in range(9))]
    decimal = "." if separator == "," else ","
    rows = [["path", "licence", "duration_s", "sample_rate"], *([n, "CC0", f"2{decimal}5", "44100"] for n in names)]
    text = "\r\n".join(separator.join(row) for row in [*rows, [""] * 4])
    (tmp_path / "manifest.csv").write_bytes(("\ufeff" + text).encode())
    recordings = [recording for side in find_recordings([tmp_path / "manifest.csv"]) for recording in side]
    assert {recording.path for recording in recordings} == {tmp_path / name for name in names}
    assert {recording.duration_s for recording in recordings} == {2.5}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",CC0,,", "line 2 has the path ''"),
        ("a\0.wav,CC0,,", "path"),
        ("a.wav,CC0,nan,48000", "duration_s of a.wav is nan"),
        ("a.wav,CC0,-1,48000", "duration_s of a.wav is -1"),
        ("a.wav,CC0,1,48000,x", "line 2 has more than 4 cells"),
    ],
)
def test_a_row_that_cannot_be_is_named(tmp_path, row, message):
    (tmp_path / "manifest.csv").write_text(f"path,licence,duration_s,sample_rate\n{row}\n")
    with pytest.raises(ValueError, match=f"is no manifest of audio files: .*{message}"):
        find_recordings([tmp_path / "manifest.csv"])


def test_the_split_depends_on_the_name_alone(tmp_path):
    rows = numbered(400)
    training, validation = find_recordings([write_manifest(tmp_path, rows)])
    assert not set(training) & set(validation)
    # One in 16, to three standard deviations.
    assert len(validation) == pytest.approx(25, abs=15)
    again = find_recordings([write_manifest(tmp_path, rows[::-1][:200])])
    assert set(again[0]) <= set(training) and set(again[1]) <= set(validation)


def test_takes_of_a_recording_stay_on_one_side(tmp_path):
    rows = [{"path": f"dog/1-{index}-{take}.wav"} for index in range(200) for take in "ABC"]
    training, validation = find_recordings([write_manifest(tmp_path, rows)])
    sources = [{recording.path.stem[:-2] for recording in side} for side in (training, validation)]
    assert sources[1] and not sources[0] & sources[1]
    assert len(validation) == 3 * len(sources[1])


def test_manifests_add_up(tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    recordings = find_recordings([write_manifest(folder, numbered(64)) for folder in folders])
    assert sum(map(len, recordings)) == 128


@pytest.mark.parametrize("rows", [[], numbered(64, licence="CC-BY-NC"), numbered(64, split="eval")])
def test_nothing_to_train_on_is_an_error_that_says_what_is_needed(rows, tmp_path):
    path = write_manifest(tmp_path, rows)
    with pytest.raises(ValueError, match="0 of 0 files can be trained on") as error:
        find_recordings([path])
    assert str(path) in str(error.value)
    assert 'split is "train"' in str(error.value) and "CC-BY" in str(error.value)


def test_nothing_to_hold_out_is_an_error(tmp_path):
    # A single recording can't be on both sides, and its takes stay on one.
    for rows in (numbered(1), [{"path": f"dog-{take}.wav"} for take in "ABC"]):
        with pytest.raises(ValueError, match="needed are two recordings, one of them for validation"):
            find_recordings([write_manifest(tmp_path, rows)])


def test_of_a_small_collection_one_recording_is_held_out(tmp_path):
    for count in (2, 3, 5):
        training, validation = find_recordings([write_manifest(tmp_path, numbered(count))])
        assert len(training) + len(validation) == count and validation and training
        assert not set(training) & set(validation)


def test_other_licences_may_be_asked_for(tmp_path):
    rows = [*numbered(4, licence="CC-BY-NC-4.0"), {"path": "free.wav"}]
    recordings = find_recordings([write_manifest(tmp_path, rows)], licences="CC-BY-NC-4.0")
    assert sum(map(len, recordings)) == 4


def test_a_manifest_needs_no_more_than_paths_and_licences(tmp_path):
    for index in range(2):
        write_audio(tmp_path / f"{index}.wav", noise(0.5, 22_050), 22_050)
    (tmp_path / "list.csv").write_text("path,licence\n0.wav,CC0\n1.wav,CC0\n")
    recordings = [recording for side in find_recordings([tmp_path / "list.csv"]) for recording in side]
    assert {(r.kind, r.duration_s) for r in recordings} == {("effects", 0.5)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,kind\na.wav,speech\n", "has no column licence"),
        ("", "has no column licence, path"),
        ("path,licence,kind\na.wav,CC0,birds\n", "kind of a.wav is birds; accepted are speech, music, effects"),
        ("path,licence,duration_s,sample_rate\na.wav,CC0,long,48000\n", "could not convert string to float: 'long'"),
    ],
)
def test_what_is_no_manifest_is_refused(text, message, tmp_path):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        find_recordings([tmp_path / "list.csv"])
    assert "list.csv: is no manifest" in str(error.value)


def test_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        find_recordings([tmp_path / "nowhere"])


def test_a_folder_gives_its_audio_and_what_can_not_be_read_is_counted(tmp_path, caplog):
    (tmp_path / "below").mkdir()
    write_audio(tmp_path / "one.wav", noise(0.5, 22_050), 22_050)
    write_audio(tmp_path / "below/two.flac", noise(1.0), 48_000)
    (tmp_path / "corrupt.wav").write_bytes(b"RIFF and no more")
    (tmp_path / "empty.ogg").touch()
    (tmp_path / "notes.txt").write_text("no audio")
    training, validation = find_recordings([tmp_path])
    assert {(r.path.name, r.duration_s) for r in training + validation} == {("one.wav", 0.5), ("two.flac", 1.0)}
    assert "corrupt.wav" in caplog.text and "empty.ogg" in caplog.text and "2 of 4 files skipped" in caplog.text
    assert f"{tmp_path}: passed over 1 file that isn't named as audio or video: notes.txt" in caplog.messages


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="0 of 0 files"):
        find_recordings([tmp_path])


def test_a_file_that_breaks_later_is_passed_over_and_counted(tmp_path, caplog):
    good = file_of(tmp_path, noise(1.0))
    bad = Recording(tmp_path / "gone.wav", "effects", 1.0)
    stream = CropDataset([good, bad], 4_800, WEIGHTS, seed=0)
    crops = [stream[index] for index in range(8)]
    assert sum(int(crop["num_skipped"]) for crop in crops) > 0
    assert all(crop["audio"].any() for crop in crops)
    # Each file is named once.
    assert caplog.text.count("gone.wav") == 1
    again = CropDataset([good, bad], 4_800, WEIGHTS, seed=0)[5]
    assert torch.equal(again["audio"], crops[5]["audio"])


def test_silent_recordings_are_an_error(tmp_path):
    silent = file_of(tmp_path, np.zeros((1, 48_000), np.float32))
    with pytest.raises(
        ValueError, match="50 crops in a row 0 could not be read and the others are silent, or lie behind"
    ):
        CropDataset([silent], 4_800, WEIGHTS, seed=0)[0]
    with pytest.raises(ValueError, match="1 recordings, from .*audio.wav on, are silent"):
        draw_validation_crops([silent], 4_800, 2, seed=0)


def test_silent_crops_of_a_recording_are_passed_over(tmp_path):
    audio = np.zeros((1, 96_000), np.float32)
    audio[:, :24_000] = noise(0.5)
    stream = CropDataset([file_of(tmp_path, audio)], 4_800, WEIGHTS, seed=0)
    assert all(stream[index]["audio"].any() for index in range(20))


def test_recordings_of_kinds_without_a_share_are_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"of the kinds \['effects'\]"):
        CropDataset([file_of(tmp_path, noise(0.5))], 4_800, {"speech": 1.0, "effects": 0.0}, seed=0)


def test_a_file_with_nan_is_passed_over(tmp_path):
    audio = noise(1.0)
    audio[0, 24_000] = np.nan
    with pytest.raises(ValueError, match="of 50 crops in a row 50 could not be read"):
        CropDataset([file_of(tmp_path, audio)], 48_000, WEIGHTS, seed=0)[0]


def file_of(folder: Path, audio: np.ndarray, sampling_rate: int = 48_000) -> Recording:
    path = folder / "audio.wav"
    # Not by `write_audio`, which writes no NaN.
    soundfile.write(path, audio.T, sampling_rate, subtype="FLOAT")
    return Recording(path, "effects", audio.shape[-1] / sampling_rate)


@pytest.mark.parametrize("sampling_rate", [48_000, 22_050])
@pytest.mark.parametrize("num_samples", [4_800, 12_345, 96_000])
def test_a_crop_has_its_length_whatever_the_file_s(sampling_rate, num_samples, tmp_path):
    recording = file_of(tmp_path, noise(1.0, sampling_rate), sampling_rate)
    for seed in range(5):
        crop = draw_crop([recording], num_samples, np.random.default_rng(seed))
        assert crop["audio"].shape == crop["lowpassed"].shape == (num_samples,)
        assert crop["audio"].dtype == crop["lowpassed"].dtype == torch.float32
        assert 2_000 < crop["cutoff_freq"] < 16_000


def test_a_crop_of_a_longer_file_is_full_of_it(tmp_path):
    recording = file_of(tmp_path, noise(2.0))
    rng = np.random.default_rng(0)
    crops = [draw_crop([recording], 24_000, rng)["audio"] for _ in range(20)]
    # 0.1 s may lie outside the file at either end.
    assert all((crop[4_800:-4_800].view(-1, 480).square().mean(-1) > 0).all() for crop in crops)
    assert len({float(crop[12_000]) for crop in crops}) == 20


def test_a_crop_of_a_shorter_file_is_the_file_and_silence(tmp_path):
    recording = file_of(tmp_path, tone(1_000, 0.5))
    rng = np.random.default_rng(0)
    for _ in range(5):
        audio = draw_crop([recording], 96_000, rng)["audio"]
        sounding = audio.view(-1, 480).square().mean(-1) > 1e-3 * audio.square().max()
        assert 30 <= sounding.sum() <= 51
        assert not sounding[62:].any()


def test_levels_are_spread_and_never_clip(tmp_path):
    recording = file_of(tmp_path, tone(1_000, 1.0, amplitude=0.9))
    rng = np.random.default_rng(0)
    peaks = [float(draw_crop([recording], 24_000, rng)["audio"].abs().max()) for _ in range(50)]
    # From inference's peak of 0.5 to a tenth of it.
    assert max(peaks) < 0.51 and min(peaks) > 0.49 * np.exp(-2.3)
    assert max(peaks) > 0.4 and min(peaks) < 0.08


def test_strokes_sound_again_and_again_at_equal_steps_in_a_pattern_that_repeats(tmp_path):
    click = np.zeros((1, 4_800), np.float32)
    # What comes before a stroke is left out, its level doesn't matter.
    click[0, 1_000] = 0.1
    recording = file_of(tmp_path, click)
    for seed in range(8):
        audio = _rhythm(recording, 960_000, np.random.default_rng(seed))[0]
        starts = np.flatnonzero(audio)
        assert len(starts) > 4 and 0.1 < audio.max() <= 1 + 1e-6
        step = np.gcd.reduce(np.diff(starts))
        # Each 0.08 to 0.4 s, at most a struck one in every sixteen; of a pattern, every one may be a multiple.
        assert 0.08 * 48_000 <= step <= 16 * 0.4 * 48_000
        levels = np.zeros(960_000 // step + 1)
        levels[starts // step] = audio[starts]
        # Three times or more, or there would be nothing to compare.
        periods = range(1, min(17, len(levels) // 3))
        assert any(np.allclose(levels[period:-period], levels[: -2 * period]) for period in periods), seed


def test_a_rhythm_is_added_to_what_sounds_on(tmp_path):
    recording = file_of(tmp_path, tone(1_000, 3.0, amplitude=0.9))
    (tmp_path / "stroke").mkdir()
    stroke = file_of(tmp_path / "stroke", noise(0.1))
    high = fft.rfftfreq(96_000, 1 / 48_000) > 8_000

    def shares_of_highs(struck: list[Recording]) -> list[float]:
        crops = [draw_crop([recording], 96_000, np.random.default_rng(seed), struck=struck) for seed in range(8)]
        spectra = [np.abs(fft.rfft(crop["audio"].numpy())) for crop in crops]
        return [np.linalg.norm(spectrum[high]) / np.linalg.norm(spectrum) for spectrum in spectra]

    # Of a pattern's steps it may be that none is struck.
    assert max(shares_of_highs([])) < 0.05 and np.median(shares_of_highs([stroke])) > 0.1


def test_a_noise_floor_is_not_made_programme(tmp_path):
    recording = file_of(tmp_path, noise(1.0, amplitude=1e-5))
    peak = float(draw_crop([recording], 24_000, np.random.default_rng(0))["audio"].abs().max())
    # Thirtyfold at most.
    assert 0 < peak < 30 * 6e-5


def test_the_lowpassed_crop_is_the_truth_below_the_cutoff_and_nothing_above(tmp_path):
    recording = file_of(tmp_path, noise(1.0))
    rng = np.random.default_rng(1)
    frequencies = fft.rfftfreq(24_000, 1 / 48_000)
    for _ in range(10):
        crop = draw_crop([recording], 24_000, rng)
        window = np.hanning(24_000)
        truth, lowpassed = (np.abs(fft.rfft(crop[key].numpy() * window)) for key in ("audio", "lowpassed"))
        below = frequencies < 0.5 * float(crop["cutoff_freq"])
        above = frequencies > 1.9 * float(crop["cutoff_freq"])
        # The flattest at half the cutoff is Butterworth of order 2: 0.5 dB down.
        assert np.linalg.norm((lowpassed - truth)[below]) < 0.06 * np.linalg.norm(truth[below])
        # The least steep at 1.9 times the cutoff is Chebyshev of order 2, two passes: 5 dB.
        assert np.linalg.norm(lowpassed[above]) <= 0.6 * np.linalg.norm(truth[above])


def test_offsets_are_removed(tmp_path):
    recording = file_of(tmp_path, noise(2.0) + np.float32(0.3))
    audio = draw_crop([recording], 24_000, np.random.default_rng(3))["audio"]
    assert audio.mean().abs() < 0.02 * audio.abs().max()


def test_a_short_file_s_offset_is_removed_and_the_silence_around_it_stays_silent(tmp_path):
    recording = file_of(tmp_path, tone(1_000, 0.5) + np.float32(0.3))
    for seed in range(4):
        audio = draw_crop([recording], 96_000, np.random.default_rng(seed))["audio"]
        sounding = audio[audio != 0]
        # At most 0.2 s of it lies before the crop.
        assert 0.29 * 48_000 < len(sounding) <= 0.5 * 48_000
        # What is cut off may end within a period of the tone, of 48 samples.
        assert sounding.mean().abs() < 0.01 * audio.abs().max()


def test_the_same_seed_gives_the_same_crops(manifest):
    training, validation = find_recordings([manifest])

    def first(seed: int) -> list[torch.Tensor]:
        stream = CropDataset(training, 4_800, WEIGHTS, seed)
        return [stream[index]["lowpassed"] for index in range(4)]

    assert all(map(torch.equal, first(0), first(0)))
    # In whatever order.
    assert torch.equal(CropDataset(training, 4_800, WEIGHTS, 0)[3]["lowpassed"], first(0)[3])
    assert not any(map(torch.equal, first(0), first(1)))
    crops = draw_validation_crops(validation, 4_800, 2, seed=0)
    again = draw_validation_crops(validation, 4_800, 2, seed=0)
    for batch, same in zip(crops, again, strict=True):
        assert all(torch.equal(batch[key], same[key]) for key in ("audio", "lowpassed", "cutoff_freq"))


def test_validation_has_one_crop_of_each_recording(manifest):
    _, validation = find_recordings([manifest])
    batches = draw_validation_crops(validation, 4_800, 2, seed=0)
    assert [len(batch["audio"]) for batch in batches[:-1]] == [2] * (len(batches) - 1)
    assert sum(len(batch["audio"]) for batch in batches) == len(validation)


def test_degradations_change_the_input_alone(manifest):
    training, _ = find_recordings([manifest])
    plain = CropDataset(training, 4_800, WEIGHTS, 0)[1]
    quantised = CropDataset(training, 4_800, WEIGHTS, 0, DegradationShares(quantisation=1.0))[1]
    assert torch.equal(plain["audio"], quantised["audio"]) and plain["cutoff_freq"] == quantised["cutoff_freq"]
    assert not torch.equal(plain["lowpassed"], quantised["lowpassed"])


def test_crops_that_are_not_low_passed_are_the_same_crops(manifest):
    training, validation = find_recordings([manifest])
    plain = CropDataset(training, 4_800, WEIGHTS, 0, lowpassed=False)[1]
    assert plain.keys() == {"audio", "index", "num_skipped"}
    assert torch.equal(plain["audio"], CropDataset(training, 4_800, WEIGHTS, 0)[1]["audio"])
    assert "lowpassed" not in draw_validation_crops(validation, 4_800, 2, seed=0, lowpassed=False)[0]


def test_workers_change_nothing(manifest):
    stream = CropDataset(find_recordings([manifest])[0], 4_800, WEIGHTS, 0)
    loader = DataLoader(stream, batch_sampler=[range(2), range(2, 4)], num_workers=2)
    audio = torch.cat([batch["audio"] for batch in loader])
    assert all(torch.equal(audio[index], stream[index]["audio"]) for index in range(4))
    assert not torch.equal(audio[0], audio[1])


def test_what_is_drawn_for_a_crop_does_not_depend_on_its_batch():
    def draws(*indices: int, seed: int = 0) -> list[float]:
        return [float(torch.rand((), generator=g)) for g in crop_generators({"index": torch.tensor(indices)}, seed)]

    assert draws(3, 4) == [*draws(3), *draws(4)]
    assert len({*draws(0, 1, 2), *draws(0, 1, 2, seed=1)}) == 6


def test_kinds_have_their_shares_and_files_count_by_their_length():
    def recording(kind: str, duration_s: float) -> Recording:
        return Recording(Path(f"{kind}-{duration_s}"), kind, duration_s)

    short, long, endless = (recording("effects", duration_s) for duration_s in (10.0, 30.0, 3_600.0))
    recordings = [short, long, endless, recording("speech", 1.0)]
    recordings += [recording("music", duration_s) for duration_s in (1.0, 2.0, 3.0)]
    stream = CropDataset(recordings, 4_800, {**WEIGHTS, "unheard-of": 0.5}, 0)
    rng = np.random.default_rng(0)
    drawn, struck = zip(*(stream._draw_recordings(rng) for _ in range(4_000)), strict=True)
    kinds = [chosen[0].kind for chosen in drawn]
    # To four standard deviations; a kind without recordings is left out.
    for kind, weight in WEIGHTS.items():
        assert kinds.count(kind) / 4_000 == pytest.approx(weight, abs=0.035)
    effects = [chosen[0] for chosen in drawn if chosen[0].kind == "effects"]
    # An hour counts as a minute.
    for one, share in ((short, 0.1), (long, 0.3), (endless, 0.6)):
        assert effects.count(one) / len(effects) == pytest.approx(share, abs=0.05)
    # Notes sound in twos half the time, nothing else does.
    twos = [chosen[0].kind for chosen in drawn if len(chosen) == 2]
    assert set(twos) == {"music"} and len(twos) / kinds.count("music") == pytest.approx(0.5, abs=0.06)
    # One to three short ones are struck in a rhythm half the time, of music alone: of some 1200 crops, to four standard
    # deviations.
    rhythms = [(kind, chosen) for kind, chosen in zip(kinds, struck, strict=True) if chosen]
    assert {kind for kind, _ in rhythms} == {"music"} and {len(chosen) for _, chosen in rhythms} == {1, 2, 3}
    assert len(rhythms) / kinds.count("music") == pytest.approx(0.5, abs=0.06)
    assert {one.duration_s for _, chosen in rhythms for one in chosen} == {1.0, 2.0}
