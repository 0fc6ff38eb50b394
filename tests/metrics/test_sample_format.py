"""Rounding to 16 bit."""

import numpy as np

from audiosr_pipeline.metrics import round_to_16_bit


def test_what_a_16_bit_file_holds_is_left_as_it_is():
    samples = np.arange(-32_768, 32_768, dtype=np.int16)
    audio = samples.astype(np.float32) / 32_768
    assert np.array_equal(round_to_16_bit(audio), audio)
    assert round_to_16_bit(audio).dtype == np.float32


def test_the_rounding_error_is_at_most_half_a_step_and_has_its_known_power():
    audio = np.random.default_rng(0).uniform(-1, 1, 100_000)
    error = round_to_16_bit(audio) - audio
    assert np.abs(error).max() <= 2**-16
    assert np.isclose(error.var(), 2**-30 / 12, rtol=0.02)


def test_what_is_beyond_full_scale_is_not_clipped():
    assert round_to_16_bit(np.array([1.5, -2.0])).tolist() == [1.5, -2.0]
