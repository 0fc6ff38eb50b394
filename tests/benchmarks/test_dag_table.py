"""DAG's table: which clips are compared, at which rates, and what is printed."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from audiosr_pipeline.metrics.embeddings import ClassifierEmbedding
from audiosr_pipeline.models.sound_classifier import SoundClassifier
from benchmarks.generation import dag
from benchmarks.sound_classifier import LabelledClip


def clips_of(label: str, number: int) -> list[LabelledClip]:
    return [LabelledClip(Path(f"{label}-{index}"), label, 1) for index in range(number)]


def test_as_many_clips_of_each_label_are_taken_evenly():
    chosen = dag.evenly(clips_of("sea", 4) + clips_of("rain", 10), Counter(rain=5, sea=4))
    assert [clip.path.name for clip in chosen] == [
        *(f"rain-{index}" for index in (0, 2, 4, 6, 8)),
        *(f"sea-{index}" for index in range(4)),
    ]
    with pytest.raises(ValueError, match="4 clips of sea in the folds to compare with; needed are 5"):
        dag.evenly(clips_of("sea", 4), Counter(sea=5))


def test_the_lower_rate_ends_at_11_khz():
    time = np.arange(48_000) / 48_000
    below, above = (np.sin(2 * np.pi * freq * time).astype(np.float32) for freq in (5_000, 13_000))
    kept = dag.low_rate([below, above])
    assert np.std(kept[0][1_000:-1_000]) == pytest.approx(np.std(below), rel=1e-2)
    assert np.std(kept[1][1_000:-1_000]) < 1e-3


def test_every_system_has_a_row_at_each_rate():
    torch.manual_seed(0)
    embedding = ClassifierEmbedding(
        SoundClassifier(labels=("rain", "sea"), widths=(2, 2, 2, 2), embedding_size=3), "toy"
    )
    rng = np.random.default_rng(0)
    clips = [rng.normal(0, 0.1, 48_000).astype(np.float32) for _ in range(4)]
    systems = [dag.System("real", clips), dag.System("made", clips[::-1], "1.3", 2.0)]
    table = list(dag.rows(systems, ["rain", "rain", "sea", "sea"], clips, embedding))
    assert [row[:3] for row in table] == [
        ["real", "22.05 kHz", ""],
        ["made", "22.05 kHz", "1.3"],
        ["real", "48 kHz", ""],
        ["made", "48 kHz", "1.3"],
    ]
    # The same clips, in another order, are the same set.
    assert table[2][3].startswith("0.00 ") and table[3][3].startswith("0.00 ")
    assert [row[7] for row in table] == ["", "2.00", "", "2.00"]
    document = dag.markdown(table, ["command"], 4, embedding.name)
    assert "FD[toy-48k, n=4]" in document and document.index("| made |") < document.index("not to be compared")
    assert document.index("not to be compared") < document.index("| DAG48 | 48 kHz | 22 | 47.9 | 6.21 | 37.7 | 6.59 |")
