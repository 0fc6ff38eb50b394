"""What became of the band that was given: its delay, its gain, and how well it was kept."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import fft
from torch import Tensor

from audiosr_pipeline.metrics.power_spectrum import as_pair, bins_between
from audiosr_pipeline.metrics.sample_format import ROUNDING_NOISE_POWER

MAX_DELAY_S = 0.1
# A constant offset or a rumble that no one hears would otherwise decide over gain and correlation.
LOWEST_HZ = 20.0
# The least-squares gain shrinks with the correlation: at 0.9 it is 0.9 dB too low, which moves an LSD by 0.09. Further
# down it says more about phases than about levels.
LEAST_CORRELATION = 0.9


@dataclass(frozen=True)
class LowBandComparison:
    """The low band of an estimate beside the reference's.

    Attributes:
        delay_samples: By how much the estimate is late, where the correlation is largest; negative if it is early. The
            lower the correlation, the less it says.
        correlation: Largest correlation coefficient, -1 to 1; negative for inverted polarity.
        gain: What the estimate, its delay taken away, is multiplied by to come closest to the reference in the
            least-squares sense; NaN below a correlation of 0.9, where no gain makes the one like the other.
        snr_db: Level of the reference over that of the difference, neither delay nor gain taken away.
        gain_matched_snr_db: The same with both taken away; NaN where the gain is.

    All but `snr_db` are NaN if one of the bands is no louder than 16-bit rounding noise; all are if there is no band.
    """

    delay_samples: float
    correlation: float
    gain: float
    snr_db: float
    gain_matched_snr_db: float


def compare_low_bands(
    estimate: Tensor | np.ndarray,
    reference: Tensor | np.ndarray,
    cutoff_freq: float | None,
    sampling_rate: int = 48_000,
) -> LowBandComparison:
    """Compares what lies below the cutoff, where a super-resolved signal should be what it was made from.

    Only DFT bins from 20 Hz up to the cutoff count, of the whole signals without their mean. The delay is where the
    magnitude of the cross-correlation is largest between -0.1 and 0.1 s, to fractions of a sample by the parabola
    through three of its values; the gain is that of the delay in whole samples. All channels share them. References and
    differences quieter than 16-bit rounding noise count as that loud, so no ratio is infinite.

    Args:
        estimate: Waveforms `(channels, num_samples)`.
        reference: Same shape and rate as `estimate`.
        cutoff_freq: Frequency in Hz above which the estimate is new; None compares all frequencies.
        sampling_rate: Rate of both in Hz.

    Raises:
        ValueError: If the waveforms can't be compared.
    """
    estimate, reference = (audio.numpy() for audio in as_pair(estimate, reference))
    channels, num_samples = reference.shape
    reach = min(round(MAX_DELAY_S * sampling_rate), num_samples - 1)
    n_fft = fft.next_fast_len(num_samples + reach, real=True)
    low = bins_between(LOWEST_HZ, cutoff_freq, n_fft, sampling_rate)
    if low.start == low.stop:
        return LowBandComparison(*5 * (math.nan,))
    cross = np.zeros(n_fft // 2 + 1, complex)
    estimate_energy = reference_energy = 0.0
    for estimate_channel, reference_channel in zip(estimate, reference, strict=True):
        # The zeros after it would make all frequencies of an offset.
        spectrum, reference_spectrum = (
            fft.rfft(audio - audio.mean(), n_fft)[low] for audio in (estimate_channel, reference_channel)
        )
        cross[low] += spectrum * reference_spectrum.conj()
        estimate_energy += float(np.vdot(spectrum, spectrum).real) * 2 / n_fft
        reference_energy += float(np.vdot(reference_spectrum, reference_spectrum).real) * 2 / n_fft
    products = np.roll(fft.irfft(cross, n_fft), reach)[: 2 * reach + 1]
    floor = ROUNDING_NOISE_POWER * channels * num_samples * (low.stop - low.start) / (n_fft // 2 + 1)

    def ratio_db(error_energy: float) -> float:
        return 10 * math.log10(max(reference_energy, floor) / max(error_energy, floor))

    snr_db = ratio_db(estimate_energy + reference_energy - 2 * products[reach])
    if min(estimate_energy, reference_energy) <= floor:
        return LowBandComparison(math.nan, math.nan, math.nan, snr_db, math.nan)
    largest = int(np.abs(products).argmax())
    product = float(products[largest])
    delay_samples = largest - reach + _vertex(np.abs(products), largest)
    correlation = product / math.sqrt(estimate_energy * reference_energy)
    if abs(correlation) < LEAST_CORRELATION:
        return LowBandComparison(delay_samples, correlation, math.nan, snr_db, math.nan)
    gain = product / estimate_energy
    gain_matched_snr_db = ratio_db(reference_energy - gain * product)
    return LowBandComparison(delay_samples, correlation, gain, snr_db, gain_matched_snr_db)


def _vertex(values: np.ndarray, index: int) -> float:
    """Where the parabola through a maximum and its neighbours is highest, relative to `index`; 0 at an end."""
    if not 0 < index < len(values) - 1:
        return 0.0
    before, here, after = values[index - 1 : index + 2]
    curvature = before - 2 * here + after
    return float((before - after) / (2 * curvature)) if curvature else 0.0
