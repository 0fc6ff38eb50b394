"""A `level_predictor` moves what was generated to the levels that it expects, and nothing else."""

import pytest
import torch

from audiosr_pipeline.dsp.low_band import num_low_mels
from audiosr_pipeline.models.level_predictor import SHARE, LevelPredictor
from tests.conftest import build_tiny_pipeline
from tests.pipelines.stubs import new_band, seeded
from tests.signals import rms

CUTOFF_FREQ = 4_000
# Three standard deviations of the reference: the mean of 4 bands of 8 bins in 128 frames, of values that deviate by 1.
TOLERANCE = 3 / (4 * 8 * 128) ** 0.5


def expecting(*levels: float) -> LevelPredictor:
    """A predictor that expects `levels[i]` nepers above the reference in the i-th window that it is asked about."""
    predictor = LevelPredictor(num_centres=1)
    remaining = list(levels)
    change = predictor.forward

    def forward(mel, num_low):
        predictor.weight[:, -1] = remaining.pop(0)
        return change(mel, num_low)

    predictor.forward = forward
    return predictor


@pytest.fixture
def low() -> int:
    return num_low_mels(CUTOFF_FREQ, build_tiny_pipeline().feature_extractor.mel_edges)


def test_each_band_above_the_cutoff_comes_near_its_level(low):
    pipe = build_tiny_pipeline(level_predictor=expecting(0.0))
    given = torch.randn(1, 1, 128, 256, generator=seeded(0)) - 5
    generated = torch.randn(1, 1, 128, 256, generator=seeded(1)) - 4
    mel = generated.clone()
    pipe._set_levels(mel, given, CUTOFF_FREQ)
    assert torch.equal(mel[..., :low], generated[..., :low])
    # A share of the way to that of the bands below the cutoff, and a gain for all frames.
    assert float(mel[..., low:].mean()) == pytest.approx(-4 - SHARE, abs=TOLERANCE)
    changes = (mel - generated)[..., low:]
    assert (changes - changes[:, :, :1]).abs().max() < 1e-5


def test_channels_share_the_gain(low):
    pipe = build_tiny_pipeline(level_predictor=expecting(0.0))
    given = torch.randn(2, 1, 128, 256, generator=seeded(0)) - 5
    generated = given.clone()
    generated[0, ..., low:] += 1.0
    mel = generated.clone()
    pipe._set_levels(mel, given, CUTOFF_FREQ)
    changes = mel - generated
    assert torch.allclose(changes[0], changes[1], atol=1e-5)
    assert float(changes[..., low:].mean()) == pytest.approx(-0.5 * SHARE, abs=TOLERANCE)


def test_each_window_has_levels_of_its_own_and_they_merge(low):
    pipe = build_tiny_pipeline(level_predictor=expecting(0.0, 0.5, 1.0))
    given = torch.full((1, 1, 224, 256), -5.0)
    mel = given.clone()
    pipe._set_levels(mel, given, CUTOFF_FREQ)
    course = mel[0, 0, :, -1]
    assert float(course[0]) == pytest.approx(-5) and float(course[-1]) == pytest.approx(-5 + SHARE)
    assert (course.diff() >= -1e-6).all() and course.diff().max() < 0.05


def test_a_pipeline_with_one_has_other_levels():
    without, with_one = (
        rms(new_band(build_tiny_pipeline(level_predictor=predictor))) for predictor in (None, expecting(6.0))
    )
    assert with_one > 1.5 * without
