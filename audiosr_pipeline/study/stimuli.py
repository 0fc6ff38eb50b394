"""What listeners hear of an item: versions of one level and length that differ in the new band alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from audiosr_pipeline.dsp.low_band import split_bands
from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.dsp.silence import fade_ends
from audiosr_pipeline.metrics.level import SHORTEST_S, loudness_lufs

SAMPLING_RATE = 48_000
# That of EBU R 128: one loudness for all items, so that the volume that a listener set stays right.
LOUDNESS_LUFS = -23.0
# Room for what players and converters overshoot between samples (EBU R 128).
HIGHEST_PEAK_DBTP = -1.0
# Versions that differ by more aren't of one clip.
LENGTH_TOLERANCE_S = 0.1
CHECK_CUTOFF_HZ = 2_000.0
# Versions whose preserved bands differ by more aren't of one clip, or one is a new band alone.
LARGEST_MATCH_DB = 40.0


@dataclass(frozen=True)
class Stimulus:
    """One version of an item.

    Attributes:
        audio: `(channels, num_samples)` at 48 kHz.
        match_db: Gain in dB that brought its preserved band to the level of the first version's.
        gain_db: Gain in dB that all versions of the item got beside.
        loudness_lufs: Integrated loudness (ITU-R BS.1770-4).
        true_peak_dbtp: Peak between the samples, 4 times oversampled, in dB of full scale.
    """

    audio: np.ndarray
    match_db: float
    gain_db: float
    loudness_lufs: float
    true_peak_dbtp: float


def make_stimuli(versions: Mapping[str, np.ndarray], bandwidth: float) -> dict[str, Stimulus]:
    """Versions of one item as listeners get them.

    All are cut to the shortest and matched to the first in RMS level on the band that it has: loudness of all bands
    would count the new highs, and lower what both versions have in common. Then all get one gain, which brings the
    first to -23 LUFS, or less where a true peak would exceed -1 dB; and the same fades of 5 ms.

    Args:
        versions: Waveforms `(channels, num_samples)` at 48 kHz by system.
        bandwidth: Where the first version's own band ends in Hz.

    Returns:
        A stimulus for each version.

    Raises:
        ValueError: If an item can't be judged: silent, shorter than 0.4 s, more than two channels, or versions that
            are not of one clip.
    """
    first = next(iter(versions))
    _check(versions, first)
    num_samples = min(audio.shape[-1] for audio in versions.values())
    fades = fade_ends(np.ones(num_samples, np.float32))
    cut = {system: audio[:, :num_samples] * fades for system, audio in versions.items()}
    band_levels = {system: _rms_db(split_bands(audio, bandwidth)) for system, audio in cut.items()}
    matches = {system: band_levels[first] - level for system, level in band_levels.items()}
    for system, match_db in matches.items():
        if abs(match_db) > LARGEST_MATCH_DB:
            raise ValueError(
                f"below {bandwidth:.0f} Hz {system} and {first} differ by {abs(match_db):.0f} dB; up to "
                f"{LARGEST_MATCH_DB:.0f} dB are matched. One is no version of the other, or its new band alone"
            )
    matched = {system: audio * np.float32(_gain(matches[system])) for system, audio in cut.items()}
    loudness = {system: loudness_lufs(audio) for system, audio in matched.items()}
    peaks = {system: true_peak_dbtp(audio) for system, audio in matched.items()}
    if silent := [system for system, value in loudness.items() if not np.isfinite(value)]:
        raise ValueError(f"silent: nothing above -70 LUFS in {', '.join(silent)}")
    gain_db = min(LOUDNESS_LUFS - loudness[first], HIGHEST_PEAK_DBTP - max(peaks.values()))
    return {
        system: Stimulus(
            audio * np.float32(_gain(gain_db)),
            matches[system],
            gain_db,
            loudness[system] + gain_db,
            peaks[system] + gain_db,
        )
        for system, audio in matched.items()
    }


def lowpassed_pair(audio: np.ndarray) -> dict[str, Stimulus]:
    """A clip and itself without what lies above 2 kHz, which whoever listens hears: `"original"`, `"lowpassed"`."""
    return make_stimuli({"original": audio, "lowpassed": lowpass(audio, CHECK_CUTOFF_HZ)}, CHECK_CUTOFF_HZ)


def share_above_check(audio: np.ndarray) -> float:
    """How much of the power of a clip lies above 2 kHz, 0 to 1: how obvious it is that it is missing."""
    above = audio - lowpass(audio, CHECK_CUTOFF_HZ)
    return float(np.square(above, dtype=np.float64).sum() / np.square(audio, dtype=np.float64).sum())


def true_peak_dbtp(audio: np.ndarray) -> float:
    """Highest peak of `(channels, num_samples)` at 48 kHz, between the samples too, in dB of full scale."""
    return float(20 * np.log10(max(np.abs(resample(audio, SAMPLING_RATE, 4 * SAMPLING_RATE)).max(), 1e-15)))


def _check(versions: Mapping[str, np.ndarray], first: str) -> None:
    channels, num_samples = versions[first].shape
    if channels > 2:
        raise ValueError(f"{channels} channels; browsers play one or two as they are")
    for system, audio in versions.items():
        if len(audio) != channels:
            raise ValueError(f"{system} has {len(audio)} channels, {first} {channels}")
        difference_s = abs(audio.shape[-1] - num_samples) / SAMPLING_RATE
        if difference_s > LENGTH_TOLERANCE_S:
            raise ValueError(f"{system} and {first} differ in length by {difference_s:.2f} s; up to 0.1 s is cut")
        if audio.shape[-1] < SHORTEST_S * SAMPLING_RATE:
            raise ValueError(f"{system} is {audio.shape[-1] / SAMPLING_RATE:.2f} s long, too short to measure or judge")
        if not audio.any():
            raise ValueError(f"silent: {system} holds zeros alone")


def _rms_db(audio: np.ndarray) -> float:
    return float(10 * np.log10(max(np.mean(np.square(audio, dtype=np.float64)), 1e-30)))


def _gain(level_db: float) -> float:
    return float(10 ** (level_db / 20))
