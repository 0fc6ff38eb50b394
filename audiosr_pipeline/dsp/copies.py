"""Copies: bands that HE-AAC and Speex fill with what lies lower, moved up by one distance throughout."""

from typing import NamedTuple

import numpy as np

from audiosr_pipeline.dsp.folding import BIN_HZ, loud_channels, shift_coherence, spread_frames

ACTIVE_DB = 20.0
# A partial's side lobes have one phase over many bins: frames count where half of the band is within this of its peak.
DENSE_DB, DENSE_SHARE = 30.0, 0.5
BANDS_HZ = ((4_500, 6_500), (5_500, 7_500), (8_000, 10_000), (10_000, 12_000))
NEAREST_HZ = 1_000.0
# Shifts this close together are one: the window's lobe is 267 Hz wide.
BESIDE_HZ = 300.0
# The coherence at a copy's distance is 2.5 to 10 times that at any other; in sounds of their own 1.7 at most.
RATIO = 2.2
# Where the copy begins: from there on the coherence over so many Hz has risen by a third from chance's to the copy's.
NARROW_HZ, CHANCE = 500.0, 0.2
# GSM codes every third sample of the excitation, so that its spectrum repeats at a third of 8 kHz.
GSM_BAND_HZ, GSM_SHIFT_HZ, GSM_NEAREST_HZ = (2_750, 3_600), 8_000 / 3, 1_200.0
GSM_RATIO = 1.25


class Copy(NamedTuple):
    """Where a copy begins, and how far below it lies what it is a copy of, both in Hz."""

    start: float
    shift: float


def find_copy(audio: np.ndarray, edge: float, sampling_rate: int = 48_000) -> Copy | None:
    """The top of a clip, if it is a copy of what lies lower.

    Phases alone are compared, those of all bins within a frame: a coder's filters change them little from bin to bin,
    and a loud partial counts no more than what is beside it. Up to 384 frames, spread over the clip, decide, in each
    channel that isn't 60 dB quieter than the loudest.

    Args:
        audio: Waveforms `(channels, num_samples)`.
        edge: Frequency in Hz up to which there is something.
        sampling_rate: Rate of `audio` in Hz.
    """
    channels = loud_channels(audio, sampling_rate)
    if not channels:
        return None
    spectra = [spread_frames(channel, sampling_rate) for channel in channels]
    for low, high in BANDS_HZ:
        if high > edge:
            break
        coherences = [_coherence(spectrum, low, high) for spectrum in spectra]
        shifts = low - BIN_HZ * np.arange(len(coherences[0]))
        far = shifts >= NEAREST_HZ
        shift = shifts[far][np.minimum.reduce(coherences)[far].argmax()]
        if all(_ratio(coherence, shifts, shift, NEAREST_HZ) > RATIO for coherence in coherences):
            return Copy(max(_start(spectrum, shift, high) for spectrum in spectra), float(shift))
    return None


def is_gsm(audio: np.ndarray, sampling_rate: int = 48_000) -> bool:
    """Whether the top of audio of 8 kHz repeats what lies a third of that rate lower, as GSM leaves it.

    Args:
        audio: Waveforms `(channels, num_samples)`.
        sampling_rate: Their rate in Hz now.
    """
    channels = loud_channels(audio, sampling_rate)
    shifts = GSM_BAND_HZ[0] - BIN_HZ * np.arange(round(GSM_BAND_HZ[0] / BIN_HZ))
    return bool(channels) and all(
        _ratio(_coherence(spread_frames(channel, sampling_rate), *GSM_BAND_HZ), shifts, GSM_SHIFT_HZ, GSM_NEAREST_HZ)
        > GSM_RATIO
        for channel in channels
    )


def _coherence(spectra: np.ndarray, low: float, high: float) -> np.ndarray:
    """Mean coherence of a band's phases, over the frames where it is dense, with those of the bands below it."""
    start, stop = round(low / BIN_HZ), round(high / BIN_HZ)
    phases = _phases(spectra, start, stop)
    return shift_coherence(phases, start, stop).mean(0) if len(phases) else np.zeros(start)


def _phases(spectra: np.ndarray, start: int, stop: int) -> np.ndarray:
    """The spectra's bins below `stop`, of magnitude 1, of the frames in which the band from `start` on is dense."""
    powers = np.abs(spectra[:, start:stop]) ** 2
    power = powers.sum(1)
    dense = (powers > powers.max(1, keepdims=True) * 10 ** (-DENSE_DB / 10)).mean(1) > DENSE_SHARE
    active = dense & (power > power.mean() * 10 ** (-ACTIVE_DB / 10)) & (power > 0)
    return spectra[active, :stop] / np.maximum(np.abs(spectra[active, :stop]), 1e-30)


def _ratio(coherence: np.ndarray, shifts: np.ndarray, shift: float, nearest: float) -> float:
    """The coherence at a shift, relative to the highest at any other from `nearest` on."""
    beside = np.abs(shifts - shift)
    highest = coherence[(shifts >= nearest) & (beside > BESIDE_HZ)].max()
    return float(coherence[beside.argmin()] / max(highest, 1e-9))


def _start(spectra: np.ndarray, shift: float, high: float) -> float:
    """The lowest frequency from which on, up to `high`, what lies `shift` lower has the same phases."""
    move, width, stop = round(shift / BIN_HZ), round(NARROW_HZ / BIN_HZ), round(high / BIN_HZ)
    phases = _phases(spectra, move, stop)
    if not len(phases):
        return high
    product = np.cumsum(np.pad(phases[:, move:] * phases[:, : stop - move].conj(), ((0, 0), (1, 0))), axis=1)
    coherence = (np.abs(product[:, width:] - product[:, :-width]) ** 2).mean(0) / width**2
    other = np.flatnonzero(coherence < (coherence.max() + 2 * CHANCE) / 3)
    other = other[other < coherence.argmax()]
    # The last window of which half or more isn't the copy's.
    first = other[-1] + 1 + width // 2 if len(other) else 0
    return float((move + first) * BIN_HZ)
