"""The gate that keeps digital silence silent and lets every sound through."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft

from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.dsp.silence import fade_ends, silence_gate
from tests.signals import noise

FADE = 240


def with_silence(start: int, stop: int, seconds: float = 1.0, sampling_rate: int = 48_000) -> np.ndarray:
    audio = noise(seconds, sampling_rate)
    # No sample of the noise itself is silent by chance.
    audio[np.abs(audio) < 1e-4] = 1e-4
    audio[:, start:stop] = 0
    return audio


def test_sound_passes_and_silence_does_not():
    gate = silence_gate(with_silence(20_000, 30_000))
    assert gate.shape == (48_000,) and gate.dtype == np.float32
    assert (gate[:20_000] == 1).all() and (gate[30_000:] == 1).all()
    assert (gate[20_000 + FADE + 1 : 30_000 - FADE - 1] == 0).all()


def test_the_fades_lie_in_the_silence_and_are_smooth():
    gate = silence_gate(with_silence(20_000, 30_000))
    fade = gate[20_000 : 20_000 + FADE + 1]
    assert (np.diff(fade) <= 0).all() and fade[0] > 0.99 and fade[-1] < 0.01
    # A squared sine over 5 ms, as steep as a line over 3.2 ms in its middle: no step is a click.
    assert np.abs(np.diff(gate)).max() < 1.01 * np.pi / 2 / FADE
    assert np.array_equal(gate[20_000:30_000], gate[20_000:30_000][::-1])


@settings(max_examples=100, deadline=None)
@given(runs=st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 3_000)), max_size=4))
def test_the_gate_is_one_wherever_there_is_sound(runs):
    audio = np.full((2, 5_000), 0.1, np.float32)
    for start, length in runs:
        audio[:, start : start + length] = 0
    gate = silence_gate(audio)
    assert (gate[np.abs(audio[0]) > 0] == 1).all()
    assert gate.min() >= 0 and gate.max() <= 1


@pytest.mark.parametrize("sampling_rate", [48_000, 16_000, 44_100])
def test_less_than_20_ms_of_zeros_is_no_silence(sampling_rate):
    shortest = round(0.02 * sampling_rate)
    assert (silence_gate(with_silence(5_000, 5_000 + shortest - 1, 1.0, sampling_rate), sampling_rate) == 1).all()
    assert silence_gate(with_silence(5_000, 5_000 + shortest, 1.0, sampling_rate), sampling_rate).min() == 0


def test_silence_at_the_ends_is_silent_to_the_end():
    audio = with_silence(0, 10_000)
    audio[:, 40_000:] = 0
    gate = silence_gate(audio)
    assert (gate[: 10_000 - FADE - 1] == 0).all() and (gate[40_000 + FADE + 1 :] == 0).all()
    assert (gate[10_000:40_000] == 1).all()


@pytest.mark.parametrize("num_samples", [1, 959, 48_000])
def test_a_clip_of_zeros_is_silence_however_short_it_is(num_samples):
    assert not silence_gate(np.zeros((2, num_samples), np.float32)).any()


def test_one_sounding_channel_keeps_the_gate_open():
    silent = with_silence(20_000, 30_000)
    assert (silence_gate(np.concatenate([silent, with_silence(0, 0)])) == 1).all()
    assert np.array_equal(silence_gate(np.concatenate([silent, silent])), silence_gate(silent))


def test_the_quietest_sound_of_16_bit_is_sound():
    audio = np.full((1, 9_600), 2.0**-15, np.float32)
    assert (silence_gate(audio) == 1).all()


@pytest.mark.parametrize("sampling_rate", [8_000, 16_000, 22_050, 44_100])
def test_silence_is_still_found_after_resampling(sampling_rate):
    """The filter rings into the silence: 50 cycles of the lower Nyquist frequency, 12 ms from 8 kHz."""
    start, stop = sampling_rate // 2, sampling_rate
    audio = with_silence(start, stop, 1.5, sampling_rate)
    gate = silence_gate(resample(audio, sampling_rate, 48_000))
    closed = round(60 / (sampling_rate / 2) * 48_000) + FADE
    assert (gate[24_000 + closed : 48_000 - closed] == 0).all()
    assert (gate[:24_000] == 1).all() and (gate[48_000:] == 1).all()


def test_end_fades_rise_and_fall_in_5_ms():
    gain = fade_ends(np.ones(48_000, np.float32))
    assert gain.shape == (48_000,) and gain.dtype == np.float32
    assert (gain[FADE:-FADE] == 1).all()
    assert np.array_equal(gain, gain[::-1])
    # A squared sine through the samples' middles.
    assert gain[:FADE] == pytest.approx(np.sin(np.pi / 2 * (np.arange(FADE) + 0.5) / FADE) ** 2, abs=1e-6)
    longer = fade_ends(np.ones(48_000, np.float32), fade_s=0.02)
    assert (longer[960:-960] == 1).all() and (longer[:960] < 1).all()


@pytest.mark.parametrize("num_samples", [1, 2, 100, 240, 300])
def test_end_fades_of_short_clips_stay_within_one(num_samples):
    gain = fade_ends(np.ones(num_samples, np.float32))
    assert gain.shape == (num_samples,)
    assert (gain > 0).all() and (gain <= 1).all()
    assert np.allclose(gain, gain[::-1])


def test_end_fades_keep_an_abrupt_end_from_sounding_at_all_frequencies():
    """A tone that is cut off, 10 kHz away from its pitch."""
    time = np.arange(20_001) / 48_000
    audio = np.cos(2 * np.pi * 1_000 * time)
    far = fft.rfftfreq(len(audio), 1 / 48_000) > 11_000
    cut, faded = (
        np.linalg.norm(fft.rfft(signal)[far]) for signal in (audio, audio * fade_ends(np.ones(len(audio), np.float32)))
    )
    assert faded < 0.05 * cut
