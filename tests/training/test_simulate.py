"""The low-passes that make low-resolution input: their responses as measured, against the textbook's formulas."""

import numpy as np
import pytest
from scipy import fft

from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.training.simulate import FILTERS, LowpassSettings, draw_lowpass, simulate_low_resolution
from tests.signals import band_limited, level_db, noise

CUTOFFS = [2_000, 8_000, 16_000]


def response_db(settings: LowpassSettings) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies as multiples of the cutoff on the bilinear transform's warped axis, and the measured gain at each."""
    impulse = np.zeros((1, 2**15), np.float32)
    impulse[0, 2**14] = 1
    gain = np.abs(fft.rfft(simulate_low_resolution(impulse, settings)[0].astype(np.float64)))[:-1]
    ratio = np.tan(np.pi * np.arange(2**14) / 2**15) / np.tan(np.pi * settings.cutoff_freq / 48_000)
    return ratio, 20 * np.log10(np.maximum(gain, 1e-12))


@pytest.mark.parametrize("cutoff_freq", CUTOFFS)
@pytest.mark.parametrize("order", range(2, 11))
def test_butterworth(order, cutoff_freq):
    """6 dB down at the cutoff after two passes, 12 dB per octave and order beyond it."""
    ratio, gain = response_db(LowpassSettings("butter", order, cutoff_freq))
    expected = -20 * np.log10(1 + ratio ** (2 * order))
    assert np.abs(gain - expected)[expected > -80].max() < 0.05
    assert np.interp(1, ratio, gain) == pytest.approx(-6, abs=0.1)
    assert np.interp(2, ratio, gain) == pytest.approx(-12 * order, abs=1)


@pytest.mark.parametrize("cutoff_freq", CUTOFFS)
@pytest.mark.parametrize("order", range(2, 11))
def test_chebyshev(order, cutoff_freq):
    """0.1 dB down at the cutoff after two passes, whatever the order; steeper than Butterworth beyond it."""
    ratio, gain = response_db(LowpassSettings("cheby1", order, cutoff_freq))
    polynomial = np.polynomial.chebyshev.chebval(ratio, [0] * order + [1])
    expected = -20 * np.log10(1 + (10 ** (0.05 / 10) - 1) * polynomial**2)
    assert np.abs(gain - expected)[expected > -80].max() < 0.05
    assert np.interp(1, ratio, gain) == pytest.approx(-0.1, abs=0.05)


@pytest.mark.parametrize("cutoff_freq", CUTOFFS)
@pytest.mark.parametrize("order", range(2, 11))
def test_elliptic(order, cutoff_freq):
    """Ripples 0.1 dB below the cutoff, and stops 120 dB after two passes, the sooner the higher its order."""
    ratio, gain = response_db(LowpassSettings("ellip", order, cutoff_freq))
    assert np.abs(gain[ratio < 1] + 0.05).max() < 0.06
    chebyshev = response_db(LowpassSettings("cheby1", order, cutoff_freq))[1]
    # No order is less steep than the Chebyshev filter's, down to where it stops.
    steep = (ratio > 1) & (chebyshev > -100)
    assert (gain - chebyshev)[steep].max() < 0.1
    if order >= 6:
        # Float32 output holds about 120 dB.
        assert gain[ratio > 2].max() < -112


@pytest.mark.parametrize("cutoff_freq", CUTOFFS)
def test_boxcar(cutoff_freq):
    audio = noise(0.5)
    lowpassed = simulate_low_resolution(audio, LowpassSettings("boxcar", 5, cutoff_freq))
    power = np.abs(fft.rfft(lowpassed[0].astype(np.float64))) ** 2
    frequencies = fft.rfftfreq(audio.shape[-1], 1 / 48_000)
    # Float32 rounds at -150 dB.
    assert power[frequencies > cutoff_freq].max() < 1e-12 * power.max()
    assert level_db(lowpassed - band_limited(audio, cutoff_freq)) < level_db(audio) - 120


@pytest.mark.parametrize("name", FILTERS)
def test_nothing_is_delayed(name):
    impulse = np.zeros((1, 20_001), np.float32)
    impulse[0, 10_000] = 1
    response = simulate_low_resolution(impulse, LowpassSettings(name, 7, 5_000))
    assert response.argmax() == 10_000
    assert np.abs(response - response[:, ::-1]).max() < 1e-6 * response.max()


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("num_samples", [1, 10, 999])
def test_shape_and_type_are_kept(name, num_samples):
    audio = noise(0.1)[:, :num_samples].repeat(2, axis=0)
    lowpassed = simulate_low_resolution(audio, LowpassSettings(name, 4, 3_000))
    assert lowpassed.shape == audio.shape and lowpassed.dtype == np.float32
    assert np.isfinite(lowpassed).all()


def test_the_filter_of_inference_is_the_one_of_inference():
    audio = noise(0.2)
    simulated = simulate_low_resolution(audio, LowpassSettings("cheby1", 8, 4_000))
    assert np.array_equal(simulated, lowpass(audio, 4_000))


def test_draws():
    rng = np.random.default_rng(0)
    drawn = [draw_lowpass(rng) for _ in range(4_000)]
    cutoffs = np.array([settings.cutoff_freq for settings in drawn])
    assert cutoffs.min() > 2_000 and cutoffs.max() < 16_000
    # Uniform: each quarter of the range gets a quarter, to four standard deviations.
    assert np.histogram(cutoffs, 4, (2_000, 16_000))[0] == pytest.approx([1_000] * 4, abs=110)
    inference = [settings.name == "cheby1" and settings.order == 8 for settings in drawn]
    # And one of 36 of the others.
    assert np.mean(inference) == pytest.approx(0.4 + 0.6 / 36, abs=0.03)
    others = [settings for settings, is_inference in zip(drawn, inference, strict=True) if not is_inference]
    for name in FILTERS:
        orders = {settings.order for settings in others if settings.name == name}
        assert orders == set(range(2, 11)) - ({8} if name == "cheby1" else set())


def test_draws_are_the_generator_s():
    first, again, other = ([draw_lowpass(np.random.default_rng(seed)) for _ in range(3)] for seed in (1, 1, 2))
    assert first == again != other
