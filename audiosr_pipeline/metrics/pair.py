"""Every metric of one estimate against its reference."""

import math

import numpy as np
import torch

from audiosr_pipeline.metrics.band_levels import N_FFT as BAND_LEVELS_N_FFT
from audiosr_pipeline.metrics.edge import steady_edge
from audiosr_pipeline.metrics.energy import N_FFT, band_energy_error, octave_bands
from audiosr_pipeline.metrics.envelope_correlation import envelope_correlation
from audiosr_pipeline.metrics.level import loudness_change, peak_change_db
from audiosr_pipeline.metrics.level_bias import level_bias
from audiosr_pipeline.metrics.low_band import compare_low_bands
from audiosr_pipeline.metrics.lsd import LSD_CONVENTIONS, distances_at_gains, silent_frames
from audiosr_pipeline.metrics.power_spectrum import as_pair
from audiosr_pipeline.metrics.variance_ratio import variance_ratio

# Where full-band recordings end that have passed no codec, in Hz.
TOP = (16_000.0, 20_000.0)


def evaluate_pair(
    estimate: np.ndarray,
    reference: np.ndarray,
    cutoff_freq: float | None = None,
    sampling_rate: int = 48_000,
) -> dict[str, float]:
    """Scores one clip; each score is the mean over its channels, or is of all of them together where it says so.

    `EDGE` is where the reference's own content ends, found by `steady_edge` over all its channels: many recordings stop
    at a codec's cliff, and up to there nothing has to be guessed. A score without anything to measure is NaN: those
    that need a cutoff when none is given, those between the cutoff and `EDGE` when `EDGE` is not above it, those above
    `EDGE` when it is the highest frequency. No score is infinite. Nothing is shifted or amplified before it is scored,
    but for the `..._gain_matched` scores.

    Args:
        estimate: Waveforms `(channels, num_samples)`, full scale 1, in the sample format that is to be compared.
        reference: Same shape, rate and sample format as `estimate`.
        cutoff_freq: Frequency in Hz above which the estimate is new.
        sampling_rate: Rate of both in Hz.

    Returns:
        Scores by name:

        - `lsd_{convention}` for each LSD convention: all bins; `lsd_lf_...` below the cutoff; `lsd_hf_...` from the
          cutoff up; `lsd_below_edge_...` below `EDGE`; `lsd_hf_below_edge_...` from the cutoff to `EDGE`;
          `lsd_above_edge_...` from `EDGE` up. Each of them also as `..._gain_matched`, with the estimate multiplied by
          the gain that `compare_low_bands` finds.
        - `energy_error_db`: mean over the octaves above the cutoff of the absolute energy error, and with a cutoff
          `energy_error_db_{low}_{high}`: the signed error of the octave from `low` to `high` Hz.
          `energy_error_below_edge_db`: the mean over octaves that end at `EDGE`. `top_energy_error_db`: the signed
          error at 16-20 kHz, of a reference whose `EDGE` is above that.
        - `level_bias_db`: mean over octaves that end at `EDGE` of the signed level bias, and with a cutoff
          `level_bias_db_{low}_{high}`: that of the octave from `low` to `high` Hz, of references whose `EDGE` lies
          halfway up or higher.
        - `envelope_correlation`, `variance_ratio`: from the cutoff to `EDGE`.
        - `low_band_snr_db` and `low_band_snr_db_gain_matched`, `low_band_correlation`, `delay_samples` and
          `matching_gain_db`: what `compare_low_bands` finds, of all channels. Without a cutoff the delay and the
          correlation are those of the whole band, and the others NaN.
        - `loudness_change_lu`, `peak_change_db`: of all channels and frequencies.
        - `reference_edge_freq`: `EDGE` in Hz.
        - `reference_silent`: share of the reference's frames that are digital silence; each scores 12 in `ssr_eval`,
          whatever the estimate is.

    Raises:
        ValueError: If the waveforms can't be compared or the cutoff is not below the Nyquist frequency.
    """
    # Once, so that the metrics have nothing to convert.
    estimate, reference = (audio.numpy() for audio in as_pair(estimate, reference))
    octaves = [] if cutoff_freq is None else octave_bands(cutoff_freq, sampling_rate / 2)
    edge_freq = steady_edge(reference, sampling_rate)
    low_band = compare_low_bands(estimate, reference, cutoff_freq, sampling_rate)
    gain = math.nan if cutoff_freq is None else abs(low_band.gain)
    scores = lsd_scores(estimate, reference, cutoff_freq, edge_freq, gain, sampling_rate)
    scores |= energy_scores(estimate, reference, cutoff_freq, edge_freq, octaves, sampling_rate)
    scores |= course_scores(estimate, reference, cutoff_freq, edge_freq, octaves, sampling_rate)
    scores["variance_ratio"] = math.nan
    if cutoff_freq is not None:
        ratios = variance_ratio(estimate, reference, cutoff_freq, edge_freq, sampling_rate)
        scores["variance_ratio"] = float(torch.nanmean(ratios))
    scores["low_band_snr_db"] = math.nan if cutoff_freq is None else low_band.snr_db
    scores["low_band_snr_db_gain_matched"] = math.nan if cutoff_freq is None else low_band.gain_matched_snr_db
    scores["low_band_correlation"] = low_band.correlation
    scores["delay_samples"] = low_band.delay_samples
    scores["matching_gain_db"] = 20 * math.log10(gain)
    scores["loudness_change_lu"] = loudness_change(estimate, reference, sampling_rate)
    scores["peak_change_db"] = peak_change_db(estimate, reference)
    scores["reference_edge_freq"] = edge_freq
    scores["reference_silent"] = float(silent_frames(reference, "ssr_eval", sampling_rate).mean())
    return scores


def lsd_scores(
    estimate: np.ndarray,
    reference: np.ndarray,
    cutoff_freq: float | None,
    edge_freq: float,
    gain: float,
    sampling_rate: int,
) -> dict[str, float]:
    """The `lsd_...` scores of `evaluate_pair`; with a `gain` of NaN the gain-matched ones are NaN."""
    bands: dict[str, tuple[float, float | None] | None] = {
        "lsd": (0.0, None),
        "lsd_lf": None if cutoff_freq is None else (0.0, cutoff_freq),
        "lsd_hf": None if cutoff_freq is None else (cutoff_freq, None),
        "lsd_below_edge": (0.0, edge_freq),
        "lsd_hf_below_edge": None if cutoff_freq is None else (cutoff_freq, edge_freq),
        "lsd_above_edge": (edge_freq, None),
    }
    gains = {"": 1.0} if math.isnan(gain) else {"": 1.0, "_gain_matched": gain}
    scores: dict[str, float] = {}
    for convention, definition in LSD_CONVENTIONS.items():
        bin_width = sampling_rate / definition.n_fft(sampling_rate)
        measured = {
            name: band
            for name, band in bands.items()
            if band is not None and (sampling_rate / 2 if band[1] is None else band[1]) >= band[0] + bin_width
        }
        distances = distances_at_gains(
            estimate, reference, convention, list(measured.values()), sampling_rate, list(gains.values())
        )
        for suffix in ("", "_gain_matched"):
            scores |= {f"{name}_{convention}{suffix}": math.nan for name in bands}
        for suffix, of_channels in zip(gains, distances, strict=True):
            for name, distance in zip(measured, of_channels.mean(0).tolist(), strict=True):
                scores[f"{name}_{convention}{suffix}"] = distance
    return scores


def energy_scores(
    estimate: np.ndarray,
    reference: np.ndarray,
    cutoff_freq: float | None,
    edge_freq: float,
    octaves: list[tuple[float, float]],
    sampling_rate: int,
) -> dict[str, float]:
    """The energy errors of `evaluate_pair`; `octaves` are those above the cutoff."""
    below_edge = []
    # At least a bin, as for the LSD to the edge.
    if cutoff_freq is not None and edge_freq >= cutoff_freq + sampling_rate / N_FFT:
        below_edge = octave_bands(cutoff_freq, edge_freq)
    top = [TOP] if cutoff_freq is not None and cutoff_freq <= TOP[0] and edge_freq >= TOP[1] else []
    errors = band_energy_error(estimate, reference, [*octaves, *below_edge, *top], sampling_rate)
    of_octaves, of_below_edge, of_top = errors.split([len(octaves), len(below_edge), len(top)], dim=1)
    # The mean of nothing is NaN.
    scores = {
        "energy_error_db": float(of_octaves.abs().mean()),
        "energy_error_below_edge_db": float(of_below_edge.abs().mean()),
        "top_energy_error_db": float(of_top.mean()),
    }
    for (low, high), error in zip(octaves, of_octaves.mean(0).tolist(), strict=True):
        scores[f"energy_error_db_{low:.0f}_{high:.0f}"] = error
    return scores


def course_scores(
    estimate: np.ndarray,
    reference: np.ndarray,
    cutoff_freq: float | None,
    edge_freq: float,
    octaves: list[tuple[float, float]],
    sampling_rate: int,
) -> dict[str, float]:
    """The level biases and the envelope correlation of `evaluate_pair`; `octaves` are those above the cutoff."""
    names = [f"level_bias_db_{low:.0f}_{high:.0f}" for low, high in octaves]
    scores = dict.fromkeys(["level_bias_db", *names, "envelope_correlation"], math.nan)
    # Octaves of a bin at least: with a cutoff of some hertz the first are narrower.
    narrowest = sampling_rate / BAND_LEVELS_N_FFT
    if cutoff_freq is None or edge_freq < cutoff_freq + narrowest:
        return scores
    below_edge = [band for band in octave_bands(cutoff_freq, edge_freq) if band[1] - band[0] >= narrowest]
    reached = {
        name: (low, min(high, edge_freq))
        for name, (low, high) in zip(names, octaves, strict=True)
        if edge_freq >= (low + high) / 2 and high - low >= narrowest
    }
    biases = level_bias(estimate, reference, [*reached.values(), *below_edge], sampling_rate)
    of_octaves, of_below_edge = biases.split([len(reached), len(below_edge)], dim=1)
    scores["level_bias_db"] = float(of_below_edge.nanmean())
    scores |= dict(zip(reached, of_octaves.nanmean(0).tolist(), strict=True))
    correlations = envelope_correlation(estimate, reference, cutoff_freq, edge_freq, sampling_rate)
    scores["envelope_correlation"] = float(correlations.nanmean())
    return scores
