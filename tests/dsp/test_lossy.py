"""Holes that a codec leaves, and what is none."""

import numpy as np
import pytest
from scipy import signal

from audiosr_pipeline.dsp.cutoff import find_bandwidth
from audiosr_pipeline.dsp.lossy import hole_share
from tests.signals import band_limited, clicks, music_like, noise, speech_like

SOUNDS = {
    "white noise": noise(3.0),
    "pink noise": noise(3.0, tilt_db=-3),
    "speech-like": speech_like(3.0),
    "music-like": music_like(3.0),
    "clicks": clicks(3.0),
}
# From this share on a clip is reported.
REPORTED = 0.02


def emptied(audio: np.ndarray, share: float, seed: int = 0) -> np.ndarray:
    """`audio` with a share of its cells set to zero: bands of 750 Hz above 4 kHz, for 43 ms each."""
    frequencies, _, spectrum = signal.stft(audio[0], 48_000, nperseg=2_048, noverlap=1_536)
    rng = np.random.default_rng(seed)
    for first in range(int(np.searchsorted(frequencies, 4_000)), len(frequencies), 32):
        for start in range(0, spectrum.shape[1], 8):
            if rng.random() < share:
                spectrum[first : first + 32, start : start + 8] = 0
    _, holed = signal.istft(spectrum, 48_000, nperseg=2_048, noverlap=1_536)
    return holed[None, : audio.shape[-1]].astype(np.float32)


@pytest.mark.parametrize("cutoff_freq", [4_000, 12_000, 24_000])
@pytest.mark.parametrize("name", SOUNDS)
def test_sounds_that_were_never_coded_have_no_holes(name, cutoff_freq):
    audio = band_limited(SOUNDS[name], cutoff_freq)
    assert hole_share(audio, find_bandwidth(audio)) < REPORTED / 4


@pytest.mark.parametrize("name", ["white noise", "pink noise", "speech-like"])
def test_emptied_cells_are_seen(name):
    few, many = (hole_share(emptied(SOUNDS[name], share), 24_000) for share in (0.2, 0.5))
    # A hole's ends lie in frames that are half full: fewer are counted than were made.
    assert REPORTED < few < 0.2
    assert 2 * few < many < 0.5


def test_digital_silence_is_no_hole():
    audio = noise(3.0)
    audio[:, 48_000:96_000] = 0
    assert hole_share(audio, 24_000) < REPORTED / 4


def test_highs_that_die_away_over_a_lasting_bass_are_no_holes():
    """As between the strokes of a synthesised hi-hat."""
    time = np.arange(3 * 48_000) / 48_000
    audio = 0.3 * noise(3.0) * np.exp(-40 * (time % 0.5)) + band_limited(noise(3.0, seed=1), 1_000)
    assert hole_share(audio.astype(np.float32), 24_000) < REPORTED / 4


@pytest.mark.parametrize("audio", [np.zeros((1, 48_000), np.float32), noise(0.08), noise(0.08)[:, :1]])
def test_silence_and_very_short_clips_have_none(audio):
    assert hole_share(audio, 24_000) == 0


@pytest.mark.parametrize("bandwidth", [0, 100, 1_000])
def test_a_band_too_narrow_for_cells_has_none(bandwidth):
    assert hole_share(noise(), bandwidth) == 0


def test_does_not_depend_on_the_level():
    audio = emptied(SOUNDS["pink noise"], 0.3)
    assert hole_share(0.001 * audio, 24_000) == pytest.approx(hole_share(audio, 24_000), abs=1e-3)


def test_the_first_minute_decides():
    audio = np.tile(noise(5.0), (1, 13))
    later = audio.copy()
    later[:, 61 * 48_000 :] = emptied(later[:, 61 * 48_000 :], 0.5)
    assert hole_share(later, 24_000) == hole_share(audio, 24_000)
