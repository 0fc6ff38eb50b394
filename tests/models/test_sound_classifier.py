"""The classifier of sounds that ships with the package, and the program that trained it."""

import numpy as np
import pytest
import torch

from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.evaluate_sets import load_embeddings
from audiosr_pipeline.metrics.embeddings import Classifier
from benchmarks.sound_classifier import accuracy_table, labelled_clips, told_labels, train
from tests.signals import noise, tone


def test_the_shipped_classifier_tells_ten_classes_of_audio_at_48_khz():
    (embedding,) = load_embeddings(["classifier"])
    assert isinstance(embedding, Classifier) and embedding.name == "esc10-48k"
    logits = embedding.logits(embedding(noise(5)[0]))
    assert logits.shape == (1, 10)
    # Steady noise is none of the sounds that come and go.
    labels = embedding.source.partition(": ")[2].split(", ")
    assert labels[int(logits.argmax())] in ("rain", "sea_waves", "helicopter", "chainsaw", "fire_crackling")


def save_clips(folder, layout: str) -> None:
    """Two classes that the level of the highs tells apart, in one of ESC-10's layouts."""
    for index in range(8):
        for label, audio in (("Sea waves", noise(1, seed=index)), ("Rooster", tone(300 + 50 * index, 1))):
            path = folder / layout.format(
                label=label, name=label.lower().replace(" ", "_"), fold=index % 4 + 1, id=index
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            write_audio(path, audio, 48_000)


@pytest.mark.parametrize("layout", ["001 - {label}/{fold}-{id}-A.wav", "{name}__{fold}-{id}-A.wav"])
def test_clips_are_read_in_both_layouts(tmp_path, layout):
    save_clips(tmp_path, layout)
    clips = labelled_clips(tmp_path, [2, 3])
    assert {clip.label for clip in clips} == {"sea_waves", "rooster"}
    assert len(clips) == 8 and {clip.fold for clip in clips} == {2, 3}
    with pytest.raises(ValueError, match=r"no clips of the folds \[5\]"):
        labelled_clips(tmp_path, [5])
    write_audio(tmp_path / "mine.wav", noise(1), 48_000)
    with pytest.raises(ValueError, match="mine.wav is named neither CLASS/FOLD-ID-TAKE nor CLASS__FOLD-ID-TAKE"):
        labelled_clips(tmp_path)


def test_training_learns_and_repeats(tmp_path):
    save_clips(tmp_path, "{name}__{fold}-{id}-A.wav")
    clips = labelled_clips(tmp_path)
    models = [train(clips, num_epochs=12, seed=0) for _ in range(2)]
    assert accuracy_table(models[0], clips)[-1] == "| all | 16 of 16, 100.0 % | |"
    assert told_labels(models[0], clips) == [clip.label for clip in clips]
    first, second = (np.concatenate([p.detach().numpy().ravel() for p in model.parameters()]) for model in models)
    np.testing.assert_array_equal(first, second)
    assert torch.isfinite(torch.from_numpy(first)).all()
