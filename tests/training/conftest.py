"""A small corpus on disk to train on."""

import csv
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState

from audiosr_pipeline.audio_io import write_audio
from tests.signals import music_like, noise, speech_like


@pytest.fixture(autouse=True)
def fresh_accelerator():
    """Each test may ask for another precision, which accelerate allows once in a process."""
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="session")
def manifest(tmp_path_factory) -> Path:
    """A manifest of 48 recordings of 0.4 s at 48 and 22.05 kHz: enough for some to be held out for validation."""
    folder = tmp_path_factory.mktemp("corpus")
    makers = {
        "speech": speech_like,
        "music": music_like,
        "effects": lambda seconds, rate, seed: noise(seconds, rate, seed, tilt_db=-3),
    }
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "split", "kind", "licence", "duration_s", "sample_rate"])
        for index in range(48):
            kind = list(makers)[index % 3]
            sampling_rate = 48_000 if index % 2 else 22_050
            path = folder / f"{kind}-{index}.wav"
            write_audio(path, makers[kind](0.4, sampling_rate, index), sampling_rate)
            writer.writerow([path.name, "train", kind, "CC0", 0.4, sampling_rate])
    return folder / "manifest.csv"
