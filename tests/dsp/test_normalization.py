"""The gain that normalises local peaks."""

import numpy as np
import pytest

from audiosr_pipeline.dsp.normalization import HOP_LENGTH, apply_gain, local_gain
from tests.signals import noise, tone


def normalised(audio: np.ndarray) -> np.ndarray:
    changed = audio.copy()
    apply_gain(changed, local_gain(audio, 0.5))
    return changed


def gain_db(audio: np.ndarray) -> np.ndarray:
    return 20 * np.log10(local_gain(audio, 0.5))


def test_an_even_clip_gets_the_gain_that_normalises_its_peak():
    audio = tone(1_000, 2.0, amplitude=0.1)
    assert gain_db(audio) == pytest.approx(20 * np.log10(5), abs=0.01)
    assert np.abs(normalised(audio)).max() == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("num_samples", [1, 479, 480, 481, 100_000])
def test_every_sample_has_a_gain_that_leaves_it_near_the_peak(num_samples):
    rng = np.random.default_rng(num_samples)
    audio = (rng.standard_normal((2, num_samples)) * 10 ** rng.uniform(-3, 0, num_samples)).astype(np.float32)
    gain = local_gain(audio, 0.5)
    assert (len(gain) - 1) * HOP_LENGTH >= num_samples
    # Between two values of the gain, 0.6 dB apart at most, the line is above the curve by less than 1 %.
    # Clicks may exceed it by 10 dB.
    assert np.abs(normalised(audio)).max() <= 0.505 / 0.316


def test_a_loud_click_lowers_the_gain_around_it_alone():
    quiet = 0.02 * tone(1_000, 6.0)
    loud = quiet.copy()
    loud[0, 144_000] = 1.0
    change = gain_db(loud) - gain_db(quiet)
    times = np.arange(len(change)) * HOP_LENGTH / 48_000
    # The tone's peak is at -40 dB, the click counts as 10 dB below its own.
    at_click, half_a_second_away = (change[np.argmin(np.abs(times - time))] for time in (3, 2.5))
    assert at_click == pytest.approx(-30, abs=0.1)
    # 20 dB less for each second; the peak holds for 0.1 s, 2 dB.
    assert half_a_second_away == pytest.approx(-20, abs=2)
    assert np.abs(change[np.abs(times - 3) > 1.7]).max() == 0


def test_a_loud_sound_of_some_length_counts_with_its_peak():
    audio = 0.001 * tone(1_000, 3.0)
    audio[0, 72_000:77_000] = 0.8 * noise(1.0, seed=1)[0, :5_000] / np.abs(noise(1.0, seed=1)[0, :5_000]).max()
    assert np.abs(normalised(audio)).max() == pytest.approx(0.5, rel=0.2)


def test_the_gain_follows_the_level_of_the_clip():
    audio = noise(2.0)
    assert gain_db(0.01 * audio) == pytest.approx(gain_db(audio) + 40, abs=0.01)


def test_nothing_gets_a_finite_gain():
    assert np.isfinite(local_gain(np.zeros((1, 10_000), np.float32), 0.5)).all()


def test_undoing_the_gain_gives_the_clip_again():
    audio = noise(1.0) * np.linspace(1, 0.01, 48_000, dtype=np.float32)
    gain = local_gain(audio, 0.5)
    changed = audio.copy()
    apply_gain(changed, gain)
    apply_gain(changed, 1 / gain)
    # The line between two values and the line between their inverses: 0.1 % at 0.6 dB.
    assert np.abs(changed - audio).max() < 1e-3 * np.abs(audio).max()
