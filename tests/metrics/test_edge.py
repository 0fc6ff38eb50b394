"""Where a recording's content steadily ends, on noise of known bandwidth."""

import numpy as np
import pytest

from audiosr_pipeline.dsp.cutoff import find_bandwidth
from audiosr_pipeline.metrics import round_to_16_bit, steady_edge
from tests.signals import band_limited, noise, tone

# A cell is 94 Hz wide; the window, and frames across a switch, smear an edge over the next few.
TOLERANCE_HZ = 400


def opened(share: float, edge_freq: float = 16_000, upper_freq: float = 20_000) -> np.ndarray:
    """4 s of noise up to `edge_freq`; for that share of each half second, up to `upper_freq`."""
    audio = noise(4.0)
    is_open = np.arange(audio.shape[-1]) % 24_000 < share * 24_000
    return round_to_16_bit(np.where(is_open, band_limited(audio, upper_freq), band_limited(audio, edge_freq)))


@pytest.mark.parametrize("edge_freq", [6_000, 12_000, 18_000])
def test_a_steady_band_ends_at_its_edge(edge_freq):
    assert steady_edge(opened(0, edge_freq)) == pytest.approx(edge_freq, abs=TOLERANCE_HZ)


def test_moments_that_reach_further_do_not_move_the_edge():
    """As a codec lets them through; the band edge over the whole clip is theirs."""
    assert find_bandwidth(opened(0.2)) == pytest.approx(20_000, abs=TOLERANCE_HZ)
    assert steady_edge(opened(0.2)) == pytest.approx(16_000, abs=TOLERANCE_HZ)


def test_what_is_there_most_of_the_time_counts():
    assert steady_edge(opened(0.8)) == pytest.approx(20_000, abs=TOLERANCE_HZ)


def test_pauses_have_no_say():
    """Three quarters of the clip are digital silence, or a hum alone."""
    audio = opened(0)
    audio[:, 48_000:] = 0
    assert steady_edge(audio) == pytest.approx(16_000, abs=TOLERANCE_HZ)
    # Rounding would fill the pauses with the tone's distortion.
    assert steady_edge(audio + tone(50, 4.0, amplitude=0.05)) == pytest.approx(16_000, abs=TOLERANCE_HZ)


def test_what_lies_90_db_below_the_peak_is_no_content():
    """Though above the rounding noise that nothing was rounded with."""
    audio = tone(300, amplitude=0.9) + 0.05 * band_limited(noise(), 4_000) + 1e-4 * noise(seed=1)
    assert steady_edge(audio) == find_bandwidth(audio)


def test_silence_has_no_edge():
    assert steady_edge(np.zeros((1, 48_000))) == 0


def test_the_frames_of_all_channels_count():
    audio = np.concatenate([opened(0, 12_000), opened(0, 16_000)])
    # Half of them reach 16 kHz.
    assert steady_edge(audio) == pytest.approx(16_000, abs=TOLERANCE_HZ)
    audio = np.concatenate([opened(0, 12_000), audio])
    assert steady_edge(audio) == pytest.approx(12_000, abs=TOLERANCE_HZ)
