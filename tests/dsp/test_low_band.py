"""Putting the input's low band back: into the mel spectrogram, and into the waveform."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft, signal

from audiosr_pipeline.dsp import low_band
from audiosr_pipeline.dsp.low_band import (
    BLOCK_SAMPLES,
    low_mel_error_db,
    num_low_mels,
    replace_low_band,
    replace_low_mel,
    split_bands,
)
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from tests.signals import band_limited, level_db, noise, rms, tone

BANDWIDTHS = [500, 1_000, 3_999.5, 8_000, 11_025, 16_000, 20_000, 23_900]
MEL_EDGES, MEL_FILTERS = MelFeatureExtractor().mel_edges, MelFeatureExtractor().mel_filters.numpy()


def spectrum_db(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Long-term level of each STFT bin (Hann), and its frequency."""
    frequencies, power = signal.welch(audio[0].astype(np.float64), 48_000, nperseg=2_048, detrend=False)
    return frequencies, 10 * np.log10(np.maximum(power, 1e-30))


def test_a_mel_bin_is_low_if_its_triangle_ends_at_the_cutoff_or_lower():
    for index in (0, 1, 100, 254, 255):
        edge = MEL_EDGES[index]
        assert num_low_mels(edge, MEL_EDGES) == index + 1
        assert num_low_mels(np.nextafter(edge, 0), MEL_EDGES) == index
    assert num_low_mels(0, MEL_EDGES) == 0
    assert num_low_mels(24_001, MEL_EDGES) == 256


def test_the_error_of_the_known_band_counts_what_is_loud_below_the_cutoff():
    # More frames than are compared at once.
    true = torch.zeros(2, 1, 2_500, 256)
    true[:, :, ::2] = -10.0
    low = num_low_mels(8_000, MEL_EDGES)
    generated = true + 0.5
    # Faint bins, 87 dB below the others, and what lies above the cutoff.
    generated[:, :, ::2] += 5.0
    generated[..., low:] += 5.0
    assert low_mel_error_db(generated, true, 8_000, MEL_EDGES) == pytest.approx(0.5 * 8.686, rel=1e-4)
    assert low_mel_error_db(true, true, 8_000, MEL_EDGES) == 0
    assert low_mel_error_db(generated, true, 10, MEL_EDGES) == 0


@settings(max_examples=30, deadline=None)
@given(cutoff_freq=st.floats(100, 24_000))
def test_low_mel_bins_weigh_nothing_above_the_cutoff(cutoff_freq):
    """And the next bin does."""
    low = num_low_mels(cutoff_freq, MEL_EDGES)
    frequencies = np.linspace(0, 24_000, 1_025)
    assert not MEL_FILTERS[frequencies >= cutoff_freq][:, :low].any()
    if low < 256:
        # The filters are sampled at STFT bins, 23 Hz apart.
        assert MEL_EDGES[low] > cutoff_freq
        assert MEL_FILTERS[frequencies >= cutoff_freq - 24, low].any()


@pytest.mark.parametrize("cutoff_freq", [0, 2_000, 4_000, 16_000, 24_000])
def test_exactly_the_low_mel_bins_are_the_input_s(cutoff_freq):
    generated, own = torch.randn(2, 2, 1, 10, 256, generator=torch.Generator().manual_seed(0))
    before = generated.clone()
    replaced = replace_low_mel(generated, own, cutoff_freq, MEL_EDGES)
    low = int((MEL_EDGES <= cutoff_freq).sum())
    assert torch.equal(replaced[..., :low], own[..., :low])
    assert torch.equal(replaced[..., low:], generated[..., low:])
    assert torch.equal(generated, before)


def impulse_response(bandwidth: float, num_samples: int = 2**15) -> np.ndarray:
    impulse = np.zeros((1, num_samples), np.float32)
    impulse[0, num_samples // 2] = 1
    return split_bands(impulse, bandwidth)[0].astype(np.float64)


@pytest.mark.parametrize("bandwidth", BANDWIDTHS)
def test_low_band_is_flat_up_to_250_hz_below_its_end_and_empty_from_there_on(bandwidth):
    gain = np.abs(fft.rfft(impulse_response(bandwidth)))
    frequencies = fft.rfftfreq(2**15, 1 / 48_000)
    assert np.abs(20 * np.log10(gain[frequencies <= bandwidth - 250])).max() < 0.01
    # Designed for 90 dB; Kaiser's formula is an estimate.
    assert 20 * np.log10(gain[frequencies >= bandwidth].max()) < -85


@pytest.mark.parametrize("bandwidth", BANDWIDTHS)
def test_low_band_has_no_delay(bandwidth):
    response = impulse_response(bandwidth)
    assert response.argmax() == 2**14
    # Linear phase: symmetric about the impulse. Float32 rounds at 6e-8.
    assert np.abs(response[1:] - response[:0:-1]).max() < 1e-7


@pytest.mark.parametrize("bandwidth", [24_000, 24_001, 48_000])
def test_from_the_nyquist_frequency_on_all_is_low_band(bandwidth):
    audio = noise(0.1)
    low = split_bands(audio, bandwidth)
    assert np.array_equal(low, audio)
    assert low is not audio
    assert not replace_low_band(noise(0.1, seed=1), audio, bandwidth)[1].any()


def test_blocks_do_not_show():
    audio = noise(2.2 * BLOCK_SAMPLES / 48_000)
    response = impulse_response(4_000, 2**12)
    # Beyond its ends a clip is its mirror image.
    mirrored = np.pad(audio[0].astype(np.float64), 2**11, "symmetric")
    expected = signal.oaconvolve(mirrored, response)[2**12 : 2**12 + audio.shape[-1]]
    # The measured response is rounded to float32.
    assert np.abs(split_bands(audio, 4_000)[0] - expected).max() < 1e-5 * np.abs(expected).max()


@settings(max_examples=30, deadline=None)
@given(num_samples=st.integers(1, 3_000), channels=st.integers(1, 3), bandwidth=st.floats(300, 30_000))
def test_any_length_and_bandwidth(num_samples, channels, bandwidth):
    audio = np.random.default_rng(num_samples).standard_normal((channels, num_samples)).astype(np.float32)
    low = split_bands(audio, bandwidth)
    assert low.shape == audio.shape and low.dtype == np.float32
    assert np.isfinite(low).all()
    for index, channel in enumerate(audio):
        assert np.array_equal(split_bands(channel[None], bandwidth)[0], low[index])


@pytest.mark.parametrize("num_blocks", [1, 2, 2.5])
def test_in_place_blocks_do_not_see_what_is_written(num_blocks, monkeypatch):
    audio = noise(1.0)
    expected = split_bands(audio, 4_000)
    monkeypatch.setattr(low_band, "BLOCK_SAMPLES", round(48_000 / num_blocks))
    assert split_bands(audio, 4_000, out=audio) is audio
    assert np.abs(audio - expected).max() < 1e-6


@pytest.mark.parametrize("bandwidth", BANDWIDTHS)
def test_below_is_the_input_above_is_generated(bandwidth):
    audio, generated = noise(2.0, seed=0), noise(2.0, seed=1)
    joined, new_band = replace_low_band(generated, audio, bandwidth)
    frequencies, level = spectrum_db(audio)
    # Two bins nearer to the splice the Hann window lets the other side through.
    below, above = frequencies <= bandwidth - 250 - 50, frequencies >= bandwidth + 50
    assert (spectrum_db(joined - audio)[1] - level)[below].max() < -50
    assert (spectrum_db(new_band)[1] - level)[below].max() < -50
    assert (spectrum_db(joined - generated)[1] - level)[above].max() < -50


def test_the_difference_of_the_results_is_the_input_s_own_band():
    audio, generated = noise(0.5, seed=0), noise(0.5, seed=1)
    joined, new_band = replace_low_band(generated, audio, 6_000)
    # Float32 sums.
    assert np.abs(joined - new_band - split_bands(audio, 6_000)).max() < 1e-7


def test_where_the_gate_is_closed_all_is_the_input():
    audio, generated = noise(0.5, seed=0), noise(0.5, seed=1)
    gate = np.ones(24_000, np.float32)
    gate[8_000:16_000] = 0
    gate[16_000:20_000] = 0.5
    joined, new_band = replace_low_band(generated, audio, 6_000, gate)
    ungated, whole_band = replace_low_band(generated, audio, 6_000)
    assert np.array_equal(joined[:, 8_000:16_000], audio[:, 8_000:16_000])
    assert not new_band[:, 8_000:16_000].any()
    assert np.array_equal(joined[:, 20_000:], ungated[:, 20_000:])
    half = slice(16_000, 20_000)
    assert np.allclose(new_band[:, half], 0.5 * whole_band[:, half])
    # Half-way between the input and what replaces it. Float32 sums.
    assert np.abs(joined - (audio + ungated) / 2)[:, half].max() < 1e-6


@pytest.mark.parametrize("bandwidth", BANDWIDTHS)
def test_no_notch_nor_ridge_where_both_sides_agree(bandwidth):
    audio = noise(0.5, tilt_db=-3)
    joined, _ = replace_low_band(audio, audio, bandwidth)
    assert level_db(joined - audio) < level_db(audio) - 130


def test_a_tone_at_the_splice_keeps_its_level():
    audio = tone(3_875)
    joined, _ = replace_low_band(audio, band_limited(audio, 20_000), 4_000)
    assert rms(joined) == pytest.approx(rms(audio), rel=1e-4)


@pytest.mark.parametrize("bandwidth", [2_000, 4_000, 12_000])
def test_the_splice_of_independent_noises_dips_by_3_db_at_most(bandwidth):
    audio, generated = noise(20.0, seed=0), noise(20.0, seed=1)
    frequencies, level = spectrum_db(replace_low_band(generated, audio, bandwidth)[0])
    usual = np.median(level)
    splice = (frequencies > bandwidth - 400) & (frequencies < bandwidth + 150)
    # Half of each side is -3 dB, at one frequency. A thousand frames average to 0.2 dB.
    assert level[splice].min() > usual - 3.5
    assert level[splice].max() < usual + 0.6
    assert (level[splice] < usual - 1).sum() < 10


def test_only_the_high_band_of_what_is_generated_is_heard():
    audio, generated = band_limited(noise(), 4_000), noise(seed=1)
    louder = generated + 10 * tone(1_000)
    difference = replace_low_band(louder, audio, 4_000)[0] - replace_low_band(generated, audio, 4_000)[0]
    # But for the tone's abrupt start and end, which lie at all frequencies.
    assert level_db(difference[:, 2_000:-2_000]) < level_db(10 * tone(1_000)) - 80
