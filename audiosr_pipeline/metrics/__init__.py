"""Measures of waveforms against true ones, and of sets of clips; each figure carries the name of its convention."""

from audiosr_pipeline.metrics.bootstrap import Mean, bootstrap_means
from audiosr_pipeline.metrics.edge import steady_edge
from audiosr_pipeline.metrics.energy import band_energy_error, octave_bands
from audiosr_pipeline.metrics.envelope_correlation import envelope_correlation
from audiosr_pipeline.metrics.frechet import frechet_distance
from audiosr_pipeline.metrics.half_samples import SetFigure, half_sample_figure
from audiosr_pipeline.metrics.inception_score import inception_score
from audiosr_pipeline.metrics.kullback_leibler import kullback_leibler
from audiosr_pipeline.metrics.level import loudness_change, loudness_lufs, peak_change_db
from audiosr_pipeline.metrics.level_bias import level_bias
from audiosr_pipeline.metrics.low_band import LowBandComparison, compare_low_bands
from audiosr_pipeline.metrics.lsd import LSD_CONVENTIONS, log_spectral_distance, log_spectral_distances
from audiosr_pipeline.metrics.pair import evaluate_pair
from audiosr_pipeline.metrics.perceptual import perceptual_scores
from audiosr_pipeline.metrics.sample_format import round_to_16_bit
from audiosr_pipeline.metrics.text_similarity import text_similarity
from audiosr_pipeline.metrics.variance_ratio import variance_ratio

__all__ = [
    "LSD_CONVENTIONS",
    "LowBandComparison",
    "Mean",
    "SetFigure",
    "band_energy_error",
    "bootstrap_means",
    "compare_low_bands",
    "envelope_correlation",
    "evaluate_pair",
    "frechet_distance",
    "half_sample_figure",
    "inception_score",
    "kullback_leibler",
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
    "text_similarity",
    "variance_ratio",
]
