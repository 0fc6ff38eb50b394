"""What the speed benchmark feeds the pipeline, and what it prints."""

import numpy as np

from benchmarks import speed
from tests.signals import rms


def test_the_signal_is_the_same_however_long_it_is_and_no_clip_is_left_alone(tiny_pipeline):
    short, long = speed.test_signal(1.0, 2), speed.test_signal(2.0, 2)
    assert short.shape == (2, speed.SAMPLING_RATE) and 0.05 < rms(short) < 0.2
    assert not np.array_equal(short[0], short[1])
    assert long.shape == (2, 2 * speed.SAMPLING_RATE)
    assert tiny_pipeline([short], speed.SAMPLING_RATE).reports[0].action == "enhanced"


def test_the_table_has_a_row_for_each_length_and_the_shares_of_a_row_add_up(tiny_pipeline, monkeypatch):
    monkeypatch.setattr(speed.AudioSRPipeline, "from_pretrained", lambda checkpoint: tiny_pipeline)
    monkeypatch.setattr(speed, "LENGTHS_S", (0.5,))
    for name in speed.STEPS:
        monkeypatch.setattr(tiny_pipeline, name, getattr(tiny_pipeline, name), raising=True)
    rows = [line for line in speed.speed_table("tiny") if line.startswith("| 0.5 s")]
    assert [row.split(" | ")[0] for row in rows] == ["| 0.5 s, mono", "| 0.5 s, stereo"]
    for row in rows:
        shares = [int(cell.strip(" |%")) for cell in row.split(" | ")[2:]]
        assert len(shares) == len(speed.STEPS) and abs(sum(shares) - 100) <= len(speed.STEPS) / 2
