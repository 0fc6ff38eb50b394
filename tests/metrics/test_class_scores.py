"""Divergence, inception score and text similarity: directions, bounds, and independent computations."""

import numpy as np
import pytest
import torch

from audiosr_pipeline.metrics.inception_score import inception_score
from audiosr_pipeline.metrics.kullback_leibler import kullback_leibler
from audiosr_pipeline.metrics.text_similarity import text_similarity

LOGITS = 3 * np.random.default_rng(0).standard_normal((2, 40, 10))


def test_the_divergence_is_from_the_truth_to_what_was_generated():
    truth, generated = map(torch.from_numpy, LOGITS)
    # torch's takes the logarithm of the approximation first, then the target.
    expected = torch.nn.functional.kl_div((generated.softmax(1) + 1e-6).log(), truth.softmax(1), reduction="none").sum(
        1
    )
    np.testing.assert_allclose(kullback_leibler(*LOGITS), expected, rtol=1e-9)
    assert not np.allclose(kullback_leibler(*LOGITS), kullback_leibler(*LOGITS[::-1]))


def test_equal_logits_and_their_shifts_do_not_diverge():
    # 1e-6 for each of ten classes.
    assert np.abs(kullback_leibler(LOGITS[0], LOGITS[0] + 5)).max() < 1.01e-5


def test_certainty_of_a_class_that_the_other_excludes_is_finite():
    sure = np.array([[1_000.0, 0.0]])
    assert kullback_leibler(sure, sure[:, ::-1]) == pytest.approx(-np.log(1e-6), rel=1e-6)


def test_the_divergence_needs_pairs():
    with pytest.raises(ValueError, match=r"logits \(40, 10\) of the truth and \(39, 10\)"):
        kullback_leibler(LOGITS[0], LOGITS[1, :39])


def test_the_inception_score_is_between_one_and_the_number_of_classes():
    assert inception_score(np.tile(LOGITS[0, :1], (20, 1))) == pytest.approx(1)
    assert inception_score(np.zeros((20, 10))) == pytest.approx(1)
    assert inception_score(np.tile(100 * np.eye(10), (2, 1))) == pytest.approx(10)
    assert 1 < inception_score(LOGITS[0]) < 10


def test_splits_are_scored_apart():
    halves = [inception_score(LOGITS[0, :20]), inception_score(LOGITS[0, 20:])]
    assert inception_score(LOGITS[0], num_splits=2) == pytest.approx(np.mean(halves))
    # Fewer clips, lower bound: all sure and all different.
    assert inception_score(100 * np.eye(10), num_splits=5) == pytest.approx(2)
    with pytest.raises(ValueError, match="num_splits=21 of 40 clips; accepted are splits of two"):
        inception_score(LOGITS[0], num_splits=21)


def test_the_similarity_is_of_directions():
    audio, text = LOGITS
    np.testing.assert_allclose(text_similarity(audio, 7 * audio), 1)
    np.testing.assert_allclose(text_similarity(audio, text), text_similarity(3 * audio, text))
    with pytest.raises(ValueError, match="1 of the embeddings are zero"):
        text_similarity(np.vstack([np.zeros((1, 10)), audio[1:]]), text)
    with pytest.raises(ValueError, match=r"\(40, 10\) of clips and \(3, 10\) of texts"):
        text_similarity(audio, text[:3])
