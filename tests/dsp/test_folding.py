"""Bands filled with copies of lower ones as Opus does it, and what is none."""

import numpy as np
import pytest

from audiosr_pipeline.dsp.cutoff import find_bandwidth
from audiosr_pipeline.dsp.folding import find_folding, shift_coherence
from tests.signals import band_limited, clicks, music_like, noise, speech_like, tone

FRAME = 960


def folded(audio: np.ndarray, border: float, shift: float, noise_share: float = 0.0) -> np.ndarray:
    """From `border` to 20 kHz a copy of what lies `shift` lower, in an MDCT of 20 ms with a sine window."""
    num_frames = audio.shape[-1] // FRAME - 1
    time = np.arange(2 * FRAME) + 0.5 + FRAME / 2
    basis = np.cos(np.pi / FRAME * time[:, None] * (np.arange(FRAME) + 0.5))
    window = np.sin(np.pi * (np.arange(2 * FRAME) + 0.5) / (2 * FRAME))
    out = np.zeros(audio.shape[-1])
    bins = [round(frequency / 25) for frequency in (border, 20_000, shift)]
    rng = np.random.default_rng(0)
    for start in FRAME * np.arange(num_frames):
        coefficients = (audio[0, start : start + 2 * FRAME] * window) @ basis
        level = coefficients[bins[0] : bins[1]].std()
        copy = coefficients[bins[0] - bins[2] : bins[1] - bins[2]]
        if bins[1] - bins[2] > bins[0]:
            copy = np.resize(coefficients[bins[0] - bins[2] : bins[0]], bins[1] - bins[0])
        if rng.random() < noise_share:
            copy = rng.standard_normal(len(copy))
        coefficients[bins[0] : bins[1]] = copy * level / max(copy.std(), 1e-9)
        coefficients[bins[1] :] = 0
        out[start : start + 2 * FRAME] += 2 / FRAME * window * (basis @ coefficients)
    return out.astype(np.float32)[None]


SOUNDS = {"white noise": noise(3.0), "pink noise": noise(3.0, tilt_db=-3), "music-like": music_like(3.0)}


@pytest.mark.parametrize("shift", [3_600, 7_600, 8_800, 10_800])
@pytest.mark.parametrize("name", SOUNDS)
def test_a_folded_top_is_not_content(name, shift):
    audio = folded(SOUNDS[name], 12_000, shift)
    assert find_folding(audio) == 12_000
    assert find_bandwidth(audio) == 12_000


def test_frames_that_are_filled_with_noise_among_them_do_not_matter():
    assert find_folding(folded(SOUNDS["pink noise"], 12_000, 7_600, noise_share=0.5)) == 12_000


def test_what_is_folded_far_below_a_band_moves_no_edge():
    """As Opus decoded to floats leaves it, where it coded nothing but the band: some 100 dB below the peak."""
    band = band_limited(SOUNDS["pink noise"], 7_700)
    faint = folded(SOUNDS["white noise"], 12_000, 7_600)
    faint -= band_limited(faint, 12_000)
    assert find_folding(band + faint) == 12_000
    # Half the smoothing over 150 Hz and two STFT bins.
    assert find_bandwidth(band + 1e-4 * faint) == pytest.approx(7_700, abs=125)


def test_folding_from_15_6_khz_on_is_said_but_kept():
    """Loud moments may be coded there."""
    audio = folded(SOUNDS["pink noise"], 15_600, 8_000)
    assert find_folding(audio) == 15_600
    # Half the smoothing over 150 Hz and two STFT bins.
    assert find_bandwidth(audio) == pytest.approx(20_000, abs=125)


@pytest.mark.parametrize(
    "audio",
    [
        *SOUNDS.values(),
        speech_like(3.0),
        clicks(3.0),
        0 * noise(),
        noise(0.01),
        sum(tone(frequency, 2.0, amplitude=0.02) for frequency in range(400, 20_000, 400)),
    ],
    ids=[*SOUNDS, "speech-like", "clicks", "silence", "10 ms", "partials of 400 Hz"],
)
def test_sounds_of_their_own_are_not_folded(audio):
    assert find_folding(band_limited(audio, 20_000)) is None


def test_a_copy_at_another_distance_is_not_opuss():
    assert find_folding(folded(SOUNDS["white noise"], 12_000, 3_725)) is None


def test_shift_coherence_is_one_for_a_copy_and_agrees_with_the_definition():
    rng = np.random.default_rng(0)
    spectra = rng.standard_normal((3, 200)) + 1j * rng.standard_normal((3, 200))
    spectra[:, 120:180] = 0.1j * spectra[:, 50:110]
    coherence = shift_coherence(spectra, 120, 180)
    assert coherence.shape == (3, 120)
    assert coherence[:, 50] == pytest.approx(1)
    lower, band = spectra[:, 20:80], spectra[:, 120:180]
    expected = np.abs((lower * band.conj()).sum(1)) ** 2 / (np.abs(lower) ** 2).sum(1) / (np.abs(band) ** 2).sum(1)
    assert coherence[:, 20] == pytest.approx(expected)
