"""What low-resolution input suffers beside its low-pass, measured on signals whose content is known."""

import dataclasses

import numpy as np
import pytest
from scipy import fft

from audiosr_pipeline.dsp.lossy import hole_share
from audiosr_pipeline.training.degrade import (
    RESAMPLERS,
    DegradationSettings,
    DegradationShares,
    cut_shelf,
    degrade,
    draw_degradation,
    punch_holes,
    quantise,
    resample_and_back,
)
from tests.signals import band_limited, level_db, music_like, noise, rms, tone

EACH = [
    DegradationSettings(shelf_freq=4_000),
    DegradationSettings(holes_freq=3_000),
    *(DegradationSettings(resampler=resampler) for resampler in RESAMPLERS),
    DegradationSettings(num_bits=8),
    DegradationSettings(num_bits=16),
]


def frame_levels_db(audio: np.ndarray, low_freq: float, high_freq: float) -> np.ndarray:
    """Level of a band in frames of 2048 samples that don't overlap."""
    band = band_limited(audio, high_freq) - band_limited(audio, low_freq)
    frames = band[0, : band.shape[-1] // 2_048 * 2_048].reshape(-1, 2_048)
    return 10 * np.log10(np.square(frames).mean(1) + 1e-15)


def gain_at(frequency: float, resampler: str, cutoff_freq: float) -> float:
    """What is left of a tone's amplitude, images apart."""
    turns = np.exp(-2j * np.pi * frequency * np.arange(48_000) / 48_000)
    wanted = tone(frequency, 1.0)[0]
    result = resample_and_back(wanted[None], resampler, cutoff_freq)[0]
    # A whole number of the tone's periods, without the ends.
    inner = slice(4_800, -4_800)
    return float(np.abs((result * turns)[inner].sum()) / np.abs((wanted * turns)[inner].sum()))


def test_a_shelf_lets_few_frames_pass_and_they_are_the_loud_ones():
    audio = noise(2.0, amplitude=0.01)
    # A twentieth of the time, 20 dB louder.
    audio[:, 48_000 : 48_000 + 4_800] *= 10
    shelved = cut_shelf(audio, 8_000)
    below, above = (
        frame_levels_db(shelved, *band) - frame_levels_db(audio, *band) for band in [(100, 7_800), (8_200, 24_000)]
    )
    assert np.abs(below).max() < 0.1
    # The one frame that lies wholly within the loud part.
    assert abs(above[48_000 // 2_048 + 1]) < 0.1
    # A tenth of the frames pass, and fade in and out.
    assert 0.75 < (above < -30).mean() < 0.95


def test_holes_are_what_inspection_calls_holes():
    audio = noise(4.0)
    assert hole_share(audio, 24_000) == 0
    holed = punch_holes(audio, 6_000)
    # Cells of a third that lie wholly within a hole.
    assert 0.02 < hole_share(holed, 24_000) < 0.3
    # Three tenths of the power, but cells of less power are chosen; hardly less than that below the frequency.
    assert -3 < level_db(holed - band_limited(holed, 6_100)) - level_db(audio - band_limited(audio, 6_100)) < -0.5
    assert level_db(band_limited(holed - audio, 5_900)) < level_db(audio) - 40


def test_holes_come_and_go_with_time_and_band():
    """Not a band that is always empty, nor a moment without highs."""
    holed = punch_holes(noise(2.0, tilt_db=-6), 4_000)
    for band in [(5_000, 6_000), (20_000, 22_000)]:
        levels = frame_levels_db(holed, *band) - frame_levels_db(noise(2.0, tilt_db=-6), *band)
        assert levels.max() > -1 and levels.min() < -2
    whole = frame_levels_db(holed, 5_000, 22_000) - frame_levels_db(noise(2.0, tilt_db=-6), 5_000, 22_000)
    assert whole.min() > -6


@pytest.mark.parametrize("cutoff_freq", [3_900, 7_900, 11_900])
def test_linear_interpolation_dulls_as_its_formula_says(cutoff_freq):
    ratio = 48_000 // {3_900: 8_000, 7_900: 16_000, 11_900: 24_000}[cutoff_freq]
    for frequency in (500, cutoff_freq // 2, cutoff_freq - 100):
        angle = np.pi * frequency / 48_000
        # A triangle's spectrum, sampled.
        expected = (np.sin(ratio * angle) / (ratio * np.sin(angle))) ** 2
        assert gain_at(frequency, "linear", cutoff_freq) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("resampler", "flat_until"), [("soxr_hq", 0.9), ("polyphase", 0.75)])
@pytest.mark.parametrize(("cutoff_freq", "low_rate"), [(2_500, 8_000), (5_000, 11_025), (11_000, 22_050)])
def test_filtering_resamplers_are_flat_and_stop_at_the_low_rate_s_nyquist_frequency(
    resampler, flat_until, cutoff_freq, low_rate
):
    nyquist = low_rate / 2
    for share in (0.1, 0.5, flat_until):
        # 0.1 dB.
        assert gain_at(round(share * nyquist), resampler, cutoff_freq) == pytest.approx(1, abs=0.012)
    # Kaiser's window of scipy stops about 60 dB from a fifth above on.
    assert gain_at(round(1.25 * nyquist), resampler, cutoff_freq) < 2e-3


@pytest.mark.parametrize("resampler", RESAMPLERS)
def test_resamplers_delay_nothing(resampler):
    audio = noise(0.5)
    reference = band_limited(audio, 5_000)
    result = band_limited(resample_and_back(reference, resampler, 5_000), 4_000)
    reference = band_limited(reference, 4_000)
    correlation = fft.irfft(fft.rfft(result[0]) * fft.rfft(reference[0]).conj())
    assert correlation.argmax() == 0


@pytest.mark.parametrize("num_bits", [8, 16])
def test_quantisation_noise_is_a_twelfth_of_a_step_squared(num_bits):
    audio = noise(1.0)
    step = 2.0 ** (1 - num_bits)
    quantised = quantise(audio, num_bits)
    assert np.array_equal(quantised / step, np.round(quantised / step))
    assert rms(quantised - audio) == pytest.approx(step / 12**0.5, rel=0.02)


def test_quantisation_clips_as_integers_do():
    assert quantise(np.array([[2.0, -2.0, 1.0]]), 8).tolist() == [[127 / 128, -1.0, 127 / 128]]


@pytest.mark.parametrize("settings", EACH)
def test_each_changes_the_low_band_and_leaves_nothing_above_the_cutoff(settings):
    audio = band_limited(0.5 * music_like(0.5) + noise(0.5, amplitude=0.01), 7_000)
    given = audio.copy()
    degraded = degrade(audio, settings, 7_000)
    assert np.array_equal(audio, given)
    assert degraded.shape == audio.shape and degraded.dtype == np.float32
    # More than the low-pass at the end changes.
    untouched = degrade(audio, DegradationSettings(num_bits=24), 7_000)
    assert level_db(degraded - untouched) > level_db(audio) - 90
    # A window, because the clip's ends don't meet. A third above its cutoff, inference's low-pass stops 60 dB.
    windowed = np.hanning(24_000) * degraded
    assert level_db(windowed - band_limited(windowed, 9_300)) < level_db(windowed) - 60


@pytest.mark.parametrize("settings", EACH)
@pytest.mark.parametrize("num_samples", [100, 2_049])
def test_short_clips_and_channels(settings, num_samples):
    audio = noise(0.1)[:, :num_samples].repeat(2, axis=0)
    degraded = degrade(audio, settings, 5_000)
    assert degraded.shape == audio.shape and np.isfinite(degraded).all()
    assert np.array_equal(degraded[0], degraded[1])


@pytest.mark.parametrize("settings", EACH)
def test_silence_stays_silent(settings):
    assert not degrade(np.zeros((1, 9_600), np.float32), settings, 5_000).any()


def test_nothing_is_drawn_by_default_and_nothing_is_done_then():
    rng = np.random.default_rng(0)
    assert {draw_degradation(rng, 5_000, DegradationShares()) for _ in range(100)} == {DegradationSettings()}
    audio = noise(0.1)
    assert degrade(audio, DegradationSettings(), 5_000) is audio


@pytest.mark.parametrize("name", ["shelf", "holes", "resampler", "quantisation"])
def test_shares_are_those_of_the_draws_and_independent(name):
    rng = np.random.default_rng(0)
    drawn = [draw_degradation(rng, 10_000, DegradationShares(**{name: 0.3})) for _ in range(1_000)]
    field = {"shelf": "shelf_freq", "holes": "holes_freq", "quantisation": "num_bits"}.get(name, name)
    values = [dataclasses.asdict(settings) for settings in drawn]
    suffered = [value[field] for value in values if value[field] is not None]
    # To four standard deviations.
    assert len(suffered) == pytest.approx(300, abs=58)
    assert not any(value[other] is not None for value in values for other in value if other != field)
    if field.endswith("freq"):
        assert 2_500 < min(suffered) < max(suffered) < 9_500
    else:
        assert set(suffered) == ({8, 16} if name == "quantisation" else set(RESAMPLERS))


def test_draws_are_the_generator_s():
    shares = DegradationShares(0.5, 0.5, 0.5, 0.5)
    first, again, other = (
        [draw_degradation(np.random.default_rng(seed), 5_000, shares) for _ in range(3)] for seed in (1, 1, 2)
    )
    assert first == again != other
