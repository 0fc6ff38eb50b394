"""Silence that was dithered, and what is none."""

import numpy as np
import pytest
from scipy import signal

from audiosr_pipeline.dsp.dither import is_dither
from tests.signals import noise, speech_like, tone

STEP = 2.0**-15


def dithered(audio: np.ndarray, step: float = STEP, seed: int = 0) -> np.ndarray:
    """Rounded to steps with triangular noise of one step to either side."""
    rng = np.random.default_rng(seed)
    return (np.rint(audio / step + rng.random(audio.shape) - rng.random(audio.shape)) * step).astype(np.float32)


def shaped(zeros: np.ndarray, taps: list[float]) -> np.ndarray:
    """Rounded with the error fed back through a filter."""
    rng = np.random.default_rng(0)
    random = rng.random(zeros.shape[-1]) - rng.random(zeros.shape[-1])
    errors, out = np.zeros(len(taps)), np.empty(zeros.shape[-1])
    for index, value in enumerate(random):
        wanted = -np.dot(taps, errors)
        out[index] = np.rint(wanted + value)
        errors = np.concatenate([[out[index] - wanted], errors[:-1]])
    return (out * STEP).astype(np.float32)[None]


# The taps of Lipshitz, Vanderkooy and Wannamaker (1991), for 44.1 kHz.
LIPSHITZ = [-2.033, 2.165, -1.959, 1.590, -0.6149]


@pytest.mark.parametrize("num_samples", [100, 3_000, 48_000])
@pytest.mark.parametrize("step", [2.0**-7, STEP])
def test_triangular_dither_of_silence_is_found(num_samples, step):
    assert is_dither(dithered(np.zeros((2, num_samples)), step))


@pytest.mark.parametrize("taps", [LIPSHITZ, [-0.9]], ids=["fifth order", "first order"])
def test_shaped_dither_of_silence_is_found(taps):
    audio = shaped(np.zeros((1, 44_100)), [-tap for tap in taps])
    assert np.abs(audio).max() >= 2 * STEP
    assert is_dither(audio)


def test_noise_that_a_filter_has_moved_down_is_found():
    """As SoX shapes it at 8 and 16 kHz: 4 steps to either side."""
    low = signal.lfilter([1.0, 0.8], [1.0], np.random.default_rng(0).standard_normal((1, 48_000)))
    assert is_dither((np.clip(np.rint(1.0 * low), -4, 4) * STEP).astype(np.float32))


@pytest.mark.parametrize("frequency", [1_000, 12_000])
def test_a_tone_within_the_dither_is_sound(frequency):
    # 1.5 steps: as loud as the dither around it, 20 dB over it in a bin.
    assert not is_dither(dithered(tone(frequency, amplitude=1.5 * STEP)))


@pytest.mark.parametrize(
    "audio",
    [
        noise(amplitude=3 * STEP),
        noise(amplitude=10 * STEP, tilt_db=-3),
        noise(amplitude=0.1),
        speech_like() * 50 * STEP,
    ],
    ids=["white noise", "pink noise", "loud noise", "speech"],
)
def test_quiet_sounds_are_no_dither(audio):
    assert not is_dither(dithered(audio))


def test_what_was_never_rounded_is_no_dither():
    assert not is_dither(noise(amplitude=1e-5))


def test_one_sounding_channel_is_enough():
    assert not is_dither(np.concatenate([dithered(0 * noise()), dithered(noise(amplitude=3 * STEP))]))
