"""What stands at a band edge: walls and floors."""

import pytest

from audiosr_pipeline.dsp.cutoff import N_FFT, long_term_spectrum
from audiosr_pipeline.dsp.walls import find_floor, wall_db
from tests.signals import band_limited, music_like, noise, speech_like

BIN_HZ = 48_000 / N_FFT


def power_of(audio):
    return long_term_spectrum(audio)[1]


def test_the_wall_of_a_low_pass_is_as_high_as_what_it_takes():
    low = band_limited(noise(2.0), 8_000)
    for level_db in (-20, -40):
        audio = low + 10 ** (level_db / 20) * noise(2.0, seed=1)
        # Medians of some 20 bins over 180 frames.
        assert wall_db(power_of(audio), 8_000, BIN_HZ) == pytest.approx(-level_db, abs=1)


@pytest.mark.parametrize("tilt_db", [0, -3, -6])
def test_natural_spectra_have_no_wall_and_no_floor(tilt_db):
    power = power_of(noise(2.0, tilt_db=tilt_db))
    for edge in (4_000, 12_000):
        assert abs(wall_db(power, edge, BIN_HZ)) < 3
    assert find_floor(power, 20_000, BIN_HZ) is None
    assert wall_db(power, 24_000, BIN_HZ) == 0


@pytest.mark.parametrize("audio", [speech_like(), music_like()], ids=["speech-like", "music-like"])
def test_sounds_have_no_floor(audio):
    assert find_floor(power_of(audio), 24_000, BIN_HZ) is None


def test_a_floor_begins_where_it_is_no_longer_drowned():
    audio = band_limited(noise(2.0, tilt_db=-3), 8_000) + 1e-3 * noise(2.0, seed=1)
    # Smoothed over 500 Hz.
    assert find_floor(power_of(audio), 24_000, BIN_HZ) == pytest.approx(8_000, abs=500)
    assert find_floor(power_of(audio), 8_000, BIN_HZ) is None
