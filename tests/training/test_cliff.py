"""Where a recording's cliff is found, and how it is continued above."""

import librosa
import numpy as np
import pytest
import torch
from scipy import fft

from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.training.cliff import NUM_ON_SLOPE, continue_band, find_cliff
from tests.signals import band_limited, clicks, music_like, noise, speech_like, tone

EXTRACTOR = MelFeatureExtractor()
CENTRES = librosa.mel_frequencies(EXTRACTOR.n_mels + 2, fmin=EXTRACTOR.f_min, fmax=EXTRACTOR.f_max)[1:-1]
NEPER_DB = 20 / np.log(10)


def mel_of(audio: np.ndarray) -> torch.Tensor:
    return EXTRACTOR(torch.from_numpy(audio))[0]


def cliff_of(audio: np.ndarray) -> int:
    return find_cliff(mel_of(audio), EXTRACTOR.log_floor)


def continued(mel: torch.Tensor) -> torch.Tensor:
    return continue_band(mel, EXTRACTOR.log_floor)


def sloping(db_per_octave: float, from_freq: float = 6_000) -> np.ndarray:
    """White noise up to a frequency, above it falling."""
    spectrum = fft.rfft(noise(seed=5))
    octaves = np.log2(np.maximum(fft.rfftfreq(48_000, 1 / 48_000) / from_freq, 1))
    return fft.irfft(spectrum * 10 ** (db_per_octave * octaves / 20)).astype(np.float32)


@pytest.mark.parametrize("cutoff_freq", [12_500, 14_000, 16_000, 19_000, 22_050])
def test_a_cliff_is_found_where_it_is(cutoff_freq):
    expected = np.searchsorted(CENTRES, cutoff_freq)
    assert cliff_of(band_limited(noise(), cutoff_freq)) == pytest.approx(expected, abs=1)
    # That of a filter is where it falls most steeply, somewhat above its cutoff.
    assert expected <= cliff_of(lowpass(noise(), cutoff_freq)) <= expected + 6


@pytest.mark.parametrize("cutoff_freq", [14_000, 16_000, 22_050])
@pytest.mark.parametrize("filtered", [band_limited, lowpass])
@pytest.mark.parametrize("slope", [0, -24])
def test_the_continuation_has_no_cliff_and_the_level_that_was_there(cutoff_freq, filtered, slope):
    truth = sloping(slope)
    mel = mel_of(filtered(truth, cutoff_freq))
    result = continued(mel)
    assert find_cliff(result, EXTRACTOR.log_floor) == 256
    above = slice(np.searchsorted(CENTRES, cutoff_freq) + 1, None)
    errors_db = NEPER_DB * (result - mel_of(truth))[..., above].mean(1)
    # The trend is an estimate from 40 bins of noise; without continuation some 80 dB are missing.
    assert errors_db.abs().mean() < 2 and errors_db.abs().max() < 5


@pytest.mark.parametrize("cutoff_freq", [14_000, 16_000, 19_000])
def test_bins_below_the_slope_are_never_changed(cutoff_freq):
    mel = mel_of(lowpass(noise(tilt_db=-3), cutoff_freq))
    known = find_cliff(mel, EXTRACTOR.log_floor) - NUM_ON_SLOPE
    result = continued(mel)
    assert torch.equal(result[..., :known], mel[..., :known])
    assert (result >= mel).all() and (result > mel)[..., known + NUM_ON_SLOPE :].all()


def test_the_continuation_has_the_timing_of_what_it_mirrors():
    on = np.arange(96_000) // 24_000 % 2
    mel = mel_of(lowpass(noise(2.0) * on.astype(np.float32), 16_000))
    result = continued(mel)
    # The frames beside a change are on both sides of it.
    frames = np.arange(200) % 50
    inner = (frames > 3) & (frames < 46)
    assert (result[0, inner & (on[::480] == 0), 240:] == EXTRACTOR.log_floor).all()
    assert (result[0, inner & (on[::480] == 1), 240:] > EXTRACTOR.log_floor + 3).all()


def test_what_is_louder_above_the_cliff_is_kept():
    click = np.zeros((1, 48_000), np.float32)
    click[:, 24_000] = 0.8
    mel = mel_of(band_limited(0.1 * noise(), 16_000) + click - band_limited(click, 16_000))
    assert find_cliff(mel, EXTRACTOR.log_floor) == pytest.approx(np.searchsorted(CENTRES, 16_000), abs=1)
    result = continued(mel)
    # Frame 50 holds the click, frame 45 ends before it.
    assert torch.equal(result[:, 50, 236:], mel[:, 50, 236:])
    assert (result > mel)[:, :45, 236:].all()


@pytest.mark.parametrize(
    "audio",
    [
        noise(),
        noise(tilt_db=-6),
        sloping(-24),
        sloping(-24, from_freq=14_000),
        sloping(-48),
        tone(1_000),
        tone(1_000, amplitude=0.05) + noise(amplitude=1e-3),
        clicks(),
        speech_like(),
        music_like(),
        np.zeros((1, 48_000), np.float32),
        # Below where cliffs are looked for, and above the last bins.
        band_limited(noise(), 10_000),
        band_limited(noise(), 23_900),
        # Quieter than the level from which a frame counts, and fewer frames than are needed.
        band_limited(noise(amplitude=2e-6), 16_000),
        band_limited(noise(), 16_000)[:, : 7 * 480],
    ],
)
def test_what_has_no_cliff_is_left_as_it_is(audio):
    mel = mel_of(audio)
    assert torch.equal(continued(mel), mel)


def test_the_lower_of_two_cliffs_counts():
    audio = band_limited(noise(), 16_000) + 0.03 * band_limited(noise(seed=1), 19_000)
    assert cliff_of(audio) == pytest.approx(np.searchsorted(CENTRES, 16_000), abs=1)


def test_a_cliff_in_few_frames_is_none():
    """What stops at 16 kHz only for a while was made that way."""
    limited, full = band_limited(noise(2.0), 16_000), noise(2.0)
    assert cliff_of(np.concatenate([limited[:, :38_000], full[:, 38_000:]], axis=1)) == 256
    assert cliff_of(np.concatenate([limited[:, :58_000], full[:, 58_000:]], axis=1)) < 256
