"""Variance ratio: noise of the same envelope is as varied as the truth, a grey average is not."""

import numpy as np
import pytest
from scipy import ndimage, signal

from audiosr_pipeline.metrics import round_to_16_bit, variance_ratio

NUM_SAMPLES = 4 * 48_000
SETTINGS = {"fs": 48_000, "window": "hann", "nperseg": 2_048, "noverlap": 2_048 - 480}


def spectrum(audio: np.ndarray) -> np.ndarray:
    return signal.stft(audio, **SETTINGS)[2]


def shaped_noise(envelope_db: np.ndarray, seed: int) -> np.ndarray:
    """Noise `(1, num_samples)` whose time-frequency envelope is `(num_bins, num_frames)`, in dB."""
    white = spectrum(np.random.default_rng(seed).standard_normal(NUM_SAMPLES))
    audio = signal.istft(white * 10 ** (envelope_db / 20), **SETTINGS)[1]
    return audio[None, :NUM_SAMPLES]


@pytest.fixture(scope="module")
def envelope_db() -> np.ndarray:
    """-40 dB, falling with frequency, with patches of some 40 ms by 200 Hz that are up to 20 dB louder or softer."""
    shape = spectrum(np.zeros(NUM_SAMPLES)).shape
    patches = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(shape), (8, 2))
    return -40 - np.linspace(0, 20, shape[0])[:, None] + 10 * patches / patches.std()


def test_the_reference_itself_scores_exactly_one(envelope_db):
    audio = shaped_noise(envelope_db, 1)
    assert variance_ratio(audio, audio, 4_000).tolist() == [1]


def test_agrees_with_the_definition_computed_by_scipy(envelope_db):
    estimate, reference = shaped_noise(envelope_db / 2, 1), shaped_noise(envelope_db, 2)

    def spread(audio):
        padded = np.pad(audio[0], 1_024)
        window = signal.get_window("hann", 2_048)
        frames = np.lib.stride_tricks.sliding_window_view(padded, 2_048)[::480] * window
        # Bins 171 (4008 Hz) to 682 (15 984 Hz), eight to a cell, and four frames; the last of 401 is over.
        power = np.abs(np.fft.rfft(frames))[:400, 171:683] ** 2
        cells = power.reshape(100, 4, 64, 8).mean((1, 3))
        level = 10 * np.log10(np.maximum(cells, 2**-30 / 12 * (window**2).sum()))
        level = level - level.mean(0) - level.mean(1, keepdims=True) + level.mean()
        return (level**2).mean()

    ours = variance_ratio(estimate, reference, 4_000, 16_000).item()
    assert ours == pytest.approx(spread(estimate) / spread(reference), rel=1e-9)


def test_independent_noise_of_the_same_fine_envelope_scores_one(envelope_db):
    ratio = variance_ratio(shaped_noise(envelope_db, 1), shaped_noise(envelope_db, 2), 4_000).item()
    assert ratio == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("smoothing", [(64, 0.5), (0.5, 20), (64, 20)], ids=["frequency", "time", "both"])
def test_a_grey_average_scores_far_below_one(envelope_db, smoothing):
    grey_db = ndimage.gaussian_filter(envelope_db, smoothing)
    assert variance_ratio(shaped_noise(grey_db, 1), shaped_noise(envelope_db, 2), 4_000).item() < 0.4


def test_the_course_of_the_level_and_the_mean_spectrum_do_not_make_up_for_detail(envelope_db):
    levels = 20 * np.sign(np.sin(np.arange(envelope_db.shape[1]) / 20))
    truth_db, grey_db = envelope_db + levels, ndimage.gaussian_filter(envelope_db, (64, 20)) + levels
    estimate, truth = shaped_noise(grey_db, 1), shaped_noise(truth_db, 2)
    # A plain variance over time and frequency is satisfied with it.
    plain = [np.log10(np.abs(spectrum(audio[0]))[171:]).var() for audio in (estimate, truth)]
    assert plain[0] / plain[1] > 0.7
    assert variance_ratio(estimate, truth, 4_000).item() < 0.4


def test_gain_and_fixed_filters_do_not_count(envelope_db):
    truth = shaped_noise(envelope_db, 1)
    tilted = signal.lfilter([0.2, 0.1], 1, truth)
    assert variance_ratio(tilted, truth, 4_000).item() == pytest.approx(1, abs=0.02)


def test_invented_detail_scores_above_one(envelope_db):
    estimate = shaped_noise(2 * (envelope_db + 40) - 40, 1)
    assert variance_ratio(estimate, shaped_noise(envelope_db, 2), 4_000, 12_000).item() > 1.5


def test_digital_silence_has_no_say(envelope_db):
    estimate, truth = shaped_noise(envelope_db, 1), shaped_noise(ndimage.gaussian_filter(envelope_db, (8, 2)), 2)
    whole = variance_ratio(estimate, truth, 4_000).item()
    silence = np.zeros((1, 3 * NUM_SAMPLES))
    padded = [np.concatenate([audio, silence], -1) for audio in (estimate, truth)]
    # The border's two or three frames, half in silence, are all that is new.
    assert variance_ratio(*padded, 4_000).item() == pytest.approx(whole, rel=0.02)


def test_an_empty_band_above_the_edge_has_no_say(envelope_db):
    estimate, truth = shaped_noise(envelope_db, 1), shaped_noise(envelope_db, 2)
    cliff = signal.cheby1(8, 0.05, 16_000, fs=48_000, output="sos")
    recorded = round_to_16_bit(signal.sosfiltfilt(cliff, truth))
    ratio = variance_ratio(estimate, recorded, 4_000, 16_000).item()
    assert ratio == pytest.approx(1, abs=0.05)


def test_without_anything_to_compare_it_is_nan(envelope_db):
    audio = shaped_noise(envelope_db, 1)
    silence, short = np.zeros_like(audio), audio[:, :2_000]
    assert np.isnan(variance_ratio(audio, silence, 4_000).item())
    assert np.isnan(variance_ratio(audio, audio, 4_000, 4_500).item())
    assert np.isnan(variance_ratio(short, short, 4_000).item())
    # An estimate that left the band empty has no spread at all.
    assert variance_ratio(silence, audio, 4_000).item() == 0


def test_examples_of_a_batch_do_not_mix(envelope_db):
    audio = np.concatenate([shaped_noise(envelope_db, 1), np.zeros((1, NUM_SAMPLES))])
    ratios = variance_ratio(audio, audio, 4_000)
    assert ratios[0] == 1 and ratios[1].isnan()
