"""`inspect`: what it prints is what a run would report."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from audiosr_pipeline.audio_io import write_audio
from tests.cli.commands import files, lines, make_wav, run


def test_inspect_prints_what_a_run_would_report(real, capsys):
    make_wav("in/low.wav", sampling_rate=16_000, channels=2, peak=0.5)
    make_wav("in/full.wav", sampling_rate=48_000)
    write_audio("in/silence.wav", np.zeros((1, 8_000), np.float32), 8_000)
    assert run("inspect", "in", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(Path(row["input"]).stem, row["action"]) for row in rows] == [
        ("full", "left_alone"),
        ("low", "enhanced"),
        ("silence", "silent"),
    ]
    # Half of full scale, in dB to two digits.
    assert rows[1]["peak_db"] == pytest.approx(-6.02, abs=0.01)
    for row in rows:
        report = real(row["input"], generator=torch.Generator().manual_seed(0)).reports[0].to_dict()
        same = ["sampling_rate", "num_channels", "duration_s", "cutoff_freq", "bandwidth", "action", "reason"]
        assert {key: row[key] for key in same} == {key: report[key] for key in same}
    assert files() == ["in/full.wav", "in/low.wav", "in/silence.wav"]


def test_inspect_prints_a_table_and_names_bad_files(capsys):
    make_wav("a.wav", sampling_rate=16_000)
    Path("b.wav").touch()
    assert run("inspect", "a.wav", "b.wav") == 1
    out, err = capsys.readouterr()
    heading, row = lines(out)
    assert heading.split()[:3] == ["rate", "channels", "length"]
    assert row.split()[:3] == ["16000", "1", "1.00"]
    assert "a.wav: enhanced; content up to" in row
    assert err == "audiosr-pipeline: b.wav: is empty (0 bytes)\n"
