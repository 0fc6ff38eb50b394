"""Measures of a super-resolved waveform against the true one; each figure carries the name of its convention."""

from audiosr_pipeline.metrics.bootstrap import Mean, bootstrap_means
from audiosr_pipeline.metrics.edge import steady_edge
from audiosr_pipeline.metrics.energy import band_energy_error, octave_bands
from audiosr_pipeline.metrics.envelope_correlation import envelope_correlation
from audiosr_pipeline.metrics.level import loudness_change, loudness_lufs, peak_change_db
from audiosr_pipeline.metrics.level_bias import level_bias
from audiosr_pipeline.metrics.low_band import LowBandComparison, compare_low_bands
from audiosr_pipeline.metrics.lsd import LSD_CONVENTIONS, log_spectral_distance, log_spectral_distances
from audiosr_pipeline.metrics.pair import evaluate_pair
from audiosr_pipeline.metrics.perceptual import perceptual_scores
from audiosr_pipeline.metrics.sample_format import round_to_16_bit
from audiosr_pipeline.metrics.variance_ratio import variance_ratio

__all__ = [
    "LSD_CONVENTIONS",
    "LowBandComparison",
    "Mean",
    "band_energy_error",
    "bootstrap_means",
    "compare_low_bands",
    "envelope_correlation",
    "evaluate_pair",
    "level_bias",
    "log_spectral_distance",
    "log_spectral_distances",
    "loudness_change",
    "loudness_lufs",
    "octave_bands",
    "peak_change_db",
    "perceptual_scores",
    "round_to_16_bit",
    "steady_edge",
    "variance_ratio",
]
