"""What is measured on the output of generators, and that a broken promise is noticed."""

import csv
import sys
from dataclasses import replace

import numpy as np
import pytest

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.dsp.low_band import split_bands
from benchmarks import generators
from tests.conftest import build_tiny_pipeline
from tests.signals import noise

EDGE = 8_000
WHITE = noise(2.0)


def joined(gain: float, low_edge: float, high_edge: float) -> np.ndarray:
    """White noise below one frequency, and other noise with a gain above another."""
    other = noise(2.0, seed=1)
    return split_bands(WHITE, low_edge) + gain * (other - split_bands(other, high_edge))


@pytest.mark.parametrize("gain", [0.1, 1, 10])
def test_a_band_that_gives_way_to_another_makes_a_step_alone(gain):
    splice_db, step_db = generators.splice(joined(gain, EDGE, EDGE), WHITE, EDGE)
    # Noise of two seconds: the levels of bands of 250 and 500 Hz vary by some 0.2 dB. Half-way both are 6 dB down.
    assert abs(splice_db) < 2
    assert step_db == pytest.approx(20 * np.log10(gain), abs=0.5)


def test_a_gap_is_a_notch_and_an_overlap_a_ridge():
    notch_db, _ = generators.splice(joined(1, 7_700, 8_100), WHITE, EDGE)
    assert notch_db < -generators.NOTED_SPLICE_DB
    ridge_db, _ = generators.splice(joined(1, 8_250, 7_750), WHITE, EDGE)
    # Two signals of one level make 3 dB more, and a part of that on the upper side too.
    assert 1 < ridge_db < 3


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Two short files of one generator."""
    monkeypatch.setattr(generators, "GENERATORS", {"One": ["one/*.wav"]})
    (tmp_path / "one").mkdir()
    for index in range(2):
        write_audio(tmp_path / f"one/{index}.wav", noise(0.5, 16_000, seed=index), 16_000)
    return tmp_path


def run(monkeypatch, folder, pipe):
    monkeypatch.setattr(AudioSRPipeline, "from_pretrained", lambda name: pipe)
    monkeypatch.setattr(sys, "argv", ["generators", "--data", str(folder), "--output", str(folder / "table.md")])
    return generators.main()


def test_promises_that_hold(files, monkeypatch, tiny_pipeline):
    assert run(monkeypatch, files, tiny_pipeline) == 0
    table = (files / "table.md").read_text()
    assert "hold on 2 of 2 files; 0 skipped" in table and str(files) not in table
    with open(files / "table.csv", newline="") as file:
        assert [(row["generator"], row["file"], row["action"]) for row in csv.DictReader(file)] == [
            ("One", "0", "enhanced"),
            ("One", "1", "enhanced"),
        ]
    assert (files / "table.png").stat().st_size > 0


def test_promises_that_do_not(files, monkeypatch):
    pipe = build_tiny_pipeline()
    replace_low_band = type(pipe).replace_low_band

    def quieter(self, *args):
        result = replace_low_band(self, *args)
        return replace(result, audio=0.9 * result.audio)

    monkeypatch.setattr(type(pipe), "replace_low_band", quieter)
    assert run(monkeypatch, files, pipe) == 1
    # A tenth of the input.
    assert "**broken**: One, 0: low-band error -20.0 dB" in (files / "table.md").read_text()


def test_a_full_band_file_counts_as_skipped(files, monkeypatch, tiny_pipeline):
    write_audio(files / "one/full.wav", noise(0.5), 48_000)
    assert run(monkeypatch, files, tiny_pipeline) == 1
    assert "**left_alone**: One, full" in (files / "table.md").read_text()
