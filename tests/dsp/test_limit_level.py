"""A new band that is louder than natural sound has it is found, and lowered where it is."""

import numpy as np
import pytest

from audiosr_pipeline.dsp.limit_level import level_excess, lower
from audiosr_pipeline.dsp.low_band import split_bands
from tests.signals import clicks, music_like, noise, speech_like


def bands(audio: np.ndarray, bandwidth: float) -> tuple[np.ndarray, np.ndarray]:
    """What lies above and below, `(channels, num_samples)` each."""
    low = split_bands(audio, bandwidth)
    return audio - low, low


@pytest.mark.parametrize("bandwidth", [2_000, 4_000, 8_000, 12_000, 16_000])
@pytest.mark.parametrize(
    "audio", [noise(3.0), clicks(), speech_like(), music_like()], ids=["white", "clicks", "s", "m"]
)
def test_sounds_with_loud_highs_are_natural(audio, bandwidth):
    high, low = bands(audio, bandwidth)
    assert not level_excess(high, high + low, bandwidth).any()


def test_the_excess_is_how_far_the_power_is_over_the_limit():
    """At 8 kHz white noise has twice the power above, and 6 dB more are natural: 9 dB in all."""
    low, high = np.zeros((2, 2, 48_000), np.float32)
    # Whole periods in each 5 ms.
    low[0] = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(48_000) / 48_000)
    for level, expected in ((8.8, 0.0), (29.0, 20.0)):
        high[1, 24_000:24_240] = 10 ** (level / 20) * low[0, :240]
        excess = level_excess(high, high + low, 8_000.0)
        assert excess.shape == (200,) and np.count_nonzero(excess) == (expected > 0)
        # 3.01 + 6 dB.
        assert excess[100] == pytest.approx(expected, abs=0.02)


def test_what_is_loud_3_seconds_away_is_no_excuse():
    low = 0.001 * noise(10.0)
    low[:, :48_000] *= 1_000
    high = 0.1 * noise(10.0, seed=1)
    excess = level_excess(high, high + low, 4_000.0)
    assert not excess[:790].any() and (excess[810:] > 10).all()


def test_a_constant_is_not_loud():
    high, low = noise(1.0, amplitude=1.0), noise(1.0, amplitude=0.01, seed=1)
    expected = level_excess(high, high + low, 8_000.0)
    assert expected.min() > 10
    assert level_excess(high, high + low + 5.0, 8_000.0) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("num_samples", [7, 239, 240, 241, 1_000, 600_007])
def test_what_is_lowered_is_within_the_limit(num_samples):
    rng = np.random.default_rng(0)
    low, high = rng.standard_normal((2, 2, num_samples)).astype(np.float32)
    low *= 0.01
    high[:, num_samples // 3 : num_samples // 2 + 1] *= 50
    excess = level_excess(high, high + low, 8_000.0)
    assert excess.max() > 30
    before = high.copy()
    lower(high, excess)
    # Half a dB: the gain still moves within a block, and the mean that is taken off changes.
    assert level_excess(high, high + low, 8_000.0).max() < 0.5
    # Channels are lowered alike.
    assert np.allclose(high[0] * before[1], high[1] * before[0], rtol=1e-4, atol=1e-4)


def test_what_is_two_blocks_away_is_left_as_it_is():
    audio = noise(1.0)
    expected = audio.copy()
    reduction = np.zeros(200)
    reduction[50] = 20.0
    lower(audio, reduction)
    kept, lowered = (slice(0, 48 * 240), slice(53 * 240, None)), slice(50 * 240, 51 * 240)
    assert all(np.array_equal(audio[:, part], expected[:, part]) for part in kept)
    assert np.allclose(audio[:, lowered], 0.1 * expected[:, lowered])
