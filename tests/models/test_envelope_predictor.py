"""What is expected above the cutoff, from what is below it."""

import pytest
import torch
from torch import Tensor

from audiosr_pipeline.models.envelope_predictor import EnvelopePredictor
from tests.pipelines.stubs import seeded

NUM_LOW = 128


@pytest.fixture(scope="module")
def predictor() -> EnvelopePredictor:
    torch.manual_seed(0)
    return EnvelopePredictor(hidden_size=16, intermediate_size=16, dilations=(1, 2), level_frames=9).eval()


def mels(num_clips: int = 2, num_frames: int = 60) -> Tensor:
    return torch.randn(num_clips, 1, num_frames, 256, generator=seeded(0)) - 5


@torch.no_grad()
def test_only_what_is_below_the_cutoff_counts(predictor):
    mel = mels()
    other = mel.clone()
    other[..., NUM_LOW:] = 3.0
    expected = predictor(mel, NUM_LOW)
    assert expected.shape == mel.shape and expected.dtype == torch.float32
    assert torch.equal(predictor(other, NUM_LOW), expected)
    assert not torch.equal(predictor(mel, NUM_LOW - 1), expected)


@torch.no_grad()
def test_a_louder_input_gives_a_louder_prediction(predictor):
    mel = mels()
    # Only the distance from the floor is another: the network sees it.
    predictor = EnvelopePredictor(**{**predictor.config, "log_floor": -1e3}).eval()
    with_weights = predictor.project_in.weight
    with_weights[:, -1] = 0
    louder = predictor(mel + 1.0, NUM_LOW)
    # Rounding of levels of some nepers.
    assert torch.allclose(louder, predictor(mel, NUM_LOW) + 1.0, atol=1e-4)


@torch.no_grad()
def test_a_cutoff_for_each_clip_is_as_one_after_the_other(predictor):
    mel = mels()
    together = predictor(mel, torch.tensor([100, 180]))
    for row, num_low in enumerate((100, 180)):
        # Batches of other sizes are rounded otherwise.
        assert torch.allclose(together[row], predictor(mel[row, None], num_low)[0], atol=1e-5)


@torch.no_grad()
def test_what_is_further_off_than_its_context_does_not_count(predictor):
    mel = mels(1)
    other = mel.clone()
    other[:, :, : 30 - predictor.context_frames] += 1.0
    assert torch.equal(predictor(other, NUM_LOW)[:, :, 30:], predictor(mel, NUM_LOW)[:, :, 30:])
    other[:, :, 30 - predictor.context_frames] += 1.0
    assert not torch.equal(predictor(other, NUM_LOW)[:, :, 30], predictor(mel, NUM_LOW)[:, :, 30])


@torch.no_grad()
@pytest.mark.parametrize("num_low", [0, 1, 255, 256])
@pytest.mark.parametrize("num_frames", [1, 2, 8])
def test_any_cutoff_length_and_silence_give_finite_levels(predictor, num_low, num_frames):
    silence = torch.full((1, 1, num_frames, 256), predictor.config.log_floor)
    for mel in (mels(1, num_frames), silence):
        expected = predictor(mel, num_low)
        assert expected.isfinite().all() and expected.min() >= predictor.config.log_floor
