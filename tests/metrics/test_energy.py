"""Energy error per octave."""

import numpy as np
import pytest
import torch
from scipy import signal

from audiosr_pipeline.metrics import band_energy_error, octave_bands


def noise(seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((1, 48_000))


@pytest.mark.parametrize(
    ("cutoff_freq", "bands"),
    [
        (4_000, [(4_000, 8_000), (8_000, 16_000), (16_000, 24_000)]),
        (8_000, [(8_000, 16_000), (16_000, 24_000)]),
        (12_000, [(12_000, 24_000)]),
        # 22-24 kHz is an eighth of an octave: part of the octave below it.
        (11_000, [(11_000, 24_000)]),
        (23_000, [(23_000, 24_000)]),
    ],
)
def test_octaves_rise_from_the_cutoff_and_end_at_the_nyquist_frequency(cutoff_freq, bands):
    assert octave_bands(cutoff_freq) == bands


def test_octaves_end_where_the_sound_does():
    assert octave_bands(4_000, 15_000) == [(4_000, 8_000), (8_000, 15_000)]
    # 16-17 kHz is an eleventh of an octave.
    assert octave_bands(4_000, 17_000) == [(4_000, 8_000), (8_000, 17_000)]


def test_identical_sound_has_no_error():
    assert band_energy_error(noise(), noise(), octave_bands(4_000)).tolist() == [[0, 0, 0]]


def test_gain_is_the_error_in_every_octave():
    errors = band_energy_error(2 * noise(), noise(), octave_bands(4_000))
    assert errors[0].tolist() == pytest.approx([6.0206] * 3, abs=1e-4)


def test_a_louder_octave_is_named_with_its_sign():
    octave = signal.butter(8, [9_000, 15_000], "bandpass", fs=48_000, output="sos")
    louder = noise() + 9 * signal.sosfiltfilt(octave, noise())
    below, inside, above = band_energy_error(louder, noise(), octave_bands(4_000))[0].tolist()
    # Tenfold in 6 of the octave's 8 kHz; the filter's skirts add a little.
    assert inside == pytest.approx(10 * np.log10((6 * 100 + 2) / 8), abs=0.3)
    assert abs(below) < 0.2 and abs(above) < 0.2


def test_white_noise_has_the_energy_that_its_variance_says():
    # Against silence, which counts as rounding noise of variance 2^-30/12.
    errors = band_energy_error(noise(), np.zeros((1, 48_000)), octave_bands(4_000))
    assert errors[0].tolist() == pytest.approx([10 * np.log10(0.1**2 / (2**-30 / 12))] * 3, abs=0.2)


def test_silence_against_silence_is_no_error():
    silence = torch.zeros(2, 48_000)
    assert band_energy_error(silence, silence, octave_bands(8_000)).tolist() == [[0, 0], [0, 0]]


def test_a_cutoff_without_a_band_above_it_is_refused():
    with pytest.raises(ValueError, match="cutoff_freq=24000 Hz is not between 0 and the highest frequency 24000.0 Hz"):
        octave_bands(24_000)


def test_a_band_without_a_bin_is_refused():
    with pytest.raises(ValueError, match=r"The band \(8000, 8010\) Hz holds none of the FFT's bins, 23.4 Hz apart"):
        band_energy_error(noise(), noise(), [(4_000, 8_000), (8_000, 8_010)])
