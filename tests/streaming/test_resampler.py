"""A stream's resampler: what it gives is the sound, whatever it is given at a time, as late as it says."""

import numpy as np
import pytest

from audiosr_pipeline.streaming.resampler import StreamingResampler

RATES = (4_000, 8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100)


def resampled(audio: np.ndarray, rate: int, cuts=()) -> np.ndarray:
    resampler = StreamingResampler(rate, 48_000, len(audio), 1_440)
    steps = [step for part in np.split(audio, cuts, axis=1) for step in resampler.push(part)]
    return np.concatenate(steps, axis=1)


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_up_to_nine_tenths_of_the_band_stays_the_tone(rate):
    frequency = 0.44 * rate
    made = resampled(np.sin(2 * np.pi * frequency * np.arange(rate // 2) / rate)[None].astype(np.float32), rate)[0]
    error = made - np.sin(2 * np.pi * frequency * np.arange(len(made)) / 48_000)
    # The filter's ripple is at 80 dB, its coefficients and the tone are float32. Before and after the tone is silence.
    assert np.sqrt(2) * error[1_500:-1_500].std() < 10 ** (-78 / 20)


@pytest.mark.parametrize("rate", RATES)
def test_there_are_no_images_above_the_input_s_band(rate):
    made = resampled(np.sin(2 * np.pi * 0.4 * np.arange(rate // 2))[None].astype(np.float32), rate)[0]
    power = np.abs(np.fft.rfft(made * np.hanning(len(made)))) ** 2
    above = np.fft.rfftfreq(len(made), 1 / 48_000) > rate / 2
    # The onset of the tone, of one sample at its rate, is in the window's faded part.
    assert power[above].sum() < 1e-7 * power.sum()


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_099, 48_000])
def test_how_a_stream_is_cut_changes_nothing(rate):
    audio = np.random.default_rng(0).standard_normal((2, rate // 4)).astype(np.float32)
    cuts = [0, 1, 1, 7, 480, 500, 1_999]
    assert np.array_equal(resampled(audio, rate), resampled(audio, rate, cuts))


@pytest.mark.parametrize("rate", [*RATES, 48_000])
def test_a_step_comes_as_soon_as_its_last_sample_s_neighbours_are_there(rate):
    resampler = StreamingResampler(rate, 48_000, 1, 480)
    pushed = 0
    while not resampler.push(np.zeros((1, 1), np.float32)):
        pushed += 1
    # In samples at 48 kHz: a step, and what lies between a sample and the last one that it hears.
    assert 479 + resampler.latency_samples - 48_000 / rate <= pushed * 48_000 / rate <= 479 + resampler.latency_samples
