"""An audio tagger says how likely a clip is music."""

import pytest
import torch
from scipy.special import logit
from transformers import ASTFeatureExtractor, ASTForAudioClassification

from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.study.tagging import load_music_tagger
from tests.signals import music_like, noise
from tests.study.sources import save_tagger


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_tagger(tmp_path_factory.mktemp("tagger"))


def test_the_score_is_the_probability_of_music_by_itself(checkpoint):
    audio = music_like(1.0, 16_000)
    features = ASTFeatureExtractor.from_pretrained(checkpoint)(audio[0], sampling_rate=16_000, return_tensors="pt")
    model = ASTForAudioClassification.from_pretrained(checkpoint)
    with torch.inference_mode():
        # Labels of AudioSet don't exclude each other: a sigmoid, where a softmax would make them add up to 1.
        expected = model(**features).logits[0].sigmoid()[1].item()
    assert load_music_tagger(checkpoint)(audio, 16_000) == pytest.approx(expected, abs=1e-5)


def test_any_rate_and_both_channels_are_heard(checkpoint):
    tagger = load_music_tagger(checkpoint)

    def score(audio, sampling_rate):
        return logit(tagger(audio, sampling_rate))

    audio = noise(1.0, 16_000, tilt_db=-6)
    # What the resampler takes off at the band edge, where another clip differs by several times that.
    assert score(resample(audio, 16_000, 48_000), 48_000) == pytest.approx(score(audio, 16_000), abs=0.1)
    assert abs(score(music_like(1.0, 16_000), 16_000) - score(audio, 16_000)) > 0.5
    one_sided = audio.repeat(2, axis=0)
    one_sided[1] = 0
    assert score(one_sided, 16_000) == pytest.approx(score(audio / 2, 16_000), abs=0.01)


def test_a_classifier_that_knows_no_music_is_told(tmp_path):
    with pytest.raises(ValueError, match="3 labels, none of them Music, Musical instrument, Singing"):
        load_music_tagger(save_tagger(tmp_path, labels=("Speech", "Wind", "Rain")))
