"""A pipeline's `envelope_predictor` is asked about the input, and what is generated follows it."""

import torch

from audiosr_pipeline.models.envelope_predictor import EnvelopePredictor
from tests.conftest import build_tiny_pipeline
from tests.pipelines.stubs import new_band
from tests.signals import rms


def expecting(nepers: float) -> EnvelopePredictor:
    """A predictor that expects a flat band at a level relative to the input's."""
    predictor = EnvelopePredictor(hidden_size=8, intermediate_size=8, dilations=(1,)).eval()
    torch.nn.init.zeros_(predictor.head.weight)
    torch.nn.init.constant_(predictor.head.bias, nepers)
    return predictor


def test_a_pipeline_with_one_has_other_levels():
    quiet, loud = (rms(new_band(build_tiny_pipeline(envelope_predictor=expecting(level)))) for level in (-2.0, 0.0))
    assert loud > 1.5 * quiet


def test_a_long_clip_is_expected_in_windows_that_merge():
    pipe = build_tiny_pipeline(envelope_predictor=expecting(0.0))
    # Three windows of 1.28 s and their margins.
    mel = torch.full((1, 1, 400, 256), -5.0)
    seen = []
    forward = pipe.envelope_predictor.forward
    pipe.envelope_predictor.forward = lambda mel, num_low: seen.append(mel.shape[2]) or forward(mel, num_low)
    expected = pipe.expect(mel, 4_000)
    assert expected.shape == mel.shape and len(seen) > 1 and max(seen) < 400
    assert (expected - expected[:, :, :1]).abs().max() < 1e-4


def test_it_sees_the_input_up_to_the_cutoff_alone():
    pipe = build_tiny_pipeline()
    mel = torch.randn(1, 1, 64, 256) - 5
    other = mel.clone()
    # 8 kHz is the 187th bin.
    other[..., 190:] += 2
    assert torch.equal(pipe.expect(mel, 8_000), pipe.expect(other, 8_000))
