"""What is generated rises and falls when what lies below it does.

A vocoder hears in frames of 40 ms and more, so a stroke that it makes begins before the stroke and ends after it. The
input knows the time better. Inter-TES of USAC (ISO/IEC 23003-3, 7.5.1.5) is the same: there the band below, too, gives
the gains of the band above in time.
"""

import numpy as np
from scipy import signal

from audiosr_pipeline.dsp.low_band import TRANSITION_HZ, split_bands

BLOCK_S = 0.0025
# About as long as a vocoder's frame: it gets right what is slower.
SMOOTH_S = 0.04
# Chosen on validation recordings: 1 does as much for noises and speech, but flattens what music has above alone.
SHARE = 0.7
LOWEST_DB, HIGHEST_DB = -30.0, 6.0
# -100 dB of the loudest: what is fainter rises and falls by itself.
FAINTEST = 1e-10
NUM_TAPS = 127
CHUNK_BLOCKS = 1 << 11


def follow_envelope(audio: np.ndarray, own: np.ndarray, band_edge: float, sampling_rate: int = 48_000) -> None:
    """Gives what lies above the band edge the temporal envelope of the octave below it, in place.

    Both envelopes are taken in blocks of 2.5 ms, against their means over 40 ms. 0.7 of the difference in dB, between
    -30 and 6, is the gain.

    Args:
        audio: Generated waveform `(num_samples,)`.
        own: The input's, of the same length.
        band_edge: Where its content ends in Hz.
        sampling_rate: Of both in Hz.
    """
    length = round(BLOCK_S * sampling_rate)
    if len(audio) < 2 * length or band_edge >= sampling_rate / 2:
        return
    low = split_bands(audio[None], band_edge, sampling_rate)[0]
    audio -= low
    taps = signal.firwin(NUM_TAPS, [band_edge / 2, band_edge - TRANSITION_HZ], pass_zero=False, fs=sampling_rate)
    gains_db = SHARE * (_detail_db(_powers(own, length, taps)) - _detail_db(_powers(audio, length)))
    apply_gains(audio, 10 ** (np.clip(gains_db, LOWEST_DB, HIGHEST_DB) / 20), length)
    audio += low


def apply_gains(audio: np.ndarray, gains: np.ndarray, length: int) -> None:
    """Applies one gain to each block, in place, with linear fades between the blocks' centres.

    Args:
        audio: Waveforms `(..., num_samples)`.
        gains: Factors, `(num_blocks,)`.
        length: Of a block, in samples.
    """
    centres = (np.arange(len(gains)) + 0.5) * length
    for start in range(0, audio.shape[-1], CHUNK_BLOCKS * length):
        positions = np.arange(start, min(start + CHUNK_BLOCKS * length, audio.shape[-1]))
        audio[..., start : start + len(positions)] *= np.interp(positions, centres, gains).astype(np.float32)


def _powers(audio: np.ndarray, length: int, taps: np.ndarray | None = None) -> np.ndarray:
    """Mean power of each block of a waveform, filtered first if there are `taps`: `(num_blocks,)`."""
    powers = []
    for start in range(0, len(audio), CHUNK_BLOCKS * length):
        stop = min(start + CHUNK_BLOCKS * length, len(audio))
        chunk = audio[start:stop]
        if taps is not None:
            reach = len(taps) // 2
            before, after = min(reach, start), min(reach, len(audio) - stop)
            around = audio[start - before : stop + after]
            # Beyond its ends a clip goes on as its mirror image: silence there would be a step.
            around = np.pad(around, (reach - before, reach - after), "symmetric")
            chunk = signal.oaconvolve(around, taps, mode="valid")
        squares = np.square(chunk, dtype=np.float64)
        starts = np.arange(0, len(squares), length)
        powers.append(np.add.reduceat(squares, starts) / np.diff(np.append(starts, len(squares))))
    return np.concatenate(powers)


def _detail_db(powers: np.ndarray) -> np.ndarray:
    """How much each block is above the mean about it in dB."""
    powers = powers + FAINTEST * powers.max() + 1e-30
    width = 2 * round(SMOOTH_S / BLOCK_S / 2) + 1
    return 10 * np.log10(_smoothed(powers, 3) / _smoothed(powers, width))


def _smoothed(powers: np.ndarray, width: int) -> np.ndarray:
    """Means over a Hann window of so many blocks."""
    window = np.hanning(width + 2)[1:-1]
    return np.convolve(np.pad(powers, width // 2, "symmetric"), window / window.sum(), "valid")
