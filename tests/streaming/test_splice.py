"""What is added to a stream lies above its band edge, whatever step it comes in."""

import numpy as np
import pytest
from scipy import signal

from audiosr_pipeline.streaming.splice import TRANSITION_HZ, Splice, highpass_taps

EDGES = (2_000.0, 6_400.0, 19_999.0)


def spliced(audio: np.ndarray, edges: list[float]) -> np.ndarray:
    splice = Splice(len(audio), 240)
    steps = np.split(audio, audio.shape[1] // 1_440, axis=1)
    return np.concatenate([splice.push(step, edge) for step, edge in zip(steps, edges, strict=True)], axis=1)


@pytest.mark.parametrize("edge", EDGES)
def test_the_filter_stops_what_lies_below_the_edge_and_passes_what_lies_above(edge):
    frequencies, response = signal.freqz(highpass_taps(edge), worN=1 << 15, fs=48_000)
    level = 20 * np.log10(np.abs(response) + 1e-9)
    # The design's 40 dB, and the ripple of 1 % that belongs to them.
    assert level[frequencies < edge].max() < -39.5
    assert np.abs(level[frequencies > edge + TRANSITION_HZ]).max() < 0.1


def test_steps_give_what_one_convolution_gives():
    audio = np.random.default_rng(0).standard_normal((2, 7_200)).astype(np.float32)
    expected = signal.lfilter(highpass_taps(6_400.0), 1.0, audio.astype(np.float64))
    # float32 by FFT.
    assert np.abs(spliced(audio, [6_400.0] * 5) - expected).max() < 1e-5


def test_silence_stays_silence():
    audio = np.zeros((1, 7_200), np.float32)
    audio[:, 2_000:2_100] = 1.0
    made = spliced(audio, [6_400.0] * 5)
    num_taps = len(highpass_taps(6_400.0))
    assert not made[:, :2_000].any() and made[:, 2_000:2_100].any() and not made[:, 2_099 + num_taps :].any()


def test_an_edge_that_moves_makes_no_click():
    audio = np.sin(2 * np.pi * 12_000 * np.arange(7_200) / 48_000, dtype=np.float32)[None]
    made = spliced(audio, [6_000.0] * 3 + [7_000.0] * 2)[:, 1_440:]
    # A click would be wide: well away from the tone there is nothing but the fade's own sidebands.
    power = np.abs(np.fft.rfft(made[0] * signal.windows.blackmanharris(made.shape[1]))) ** 2
    frequencies = np.fft.rfftfreq(made.shape[1], 1 / 48_000)
    assert power[np.abs(frequencies - 12_000) > 2_000].max() < 1e-9 * power.max()
