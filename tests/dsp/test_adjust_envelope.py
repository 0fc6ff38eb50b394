"""What is generated moves towards what is expected, and keeps its detail."""

import pytest
import torch
from torch import Tensor

from audiosr_pipeline.dsp.adjust_envelope import (
    ENVELOPE_MELS,
    FAST_KEPT,
    FAST_SHARE,
    OFFSET,
    SLOW_SHARE,
    adjust_envelope,
)
from audiosr_pipeline.dsp.low_band import num_low_mels
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor

CUTOFF_FREQ = 4_000
EDGES = MelFeatureExtractor().mel_edges
LOW = num_low_mels(CUTOFF_FREQ, EDGES)


def adjusted(mel: Tensor, expected: Tensor) -> Tensor:
    mel = mel.clone()
    adjust_envelope(mel, expected, CUTOFF_FREQ, EDGES)
    return mel


def test_steady_levels_go_their_share_of_the_way():
    mel, expected = torch.full((1, 1, 50, 256), -5.0), torch.full((1, 1, 50, 256), -3.0)
    result = adjusted(mel, expected)
    assert torch.equal(result[..., :LOW], mel[..., :LOW])
    assert torch.allclose(result[..., LOW:], torch.tensor(-5.0 + 2 * SLOW_SHARE + OFFSET), atol=1e-5)


def test_nothing_below_the_cutoff_counts():
    mel, expected = torch.randn(2, 1, 30, 256), torch.randn(2, 1, 30, 256)
    wrong = expected.clone()
    wrong[..., :LOW] = 100
    other = mel.clone()
    other[..., :LOW] = 100
    assert torch.equal(adjusted(other, wrong)[..., LOW:], adjusted(mel, expected)[..., LOW:])


@pytest.mark.parametrize(("which", "share"), [("expected", FAST_SHARE), ("generated", FAST_KEPT)])
def test_a_stroke_of_one_frame_comes_through_at_its_time(which, share):
    mel, expected = (torch.full((1, 1, 101, 256), -5.0) for _ in range(2))
    (expected if which == "expected" else mel)[:, :, 50] += 2.0
    result = adjusted(mel, expected)[0, 0, :, 200] - OFFSET
    assert int(result.argmax()) == 50
    # Of its 1/11th that is slow, the slow share.
    slow = SLOW_SHARE if which == "expected" else 1 - SLOW_SHARE
    assert float(result[50]) == pytest.approx(-5 + 2.0 * (share * 10 / 11 + slow / 11), abs=1e-4)


def test_detail_finer_than_the_envelope_stays():
    generator = torch.Generator().manual_seed(0)
    mel = torch.randn(1, 1, 40, 256, generator=generator) - 5
    change = adjusted(mel, torch.full_like(mel, -5.0)) - mel
    # One bin is a ninth of an envelope's level, which alone moves.
    assert change[..., LOW:].std() < 1.5 / ENVELOPE_MELS**0.5
    detail = (mel[..., LOW + 1 :] - mel[..., LOW:-1]).flatten()
    after = (adjusted(mel, torch.full_like(mel, -5.0))[..., LOW:].diff(dim=-1)).flatten()
    assert torch.corrcoef(torch.stack([detail, after]))[0, 1] > 0.95


def test_rows_are_adjusted_each_by_itself():
    mel, expected = torch.randn(2, 1, 30, 256), torch.randn(2, 1, 30, 256)
    both = adjusted(mel, expected)
    assert torch.equal(both[1:], adjusted(mel[1:], expected[1:]))


@pytest.mark.parametrize("num_frames", [1, 3, 8])
@pytest.mark.parametrize("cutoff_freq", [1_000, 16_000, 23_000, 24_000])
def test_any_length_and_cutoff(num_frames, cutoff_freq):
    mel = torch.randn(1, 1, num_frames, 256)
    adjust_envelope(mel, torch.randn(1, 1, num_frames, 256), cutoff_freq, EDGES)
    assert mel.isfinite().all()
