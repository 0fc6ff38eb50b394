"""Labelled recordings: where labels come from, and crops of them."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.training.dataset import Recording
from audiosr_pipeline.training.labelled import LabelledCrops, find_labelled
from tests.signals import noise

NUM_OF_LABEL = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A subfolder for each of two labels, with 16 recordings of 0.2 s."""
    folder = tmp_path_factory.mktemp("labelled")
    for label, tilt_db in (("rain", -1), ("sea", -6)):
        (folder / label).mkdir()
        for number in range(NUM_OF_LABEL):
            write_audio(folder / label / f"{label}-{number}.wav", noise(0.2, 22_050, number, tilt_db=tilt_db), 22_050)
    return folder


def test_subfolders_are_labels(folder):
    training, held_out = find_labelled([folder])
    assert len(training) + len(held_out) == 2 * NUM_OF_LABEL
    assert all(each.label == each.path.parent.name for each in training + held_out)


def test_a_manifest_tells_labels_and_captions(folder, tmp_path):
    manifest = tmp_path / "manifest.csv"
    with manifest.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "licence", "label", "caption"])
        for path in sorted(folder.glob("*/*.wav")):
            writer.writerow([path, "CC0", path.parent.name, f"the sound of {path.parent.name}"])
        writer.writerow([path, "CC0", "", ""])
    training, _ = find_labelled([manifest], labels=["sea"])
    assert {(each.label, each.caption) for each in training} == {("sea", "the sound of sea")}


def test_labels_that_are_not_there_are_named(folder, tmp_path):
    with pytest.raises(ValueError, match=r"no recordings to train on of dog; labels found are \['rain', 'sea'\]"):
        find_labelled([folder], labels=["dog", "sea"])
    with pytest.raises(ValueError, match="no recording has a label"):
        find_labelled([folder / "rain"])


def test_crops_are_of_all_labels_alike_at_the_rate_and_level_asked_for(folder):
    recordings = find_labelled([folder])[0]
    # One label has few recordings, and is drawn as often.
    rain, sea = ([each for each in recordings if each.label == label] for label in ("rain", "sea"))
    few = [rain[0], *sea]
    crops = LabelledCrops(few, ["rain", "sea"], 800, 8_000, seed=0)
    drawn = [crops[index] for index in range(200)]
    assert drawn[0]["audio"].shape == (800,)
    share = np.mean([int(crop["label"]) for crop in drawn])
    # 200 draws of a half have a deviation of 0.035.
    assert 0.35 < share < 0.65
    peaks = np.array([float(crop["audio"].abs().max()) for crop in drawn])
    assert peaks.max() <= 0.9001
    # Those that begin or end far outside a recording hold too little of it to be amplified to that.
    assert np.percentile(peaks, [10, 90]) == pytest.approx([0.48, 0.85], abs=0.06)
    assert torch.equal(crops[7]["audio"], LabelledCrops(few, ["rain", "sea"], 800, 8_000, seed=0)[7]["audio"])
    assert not torch.equal(crops[7]["audio"], LabelledCrops(few, ["rain", "sea"], 800, 8_000, seed=1)[7]["audio"])


def test_labels_keep_their_numbers_where_one_has_no_recording(folder):
    recordings = [each for each in find_labelled([folder])[0] if each.label == "sea"]
    assert int(LabelledCrops(recordings, ["rain", "sea"], 800, 8_000, seed=0)[0]["label"]) == 1


def test_a_short_recording_ends_in_silence(folder):
    recording = find_labelled([folder])[0][0]
    audio = LabelledCrops([recording], [recording.label], 16_000, 8_000, seed=0)[0]["audio"]
    assert audio[:1_600].any()
    assert not audio[3_200:].any()


def test_unreadable_files_are_counted_and_silent_ones_refused(folder, tmp_path, caplog):
    good = find_labelled([folder])[0][0]
    gone = Recording(tmp_path / "gone.wav", "effects", 0.2, good.label)
    crops = LabelledCrops([good, gone], [good.label], 800, 8_000, seed=0)
    assert sum(int(crops[index]["num_skipped"]) for index in range(10)) > 0
    assert caplog.text.count("gone.wav") == 1
    write_audio(tmp_path / "silent.wav", np.zeros((1, 4_410), np.float32), 22_050)
    silent = Recording(tmp_path / "silent.wav", "effects", 0.2, good.label)
    with pytest.raises(ValueError, match="are silent: look at"):
        LabelledCrops([silent], [good.label], 800, 8_000, seed=0)[0]
    with pytest.raises(ValueError, match="1 recordings, from .* are silent"):
        crops.validation_batches([silent], 2)
