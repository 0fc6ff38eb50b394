"""Noise as a baseline: where it lies, what it follows, and which spectrum it has."""

import numpy as np
import pytest

from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.dsp.lowpass import lowpass
from benchmarks.baselines.noise import ShapedNoise, training_spectrum
from tests.signals import band_limited, noise, rms

CUTOFF_FREQ = 4_000
INPUT = lowpass(0.5 * noise(1.0, seed=3, tilt_db=-3), CUTOFF_FREQ)
# Frequency and level: falling by 12 dB from 0 to 24 kHz.
SPECTRUM = np.array([[0.0, 0.0], [24_000.0, -12.0]])


@pytest.mark.parametrize("follows_level", [False, True])
def test_shaped_noise_leaves_the_band_below_the_cutoff_and_has_the_spectrum_above(follows_level):
    added = ShapedNoise(follows_level, SPECTRUM).add_noise(INPUT, CUTOFF_FREQ, seed=0) - INPUT
    # A gain that changes every 20 ms spreads the band's edge by some 50 Hz.
    assert rms(band_limited(added, 0.9 * CUTOFF_FREQ)) < 0.02 * rms(added)
    power = np.abs(np.fft.rfft(added[0])) ** 2
    levels_db = [10 * np.log10(power[start : start + 2_000].mean()) for start in (5_000, 21_000)]
    # 16 kHz apart on a line of 12 dB per 24 kHz; a mean of 2000 bins of noise is within 0.2 dB, windows blur a little.
    assert levels_db[0] - levels_db[1] == pytest.approx(8.0, abs=0.5)


def test_following_noise_is_silent_where_the_clip_is():
    audio = INPUT.copy()
    audio[:, 24_000:] = 0
    added = ShapedNoise(True, SPECTRUM).add_noise(audio, CUTOFF_FREQ, seed=0) - audio
    # The octave that sets the level rings where the clip is cut off.
    assert rms(added[:, 26_000:-2_000]) < 0.02 * rms(added[:, :24_000])


def test_the_training_spectrum_is_the_mean_of_the_clips_spectra(tmp_path):
    for name, amplitude in (("loud", 0.1), ("quiet", 0.01)):
        write_audio(tmp_path / f"{name}.wav", noise(2.0, amplitude=amplitude), 48_000, "FLOAT")
    spectrum = training_spectrum(sorted(tmp_path.glob("*.wav")))
    assert spectrum.shape == (257, 2) and spectrum[-1, 0] == 24_000
    # The mean of the logarithm of noise lies 2.5 dB below the logarithm of its mean; 10 dB is half of the 20 between.
    power_db = 10 * np.log10(0.1**2 * (np.hanning(513)[:-1] ** 2).sum())
    assert spectrum[1:-1, 1].mean() == pytest.approx(power_db - 2.5 - 10, abs=0.3)
