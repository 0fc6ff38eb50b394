"""Facts about the noise that training adds."""

import numpy as np
import pytest

from audiosr_pipeline.training.noise import steady_noise, with_steady_noise
from tests.signals import noise


def levels_db(audio: np.ndarray, low: float, high: float, num_parts: int) -> np.ndarray:
    """Level between two frequencies in each of equal parts of a 48 kHz waveform."""
    parts = audio[0, : audio.shape[-1] // num_parts * num_parts].reshape(num_parts, -1)
    frequencies = np.fft.rfftfreq(parts.shape[-1], 1 / 48_000)
    power = np.square(np.abs(np.fft.rfft(parts)))[:, (frequencies >= low) & (frequencies < high)]
    return 10 * np.log10(power.mean(-1))


@pytest.mark.parametrize("seed", range(5))
def test_its_spectrum_is_the_same_at_all_times(seed):
    audio = steady_noise(96_000, np.random.default_rng(seed))
    assert audio.shape == (1, 96_000) and audio.dtype == np.float32 and np.abs(audio).max() == 1
    # The mean power of 500 bins of Gaussian noise varies by 4.5 %, 0.2 dB; five times that is never seen.
    for low in (1_000, 5_000, 15_000):
        assert np.ptp(levels_db(audio, low, low + 2_000, 8)) < 2


def test_each_draw_has_another_spectrum_from_brown_to_brighter_than_white():
    tilts = [
        levels_db(audio, 10_000, 20_000, 1)[0] - levels_db(audio, 300, 600, 1)[0]
        for audio in (steady_noise(48_000, np.random.default_rng(seed)) for seed in range(30))
    ]
    # Five octaves of -7 to +1 dB, and bumps.
    assert min(tilts) < -25 and max(tilts) > -5
    assert len(np.unique(np.round(tilts, 3))) == 30


def test_a_crop_is_noise_or_has_it_beneath():
    crop = noise(1.0)
    made = [with_steady_noise(crop, np.random.default_rng(seed)) for seed in range(40)]
    kept = [np.corrcoef(audio[0], crop[0])[0, 1] for audio in made]
    # At equal level the correlation is still 0.7; independent noise has less than 0.03.
    beneath = [share for share in kept if share > 0.6]
    assert 10 < len(beneath) < 30
    assert all(abs(share) < 0.03 for share in kept if share <= 0.6)
    added = [np.std(audio - crop) / np.std(crop) for audio, share in zip(made, kept, strict=True) if share > 0.6]
    assert min(added) > 0.0099 and max(added) < 1.01
