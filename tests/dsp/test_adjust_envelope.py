"""What is generated moves towards what is expected, and keeps its detail."""

import pytest
import torch
from torch import Tensor

from audiosr_pipeline.dsp.envelope import EnvelopeAdjustment, adjust_envelope
from audiosr_pipeline.dsp.low_band import DB_PER_NEPER, num_low_mels
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor

CUTOFF_FREQ = 4_000
EDGES = MelFeatureExtractor().mel_edges
LOW = num_low_mels(CUTOFF_FREQ, EDGES)
SETTINGS = EnvelopeAdjustment()
SHARE = SETTINGS.steady_share


def adjusted(mel: Tensor, expected: Tensor, cutoff_freq: float = CUTOFF_FREQ) -> Tensor:
    mel = mel.clone()
    # What is expected is made up for being too low.
    adjust_envelope(mel, expected - SETTINGS.offset_db / DB_PER_NEPER, cutoff_freq, EDGES, SETTINGS)
    return mel


def flat(level: float = -5.0, num_frames: int = 301) -> Tensor:
    return torch.full((1, 1, num_frames, 256), level)


def test_the_level_goes_its_share_of_the_way():
    result = adjusted(flat(-5.0), flat(-3.0))
    assert torch.equal(result[..., :LOW], flat()[..., :LOW])
    # Rounding of sums over the band.
    assert torch.allclose(result[..., LOW:], torch.tensor(-5.0 + 2 * SHARE), atol=1e-4)


def test_the_spectrum_goes_its_share_of_the_way():
    tilt = torch.linspace(1, -1, 256 - LOW)
    mel, expected = flat(), flat()
    mel[..., LOW:] += tilt
    expected[..., LOW:] -= tilt
    result = adjusted(mel, expected)[0, 0, :, LOW:]
    # At the band's ends the means over nine bins have one side only.
    wanted = (-5 + (1 - 2 * SHARE) * tilt)[8:-8]
    assert torch.allclose(result[:, 8:-8], wanted.expand(len(result), -1), atol=1e-4)


@pytest.mark.parametrize(("which", "share"), [("expected", SHARE), ("generated", 1 - SHARE)])
def test_a_stroke_of_one_frame_comes_through_at_its_time(which, share):
    mel, expected = flat(), flat()
    (expected if which == "expected" else mel)[:, :, 150] += 2.0
    result = adjusted(mel, expected)[0, 0, :, LOW:]
    assert torch.allclose(result[150], torch.tensor(-5 + 2.0 * share), atol=1e-4)
    assert torch.allclose(result[:150], torch.tensor(-5.0), atol=1e-4)


@pytest.mark.parametrize(
    ("which", "share"), [("expected", SETTINGS.expected_rest), ("generated", SETTINGS.generated_rest)]
)
def test_what_comes_and_goes_in_parts_of_the_band_is_mixed(which, share):
    """A pattern that is level over all bins and over a second."""
    num_bins = (256 - LOW) // 2 * 2
    pattern = torch.ones(301, 256 - LOW)
    pattern[:, num_bins // 2 :] = -1
    pattern[1::2] *= -1
    mel, expected = flat(), flat()
    (expected if which == "expected" else mel)[0, 0, :, LOW:] += pattern
    result = adjusted(mel, expected)[0, 0, 60:-60, LOW + 8 : LOW + num_bins // 2 - 8]
    # One frame of 101 is over.
    assert torch.allclose(result + 5, share * pattern[60:-60, :1], atol=0.02)


def test_detail_that_comes_and_goes_stays_and_grows():
    detail = torch.zeros(301, 256)
    detail[:, LOW + 20 :: 9] = 1.0
    detail[1::2] *= -1
    peaks = adjusted(flat() + detail, flat())[0, 0, 150, LOW + 38 : LOW + 38 + 9]
    # One frame of 101 is over.
    assert float(peaks.max() - peaks.median()) == pytest.approx(SETTINGS.detail_gain, abs=0.02)


def test_a_gap_of_one_bin_that_stays_is_filled_as_the_rest_of_the_spectrum():
    mel = flat()
    mel[..., LOW + 3] -= 1.0
    result = adjusted(mel, flat())[0, 0, 150, LOW : LOW + 12]
    # One bin of the band moves its mean by less than 0.01.
    assert torch.allclose(result[3] - result[8], torch.tensor(SHARE - 1.0), atol=0.01)


def test_an_edge_that_the_model_makes_where_the_input_s_skirt_ends_does_not_grow():
    """In a sound of 0.1 s, four bins above the cutoff, where a third of the detail is left."""
    mel = flat()
    mel[:, :, 145:155, LOW + 4 :] -= 1.0
    fall = -adjusted(mel, flat())[0, 0, 150].diff()[LOW:]
    assert 0 < float(fall.max()) < 0.5 * SETTINGS.detail_gain


def test_a_wall_that_is_expected_where_coders_end_becomes_a_slope():
    """20 dB at 20 kHz, as recordings that were coded once teach it: 1 dB per bin. At 8 kHz a fall stays a fall."""
    for frequency, is_wall in ((20_000, True), (8_000, False)):
        wall, expected = num_low_mels(frequency, EDGES), flat()
        expected[..., wall:] -= 2.3
        fall = -adjusted(flat(), expected)[0, 0, 150].diff()[LOW:]
        assert float(fall.max()) == pytest.approx(
            SHARE * (SETTINGS.steepest_slope_db / DB_PER_NEPER if is_wall else 2.3), abs=1e-4
        )


def test_nothing_below_the_cutoff_counts():
    mel, expected = torch.randn(2, 1, 30, 256), torch.randn(2, 1, 30, 256)
    wrong, other = expected.clone(), mel.clone()
    wrong[..., :LOW] = 100
    other[..., :LOW] = 100
    assert torch.equal(adjusted(other, wrong)[..., LOW:], adjusted(mel, expected)[..., LOW:])


def test_rows_are_adjusted_each_by_itself():
    mel, expected = torch.randn(2, 1, 30, 256), torch.randn(2, 1, 30, 256)
    assert torch.equal(adjusted(mel, expected)[1:], adjusted(mel[1:], expected[1:]))


@pytest.mark.parametrize("num_frames", [1, 3, 8])
@pytest.mark.parametrize("cutoff_freq", [1_000, 16_000, 23_000, 24_000])
def test_any_length_and_cutoff(num_frames, cutoff_freq):
    mel = torch.randn(1, 1, num_frames, 256)
    assert adjusted(mel, torch.randn(1, 1, num_frames, 256), cutoff_freq).isfinite().all()
