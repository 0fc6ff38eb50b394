"""Embeddings: shapes, windows, and what they see, on networks of the real classes made tiny."""

from pathlib import Path

import numpy as np
import pytest
import torch

from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.metrics.embeddings import (
    ASTEmbedding,
    ClapEmbedding,
    Classifier,
    ClassifierEmbedding,
    TextEmbedding,
    mel_embeddings,
    principal_components,
    windows,
)
from audiosr_pipeline.metrics.frechet import frechet_distance
from audiosr_pipeline.models.sound_classifier import SoundClassifier
from tests.adapters.tiny import save_clap
from tests.signals import noise
from tests.study.sources import save_tagger


def clip(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    return noise(seconds, sampling_rate=rate, seed=seed, amplitude=0.1)[0]


@pytest.fixture(scope="module")
def clap(tmp_path_factory) -> ClapEmbedding:
    return ClapEmbedding(save_clap(tmp_path_factory.mktemp("clap")))


@pytest.fixture(scope="module")
def ast(tmp_path_factory) -> ASTEmbedding:
    return ASTEmbedding(save_tagger(tmp_path_factory.mktemp("ast") / "tagger"))


def test_windows_leave_out_less_than_half_but_keep_the_only_one():
    lengths = {number: [len(part) for part in windows(np.zeros(number), 10)] for number in (3, 10, 14, 15, 16, 25, 26)}
    assert lengths == {3: [3], 10: [10], 14: [10], 15: [10], 16: [10, 6], 25: [10, 10], 26: [10, 10, 6]}


def test_mel_embeddings_see_their_own_band_alone():
    low, high = mel_embeddings()
    assert (low.name, high.name) == ("mel-0-8k-48k", "mel-8-24k-48k")
    full = clip(3, 48_000)
    lowpassed = resample(resample(full[None], 48_000, 16_000), 16_000, 48_000)[0]
    assert low(full).shape == (3, 72) and high(full).shape == (3, 24)
    # Means in nepers; the resampler's slope is from 7.6 to 8 kHz, which the last bands below reach into.
    assert np.abs(low(full) - low(lowpassed))[:, :32].max() < 0.05
    assert (high(full) - high(lowpassed))[:, :12].min() > 3


def test_mel_embeddings_of_silence_are_finite():
    assert all(np.isfinite(embedding(np.zeros(48_000, np.float32))).all() for embedding in mel_embeddings())


def test_components_keep_what_varies():
    generator = np.random.default_rng(0)
    reference = generator.standard_normal((50, 2)) @ generator.standard_normal((2, 10)) + 5
    directions = principal_components(reference, 4)
    assert directions.shape == (10, 4)
    projected = reference @ directions
    # Of two dimensions nothing is lost in four.
    assert np.trace(np.cov(projected, rowvar=False)) == pytest.approx(np.trace(np.cov(reference, rowvar=False)))
    other = reference + directions[:, 0]
    assert frechet_distance(projected, other @ directions) == pytest.approx(frechet_distance(reference, other))


def test_a_classifier_has_one_vector_per_clip_and_its_logits(tmp_path):
    torch.manual_seed(0)
    model = SoundClassifier(labels=("rain", "sea"), widths=(4, 4, 4, 8), embedding_size=5)
    embedding = ClassifierEmbedding(model, "toy")
    vectors = embedding(clip(1, 48_000))
    assert embedding.name == "toy-48k" and vectors.shape == (1, 5)
    assert embedding(clip(7.3, 48_000)).shape == (1, 5)
    assert isinstance(embedding, Classifier) and not isinstance(embedding, TextEmbedding)
    assert embedding.logits(vectors).shape == (1, 2)
    model.save_pretrained(tmp_path)
    again = ClassifierEmbedding(SoundClassifier.from_pretrained(tmp_path), "toy")
    np.testing.assert_array_equal(again(clip(1, 48_000)), vectors)


def test_ast_gives_a_vector_per_window_and_the_model_s_own_logits(ast):
    audio = clip(1, 16_000)
    vectors = ast(audio)
    # Tiny: 128 frames of 10 ms.
    assert ast.name == "ast-16k" and vectors.shape == (1, 16) and ast(clip(3, 16_000)).shape == (2, 16)
    inputs = ast._extractor(audio, sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        expected = ast._model(**inputs).logits
    np.testing.assert_allclose(ast.logits(vectors), expected, rtol=1e-5, atol=1e-6)


def test_clap_gives_unit_vectors_that_chance_has_no_part_in(clap):
    audio = clip(12, 48_000)
    vectors = clap(audio)
    assert clap.name == "clap-48k" and isinstance(clap, TextEmbedding) and not isinstance(clap, Classifier)
    # The window is 10 s, or what the tiny extractor has.
    assert len(vectors) == len(windows(audio, clap._extractor.nb_max_samples))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.random.seed(1)  # noqa: NPY002 - the generator that transformers draws from
    np.testing.assert_array_equal(clap(audio), vectors)
    texts = clap.of_texts(["rain", "a dog barks in the rain"])
    assert texts.shape == (2, vectors.shape[1])
    np.testing.assert_allclose(texts[:1], clap.of_texts(["rain"]), rtol=1e-4, atol=1e-5)


def test_a_checkpoint_of_another_class_is_refused(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        ClapEmbedding(Path(tmp_path / "nowhere"))
