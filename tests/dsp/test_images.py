"""Images of naive upsampling, and what is none."""

import numpy as np
import pytest

from audiosr_pipeline.dsp.cutoff import find_band_edge, find_bandwidth
from audiosr_pipeline.dsp.images import OLD_RATES, find_images
from audiosr_pipeline.dsp.resample import resample
from tests.signals import clicks, music_like, noise, speech_like, tone

SOUNDS = {
    "white noise": noise(2.0),
    "brown noise": noise(2.0, tilt_db=-6),
    "speech-like": speech_like(),
    "music-like": music_like(),
}


def repeated(audio: np.ndarray, old_rate: int, new_rate: int) -> np.ndarray:
    index = np.arange(audio.shape[-1] * new_rate // old_rate) * old_rate // new_rate
    return audio[:, index]


def interpolated(audio: np.ndarray, old_rate: int, new_rate: int) -> np.ndarray:
    """First sample to first, last to last, as is common: the rate is then off by a few millionths."""
    time = np.linspace(0, audio.shape[-1] - 1, audio.shape[-1] * new_rate // old_rate)
    return np.interp(time, np.arange(audio.shape[-1]), audio[0])[None]


def upsampled(way, name: str, old_rate: int, new_rate: int = 48_000) -> np.ndarray:
    """A sound at the old rate, upsampled, rounded to 16 bits and at 48 kHz."""
    audio = way(resample(SOUNDS[name], 48_000, old_rate), old_rate, new_rate)
    return resample((np.rint(audio * 32_768) / 32_768).astype(np.float32), new_rate, 48_000)


@pytest.mark.parametrize("way", [repeated, interpolated])
@pytest.mark.parametrize("old_rate", [8_000, 16_000, 22_050, 24_000])
@pytest.mark.parametrize("name", SOUNDS)
def test_the_edge_lies_at_the_old_nyquist_frequency(name, old_rate, way):
    found = find_band_edge(upsampled(way, name, old_rate))
    assert found.old_rate == old_rate
    # The resampler to the old rate begins to fall at 0.91 of it.
    assert 0.9 < found.frequency / (old_rate / 2) < 1.01


@pytest.mark.parametrize("way", [repeated, interpolated])
@pytest.mark.parametrize("old_rate", [11_025, 12_000, 16_000])
def test_images_are_found_at_44_1_khz_too(old_rate, way):
    assert find_images(upsampled(way, "speech-like", old_rate, 44_100)) == old_rate


def test_images_in_half_a_second():
    assert find_images(upsampled(interpolated, "white noise", 16_000)[:, :24_000]) == 16_000


def test_a_channel_of_full_band_decides():
    images, full = upsampled(repeated, "white noise", 16_000), noise(2.0, seed=1)
    assert find_images(np.concatenate([images, images])) == 16_000
    assert find_images(np.concatenate([images, full])) is None
    assert find_bandwidth(np.concatenate([images, full])) > 23_500


@pytest.mark.parametrize("old_rate", OLD_RATES)
def test_band_limited_upsampling_leaves_none(old_rate):
    audio = resample(resample(SOUNDS["speech-like"], 48_000, old_rate), old_rate, 48_000)
    assert find_images(audio) is None


@pytest.mark.parametrize("pitch", [80, 100, 110, 160, 200, 250, 400, 500, 1_000])
def test_steady_partials_are_no_images(pitch):
    """Those of a pitch that divides a rate lie at equal distances from half of it, and of many other frequencies."""
    audio = sum(tone(frequency, 2.0, amplitude=0.02) for frequency in range(pitch, 20_000, pitch))
    assert find_images(audio + noise(2.0, amplitude=1e-4)) is None


@pytest.mark.parametrize("audio", [clicks(2.0), clicks(2.0, per_second=1), noise(0.1), 0 * noise()])
def test_clicks_short_clips_and_silence_have_none(audio):
    assert find_images(audio) is None


@pytest.mark.parametrize("name", SOUNDS)
def test_full_band_sounds_have_none(name):
    assert find_images(SOUNDS[name]) is None


def test_the_number_of_frames_does_not_grow_with_the_length(monkeypatch):
    counts = []

    def rfft(frames: np.ndarray, axis: int) -> np.ndarray:
        counts.append(frames.shape[:2])
        return np.fft.rfft(frames, axis=axis)

    long = np.tile(noise(10.0), (1, 12))
    monkeypatch.setattr("audiosr_pipeline.dsp.images.fft.rfft", rfft)
    for num_samples in (long.shape[-1] // 2, long.shape[-1]):
        find_images(long[:, :num_samples])
    assert counts == [(64, 8), (64, 8)]
