"""Folders compared as sets: what is measured, what a figure is named by, and which sets are refused."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.evaluate import read_named_captions
from audiosr_pipeline.evaluate_sets import (
    evaluate_sets,
    load_embeddings,
    sets_summary,
    write_sets_table,
)
from audiosr_pipeline.metrics.embeddings import ClassifierEmbedding, mel_embeddings
from audiosr_pipeline.models.sound_classifier import SoundClassifier
from tests.adapters.tiny import save_clap
from tests.signals import noise

# Clips of the same kind: noise of many slopes.
TILTS = np.linspace(-6, 0, 8)
BELOW, ABOVE = "FD[mel-0-8k-48k, n=8]", "FD[mel-8-24k-48k, n=8]"


def save_set(folder: Path, seed: int = 0, rate: int = 48_000, amplitude: float = 0.1, names: str = "clip{}") -> Path:
    folder.mkdir(parents=True)
    for index, tilt in enumerate(TILTS):
        audio = noise(2, rate, seed=100 * seed + index, tilt_db=tilt, amplitude=amplitude)
        write_audio(folder / f"{names.format(index)}.wav", audio, rate)
    return folder


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> Path:
    return save_set(tmp_path_factory.mktemp("sets") / "reference")


def toy_classifier() -> ClassifierEmbedding:
    torch.manual_seed(0)
    return ClassifierEmbedding(SoundClassifier(labels=("a", "b", "c"), widths=(4, 4, 4, 4), embedding_size=3), "toy")


def test_like_sets_are_near_and_a_missing_band_is_seen_where_it_is(reference, tmp_path):
    alike = evaluate_sets(reference, save_set(tmp_path / "alike", seed=1), mel_embeddings())
    dull = evaluate_sets(reference, save_set(tmp_path / "dull", seed=1, rate=16_000), mel_embeddings())
    assert list(alike.figures) == [BELOW, ABOVE]
    for figure in alike.figures.values():
        # No more than what so few clips have by chance.
        assert 0 <= figure.low <= figure.value <= figure.high and figure.value < 2 * figure.bias
    # Levels above 8 kHz fall by some nepers in each of twelve bands.
    assert dull.figures[ABOVE].value > 100 > 20 * alike.figures[ABOVE].value
    assert dull.figures[BELOW].value < 20
    assert dull.num_vectors == {"mel-0-8k-48k": (16, 16), "mel-8-24k-48k": (16, 16)}
    assert dull.generated.rates == [16_000]


def test_a_classifier_adds_scores_and_pairs_need_names(reference, tmp_path):
    classifier = toy_classifier()
    same = evaluate_sets(reference, reference, [classifier])
    kl, score = "KL[toy-48k, n=8, reference to generated, softmax]", "IS[toy-48k, n=8, 1 split]"
    assert list(same.figures) == ["FD[toy-48k, n=8]", score, f"{score} of the reference", kl]
    # A millionth per class.
    assert abs(same.figures[kl].value) < 4e-6 and same.figures[kl].bias == 0
    assert same.figures["FD[toy-48k, n=8]"].value == pytest.approx(0, abs=1e-9)
    assert same.figures[score] == same.figures[f"{score} of the reference"]
    other = evaluate_sets(reference, save_set(tmp_path / "other", names="other{}"), [classifier])
    assert kl not in other.figures and "no KL of toy-48k" in other.notes[0]
    assert other.notes[0] in sets_summary(other)


def test_captions_need_an_embedding_of_texts(reference, tmp_path):
    captions = {f"clip{index}": "rain" for index in range(8)}
    with pytest.raises(ValueError, match="no embedding of texts: add clap=FOLDER"):
        evaluate_sets(reference, reference, [toy_classifier()], captions)
    (clap,) = load_embeddings([f"clap={save_clap(tmp_path / 'clap')}"])
    found = evaluate_sets(reference, reference, [clap], captions)
    similarity = found.figures["text similarity[clap-48k, n=8]"]
    assert -1 < similarity.low < similarity.value < similarity.high < 1
    del captions["clip3"]
    with pytest.raises(ValueError, match="1 of the generated clips have no caption, such as 'clip3'"):
        evaluate_sets(reference, reference, [clap], captions)


def test_silent_clips_are_counted_and_count(reference, tmp_path):
    folder = save_set(tmp_path / "partly", seed=1)
    write_audio(folder / "clip2.wav", np.zeros((1, 96_000), np.float32), 48_000)
    found = evaluate_sets(reference, folder, mel_embeddings())
    assert found.generated.silent == ["clip2"] and found.reference.silent == []
    assert "8 clips at 48 kHz" in found.generated.text() and "1 silent, such as clip2" in found.generated.text()
    assert found.figures[BELOW].value > 20 and found.figures[BELOW].num_clips == 8


def test_loudness_is_reported_and_left_as_it_is(reference, tmp_path):
    quiet = evaluate_sets(reference, save_set(tmp_path / "quiet", amplitude=0.01), mel_embeddings())
    assert quiet.reference.loudness_lufs - quiet.generated.loudness_lufs == pytest.approx(20, abs=0.1)
    assert quiet.figures[BELOW].value > 100


def test_sets_of_unequal_or_too_few_clips_are_refused(reference, tmp_path):
    few = save_set(tmp_path / "few")
    for index in range(1, 8):
        (few / f"clip{index}.wav").unlink()
    with pytest.raises(ValueError, match=r"holds 8 clips and .*few 1; accepted are equal numbers from 2 on"):
        evaluate_sets(reference, few, mel_embeddings())
    with pytest.raises(ValueError, match=r"few holds 1 clips and .*few 1"):
        evaluate_sets(few, few, mel_embeddings())


def test_clips_that_cannot_be_used_leave_no_set(reference, tmp_path):
    folder = save_set(tmp_path / "bad")
    (folder / "clip0.wav").write_bytes(b"")
    write_audio(folder / "clip1.wav", noise(0.5), 48_000)
    with pytest.raises(ValueError, match=r"2 of 8 clips can't be used.*clip0.wav: is empty.*clip1.wav: lasts 0.50 s"):
        evaluate_sets(reference, folder, mel_embeddings())


def test_the_table_has_a_row_per_figure(reference, tmp_path):
    found = evaluate_sets(reference, reference, mel_embeddings())
    write_sets_table(found, tmp_path)
    with open(tmp_path / "sets.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["figure"] for row in rows] == [BELOW, ABOVE]
    assert all(row["clips"] == "8" and math.isfinite(float(row["bias"])) for row in rows)


def test_an_unknown_embedding_is_named():
    for choice in ("vggish", "clap", "clap=", "mel=x"):
        with pytest.raises(ValueError, match=f"'{choice}'; accepted are mel, classifier, clap=FOLDER and ast=FOLDER"):
            load_embeddings([choice])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,text\na,rain\n", "no column caption"),
        ("name,caption\na,rain\na,sea\n", "line 3: 'a' comes twice"),
        ("name,caption\na, \n", "line 2: 'a' has no caption"),
    ],
)
def test_captions_that_are_none_are_refused(tmp_path, text, words):
    path = tmp_path / "captions.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_named_captions(path)
    with pytest.raises(FileNotFoundError, match="columns name and caption"):
        read_named_captions(tmp_path / "none.csv")
