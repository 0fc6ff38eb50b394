"""Bands that are a copy of what lies lower, as HE-AAC, Speex and GSM make them, and what is none."""

import numpy as np
import pytest

from audiosr_pipeline.dsp import copies
from audiosr_pipeline.dsp.copies import find_copy, is_gsm
from audiosr_pipeline.dsp.cutoff import find_band_edge
from audiosr_pipeline.dsp.resample import resample
from tests.signals import band_limited, clicks, copied, music_like, noise, speech_like, tone

SOUNDS = {
    "white noise": noise(2.0),
    "pink noise": noise(2.0, tilt_db=-3),
    "speech-like": speech_like(),
    "music-like": music_like(),
}


# The first two are HE-AAC's of 16 and 32 kbit/s, the last is Speex's.
@pytest.mark.parametrize(("start", "shift"), [(4_300, 3_750), (6_800, 6_000), (4_000, 4_000)])
@pytest.mark.parametrize("name", ["white noise", "pink noise", "music-like"])
def test_a_band_that_is_a_copy_is_no_content(name, start, shift):
    audio = copied(SOUNDS[name], start, shift)
    found = find_band_edge(audio)
    # A bin.
    assert found.copy is not None and found.copy.shift == pytest.approx(shift, abs=25)
    # Half of the 500 Hz over which the coherence is taken.
    assert found.frequency == pytest.approx(start, abs=300)


def test_a_channel_of_its_own_decides():
    copy, own = copied(SOUNDS["white noise"], 4_300, 3_750), noise(2.0, seed=1)
    assert find_copy(np.concatenate([copy, copy]), 7_500) is not None
    assert find_copy(np.concatenate([copy, own]), 24_000) is None


@pytest.mark.parametrize(
    "audio",
    [
        *SOUNDS.values(),
        clicks(2.0),
        0 * noise(),
        noise(0.01),
        sum(tone(frequency, 2.0, amplitude=0.02) for frequency in range(400, 20_000, 400)),
        tone(1_000, 2.0) + tone(5_000, 2.0) + noise(2.0, amplitude=1e-3),
    ],
    ids=[*SOUNDS, "clicks", "silence", "10 ms", "partials of 400 Hz", "two tones"],
)
def test_sounds_of_their_own_are_no_copies(audio):
    assert find_copy(audio, 24_000) is None
    assert find_copy(band_limited(audio, 8_000), 8_000) is None


def test_every_third_sample_of_8_khz_repeats_the_spectrum():
    audio = noise(2.0, 8_000)
    stuffed = np.where(np.arange(audio.shape[-1]) % 3 == 0, audio, 0).astype(np.float32)
    assert is_gsm(resample(stuffed, 8_000, 48_000))
    assert not is_gsm(resample(audio, 8_000, 48_000))
    assert find_band_edge(resample(stuffed, 8_000, 48_000)).is_gsm


def test_without_a_dense_frame_a_copy_begins_nowhere():
    assert copies._start(np.zeros((3, 600), np.complex64), shift=1_000.0, high=8_000.0) == 8_000.0
