"""Levels above the cutoff, from statistics of what is below it."""

import pytest
import torch
from torch import Tensor

from audiosr_pipeline.models.level_predictor import MAX_CHANGE, SHARE, LevelPredictor
from audiosr_pipeline.training.level import solve
from tests.pipelines.stubs import seeded

NUM_LOW = 128


def mels(num_clips: int, seed: int, gap: float = 2.0) -> Tensor:
    """Clips of any timbre whose bands from the 16th on are `gap` nepers below the mean of the four before them."""
    generator = seeded(seed)
    timbre = torch.randn(num_clips, 1, 1, 32, generator=generator).repeat_interleave(8, dim=-1)
    mel = timbre - 5 + 0.3 * torch.randn(num_clips, 1, 50, 256, generator=generator)
    mel[..., NUM_LOW:] -= mel[..., NUM_LOW:].mean(2, keepdim=True)
    mel[..., NUM_LOW:] += mel[..., NUM_LOW - 32 : NUM_LOW].mean((2, 3), keepdim=True) - gap
    return mel


@pytest.fixture(scope="module")
def predictor() -> LevelPredictor:
    model = LevelPredictor(num_centres=200)
    statistics = model.statistics(mels(1_000, seed=0))
    solve(model, statistics, statistics[:, 0], ridge=1e-3)
    return model


def test_levels_that_follow_from_the_low_bands_are_found(predictor):
    mel = mels(20, seed=1, gap=1.0)
    change = predictor(mel, NUM_LOW)
    assert change.shape == (20, 1, 1, 256)
    # They are one neper too loud.
    assert (change[..., NUM_LOW:] + SHARE).abs().max() < 0.05


def test_what_is_generated_has_no_part_in_what_is_expected(predictor):
    mel = mels(3, seed=1)
    louder = mel.clone()
    louder[..., NUM_LOW:] += 0.5
    difference = predictor(louder, NUM_LOW) - predictor(mel, NUM_LOW)
    assert (difference[..., NUM_LOW:] + 0.5 * SHARE).abs().max() < 1e-4


def test_pauses_do_not_count(predictor):
    mel = mels(3, seed=1)
    pause = torch.full((3, 1, 30, 256), predictor.config.log_floor)
    with_pause = predictor(torch.cat([pause, mel, pause], dim=2), NUM_LOW)
    assert torch.equal(with_pause, predictor(mel, NUM_LOW))


def test_no_band_is_changed_by_more_than_16_db(predictor):
    mel = mels(3, seed=1)
    mel[..., NUM_LOW:] -= 5
    assert torch.equal(predictor(mel, NUM_LOW)[..., NUM_LOW:], torch.full((3, 1, 1, NUM_LOW), MAX_CHANGE))


@pytest.mark.parametrize("num_low", [0, 7, 100, 255])
def test_any_cutoff_and_silence_give_finite_changes(predictor, num_low):
    silence = torch.full((1, 1, 8, 256), predictor.config.log_floor)
    for mel in (mels(1, seed=1), silence):
        assert predictor(mel, num_low).isfinite().all()
