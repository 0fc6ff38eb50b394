"""Sound continued beyond where it was cut off."""

import numpy as np
import pytest

from audiosr_pipeline.dsp.continuation import continue_sound
from tests.signals import level_db, noise, rms, tone


def highs(audio: np.ndarray, centre: int) -> float:
    """Level above 4 kHz of 20 ms about a sample, of audio at 16 kHz that has nothing there unless something stops."""
    part = audio[0, centre - 160 : centre + 160] * np.hanning(320)
    spectrum = np.abs(np.fft.rfft(part)) ** 2
    return 10 * np.log10(spectrum[80:].sum() / spectrum.sum())


@pytest.mark.parametrize("num_samples", [8_000, 8_001, 8_160, 9_603, 12_800])
def test_a_chord_goes_on_beyond_both_ends_without_a_click(num_samples):
    chord = sum(tone(frequency, 1.0, 16_000, 0.1) for frequency in (220, 277.3, 330, 1_700))[:, 100 : 100 + num_samples]
    continued = continue_sound(chord, 500, 1_000, 16_000)
    assert continued.shape == (1, num_samples + 1_500)
    assert (continued[:, 500:-1_000] == chord).all()
    # What a Hann window of 20 ms leaves of the chord itself is below -90 dB; a cut has -30.
    for end in (500, 500 + num_samples):
        assert highs(continued, end) < -70
        assert highs(np.pad(chord, ((0, 0), (500, 1_000))), end) > -40


def test_noise_goes_on_at_its_level():
    audio = noise(1.0, 16_000)
    continued = continue_sound(audio, 1_600, 1_600, 16_000)
    for part in (continued[:, :1_600], continued[:, -1_600:]):
        # 1600 samples of noise, of which prediction gives way to the mirror image over 320.
        assert abs(level_db(part) - level_db(audio)) < 2


def test_sound_goes_on_through_silence():
    audio = np.zeros((2, 16_000), np.float32)
    # Its first sample isn't zero, nor is its last.
    audio[0, 4_000:8_000] = tone(500, 0.3, 16_000)[0, 5:4_005]
    continued = continue_sound(audio, 160, 160, 16_000)[:, 160:-160]
    assert (continued[0, 4_000:8_000] == audio[0, 4_000:8_000]).all()
    assert not continued[1].any()
    for part in (continued[:1, :4_000], continued[:1, 8_000:]):
        assert rms(part) == pytest.approx(rms(audio[:1, 4_000:8_000]), rel=0.1)
    assert highs(continued[:1], 8_000) < -70 and highs(continued[:1], 4_000) < -70


@pytest.mark.parametrize("num_samples", [1, 2, 3, 50])
def test_clips_of_a_few_samples(num_samples):
    audio = 0.1 * np.ones((1, num_samples), np.float32)
    continued = continue_sound(audio, 300, 5_000, 48_000)
    assert continued.shape == (1, num_samples + 5_300)
    assert np.isfinite(continued).all() and np.abs(continued).max() <= 0.2


def test_a_growing_tone_is_not_continued_beyond_bounds():
    """Burg's predictors never grow."""
    audio = tone(1_000, 0.5) * np.exp(np.linspace(-10, 0, 24_000, dtype=np.float32))
    assert np.abs(continue_sound(audio, 0, 48_000)).max() < 2 * np.abs(audio).max()
