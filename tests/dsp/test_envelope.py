"""The envelope of what is generated: no step, no line and no cliff that the input doesn't have."""

import pytest
import torch

from audiosr_pipeline.dsp.envelope import (
    HIGHEST_RISE_DB,
    NUM_FADED,
    NUM_MATCHED,
    limit_rise,
    match_splice,
)
from audiosr_pipeline.dsp.low_band import DB_PER_NEPER, num_low_mels
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor

MEL_EDGES = MelFeatureExtractor().mel_edges


def flat_mel(level: float, rows: int = 2) -> torch.Tensor:
    """The same level everywhere but for a course in time."""
    return level + torch.linspace(-1, 1, 20)[:, None].expand(rows, 1, 20, 256).clone()


@pytest.mark.parametrize("cutoff_freq", [2_000, 8_000, 16_000])
@pytest.mark.parametrize("rise", [-3.0, 0.0, 0.3])
def test_a_band_that_begins_no_3_db_louder_is_left_alone(cutoff_freq, rise):
    mel = flat_mel(rise)
    limit_rise(mel, flat_mel(0.0), cutoff_freq, MEL_EDGES)
    assert torch.equal(mel, flat_mel(rise))


@pytest.mark.parametrize("cutoff_freq", [2_000, 8_000, 11_000])
def test_a_band_that_begins_louder_is_lowered_less_and_less_up_to_an_octave_above(cutoff_freq):
    mel = flat_mel(2.0)
    limit_rise(mel, flat_mel(0.0), cutoff_freq, MEL_EDGES)
    lowered = 2.0 - (mel - flat_mel(0.0))
    low, high = (num_low_mels(freq, MEL_EDGES) for freq in (cutoff_freq, 2 * cutoff_freq))
    # The same in all channels, and, but for the mean at a sloping level's ends (0.1 per frame), at all times.
    assert (lowered - lowered[:1]).abs().max() < 1e-5
    inner = lowered[0, 0, 3:-3]
    assert (inner - inner[:1]).abs().max() < 1e-5
    course = inner[0]
    assert float(course[low]) == pytest.approx(2.0 - HIGHEST_RISE_DB / DB_PER_NEPER, abs=1e-5)
    assert (course[low:high].diff() < 0).all()
    assert course[:low].abs().max() < 1e-6 and course[high:].abs().max() < 1e-6


def test_one_loud_channel_does_not_move_the_others_away():
    """What is compared is the mean over the channels."""
    own, mel = flat_mel(0.0), flat_mel(0.0)
    mel[0] += 2.0
    limit_rise(mel, own, 8_000, MEL_EDGES)
    assert float((mel[0] - mel[1]).mean()) == pytest.approx(2.0, abs=1e-5)


def test_the_first_bin_above_counts():
    """Where a band ends in a cliff, the first bin that is generated may be the loudest by far."""
    own, mel = flat_mel(0.0), flat_mel(0.0)
    low = num_low_mels(19_500, MEL_EDGES)
    mel[..., low] += 5.0
    limit_rise(mel, own, 19_500, MEL_EDGES)
    # Among six, it makes the mean power 5 - ln(6) / 2 nepers, 4.1, of which 0.35 may stay; both rounded, and with the
    # power of the five others, within 0.02.
    assert float((mel - flat_mel(0.0))[..., low].mean()) == pytest.approx(5 - 4.1 + 0.35, abs=0.02)


@pytest.mark.parametrize("cutoff_freq", [0, 24_100])
def test_without_a_band_on_each_side_nothing_is_compared(cutoff_freq):
    mel = flat_mel(5.0)
    limit_rise(mel, flat_mel(0.0), cutoff_freq, MEL_EDGES)
    assert torch.equal(mel, flat_mel(5.0))


def test_what_a_loud_passage_has_too_much_is_not_taken_from_a_quiet_one_a_tenth_of_a_second_away():
    own, mel = torch.zeros(2, 1, 1, 1_000, 256)
    mel[:, :, :200] += 2.0
    before = mel.clone()
    limit_rise(mel, own, 8_000, MEL_EDGES)
    assert torch.equal(mel[:, :, 210:], before[:, :, 210:])
    low = num_low_mels(8_000, MEL_EDGES)
    assert mel[0, 0, 0, low] == pytest.approx(HIGHEST_RISE_DB / DB_PER_NEPER, abs=1e-4)


@pytest.mark.parametrize("cutoff_freq", [2_000, 8_000, 16_000])
def test_what_is_made_at_the_splice_meets_the_input_in_every_frame(cutoff_freq):
    """Else a line of its own stands there, in loud frames alone or in quiet ones."""
    generator = torch.Generator().manual_seed(0)
    own = torch.randn(2, 1, 50, 1, generator=generator).expand(-1, -1, -1, 256).clone()
    missed = torch.randn(2, 1, 50, 1, generator=generator)
    mel = own + missed
    match_splice(mel, own, cutoff_freq, MEL_EDGES)
    low = num_low_mels(cutoff_freq, MEL_EDGES)
    assert torch.allclose(mel[..., low], own[..., low], atol=1e-5)
    assert torch.allclose(mel[..., low + NUM_FADED :], (own + missed)[..., low + NUM_FADED :])
    # In between less and less.
    rest = (mel - own)[..., low : low + NUM_FADED] / missed
    assert torch.allclose(rest, torch.arange(NUM_FADED) / NUM_FADED, atol=1e-4)


def test_only_the_bins_next_to_the_cutoff_are_compared():
    own, mel = torch.zeros(2, 1, 1, 10, 256)
    low = num_low_mels(8_000, MEL_EDGES)
    mel[..., : low - NUM_MATCHED] = 3.0
    before = mel.clone()
    match_splice(mel, own, 8_000, MEL_EDGES)
    assert torch.equal(mel, before)


@pytest.mark.parametrize("cutoff_freq", [0, 24_100])
def test_without_a_band_on_each_side_nothing_is_matched(cutoff_freq):
    mel = flat_mel(5.0)
    match_splice(mel, flat_mel(0.0), cutoff_freq, MEL_EDGES)
    assert torch.equal(mel, flat_mel(5.0))
