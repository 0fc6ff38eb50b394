"""Every metric of one estimate against its reference."""

import math

import numpy as np
import torch

from audiosr_pipeline.metrics.edge import steady_edge
from audiosr_pipeline.metrics.energy import octave_bands, octave_energy_error
from audiosr_pipeline.metrics.lsd import LSD_CONVENTIONS, log_spectral_distances, silent_frames
from audiosr_pipeline.metrics.power_spectrum import as_pair
from audiosr_pipeline.metrics.variance_ratio import variance_ratio


def evaluate_pair(
    estimate: np.ndarray,
    reference: np.ndarray,
    cutoff_freq: float | None = None,
    sampling_rate: int = 48_000,
) -> dict[str, float]:
    """Scores one clip; each score is the mean over its channels.

    `EDGE` is where the reference's own content ends, found by `steady_edge` over all its channels: many recordings stop
    at a codec's cliff, and up to there nothing has to be guessed. A score without anything to measure is NaN: those
    above the cutoff when none is given, those between the cutoff and `EDGE` when `EDGE` is not above it.

    Args:
        estimate: Waveforms `(channels, num_samples)`, full scale 1, in the sample format that is to be compared.
        reference: Same shape, rate and sample format as `estimate`.
        cutoff_freq: Frequency in Hz above which the estimate is new.
        sampling_rate: Rate of both in Hz.

    Returns:
        Scores by name:

        - `lsd_{convention}` for each LSD convention: all bins; `lsd_lf_...` below the cutoff; `lsd_hf_...` from the
          cutoff up; `lsd_below_edge_...` below `EDGE`; `lsd_hf_below_edge_...` from the cutoff to `EDGE`.
        - `energy_error_db`: mean over the octaves above the cutoff of the absolute energy error, and with a cutoff
          `energy_error_db_{low}_{high}`: the signed error of the octave from `low` to `high` Hz.
        - `variance_ratio`: from the cutoff to `EDGE`.
        - `reference_edge_freq`: `EDGE` in Hz.
        - `reference_silent`: share of the reference's frames that are digital silence; each scores 12 in `ssr_eval`,
          whatever the estimate is.

    Raises:
        ValueError: If the waveforms can't be compared or the cutoff is not below the Nyquist frequency.
    """
    as_pair(estimate, reference)
    if cutoff_freq is not None:
        octaves = octave_bands(cutoff_freq, sampling_rate)
    edge_freq = steady_edge(reference, sampling_rate)
    bands: dict[str, tuple[float, float | None] | None] = {
        "lsd": (0.0, None),
        "lsd_lf": None if cutoff_freq is None else (0.0, cutoff_freq),
        "lsd_hf": None if cutoff_freq is None else (cutoff_freq, None),
        "lsd_below_edge": (0.0, edge_freq),
        "lsd_hf_below_edge": None if cutoff_freq is None else (cutoff_freq, edge_freq),
    }
    scores: dict[str, float] = {}
    for convention, definition in LSD_CONVENTIONS.items():
        bin_width = sampling_rate / definition.n_fft(sampling_rate)
        measured = {
            name: band
            for name, band in bands.items()
            if band is not None and (band[1] is None or band[1] >= band[0] + bin_width)
        }
        distances = log_spectral_distances(estimate, reference, convention, list(measured.values()), sampling_rate)
        by_name = dict(zip(measured, distances.mean(0).tolist(), strict=True))
        scores |= {f"{name}_{convention}": by_name.get(name, math.nan) for name in bands}
    scores["energy_error_db"] = scores["variance_ratio"] = math.nan
    if cutoff_freq is not None:
        errors = octave_energy_error(estimate, reference, cutoff_freq, sampling_rate)
        scores["energy_error_db"] = float(errors.abs().mean())
        scores["variance_ratio"] = float(
            torch.nanmean(variance_ratio(estimate, reference, cutoff_freq, edge_freq, sampling_rate))
        )
        for (low, high), error in zip(octaves, errors.mean(0).tolist(), strict=True):
            scores[f"energy_error_db_{low:.0f}_{high:.0f}"] = error
    scores["reference_edge_freq"] = edge_freq
    scores["reference_silent"] = float(silent_frames(reference, "ssr_eval", sampling_rate).mean())
    return scores
