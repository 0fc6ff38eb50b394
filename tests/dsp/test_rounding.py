"""Samples that were rounded to 16 bits lie on its grid, or, if they were scaled down, on a smaller one."""

import numpy as np
import pytest

from audiosr_pipeline.dsp.rounding import rounding_step
from tests.signals import noise

STEP = 2.0**-15


def rounded(audio: np.ndarray, bits: int) -> np.ndarray:
    return (np.round(audio * 2 ** (bits - 1)) / 2 ** (bits - 1)).astype(np.float32)


@pytest.mark.parametrize("amplitude", [0.5, 0.001])
def test_16_bits(amplitude):
    assert rounding_step(rounded(noise(1.0, 16_000, amplitude=amplitude), 16)) == STEP


@pytest.mark.parametrize("gain", [0.7, 0.1, 0.03])
@pytest.mark.parametrize("bits", [24, 32])
def test_16_bits_scaled_down_and_rounded_again(gain, bits):
    audio = gain * rounded(noise(1.0, 16_000, amplitude=0.01), 16)
    # To 24 bits, a step of 0.03 * 2^-15 is rounded by up to 6 %, over hundreds of which that averages out.
    assert rounding_step(rounded(audio, bits)) == pytest.approx(gain * STEP, rel=0.01)


def test_channels_of_their_own_gains_have_the_larger_step():
    audio = np.array([[0.5], [0.25]]) * rounded(noise(1.0, 16_000, amplitude=0.01), 16)
    assert rounding_step(audio) == pytest.approx(STEP / 2)


@pytest.mark.parametrize("amplitude", [0.5, 0.001])
def test_more_bits_have_none(amplitude):
    audio = noise(1.0, 16_000, amplitude=amplitude)
    assert rounding_step(rounded(audio, 24)) is None and rounding_step(audio) is None
