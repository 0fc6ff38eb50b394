"""The input's low band put back: into the mel spectrogram, and into the waveform."""

import math

import numpy as np
from scipy import signal
from torch import Tensor

TRANSITION_HZ = 250.0
STOP_DB = 90.0
BLOCK_SAMPLES = 1 << 18
DB_PER_NEPER = 20 / math.log(10)
COMPARED_DB = 40.0
NUM_FRAMES = 1_024


def num_low_mels(cutoff_freq: float, mel_edges: np.ndarray) -> int:
    """How many mel bins lie wholly below `cutoff_freq`: those whose triangle ends there or lower.

    Args:
        cutoff_freq: Frequency in Hz.
        mel_edges: Upper end of each bin's triangle in Hz, `(n_mels,)`, rising.
    """
    return int(np.searchsorted(mel_edges, cutoff_freq, side="right"))


def replace_low_mel(mel: Tensor, input_mel: Tensor, cutoff_freq: float, mel_edges: np.ndarray) -> Tensor:
    """Takes the bins below the cutoff from the input's mel spectrogram (paper, figure 2).

    Args:
        mel: Generated log-mel `(batch, 1, num_frames, n_mels)`.
        input_mel: Log-mel of the low-passed input, same shape.
        cutoff_freq: Frequency in Hz; which bins that takes is stated at `num_low_mels`.
        mel_edges: See `num_low_mels`.

    Returns:
        A new mel spectrogram, same shape.
    """
    replaced = mel.clone()
    low = num_low_mels(cutoff_freq, mel_edges)
    replaced[..., :low] = input_mel[..., :low]
    return replaced


def low_mel_error_db(mel: Tensor, input_mel: Tensor, cutoff_freq: float, mel_edges: np.ndarray) -> float:
    """By how much a generated mel spectrogram misses the input below the cutoff, where it is known: RMS in dB.

    Only what lies within 40 dB of the input's loudest bin counts.

    Args:
        mel: See `replace_low_mel`, as are the others.
        input_mel: See there; on any device.
        cutoff_freq: See there.
        mel_edges: See there.

    Returns:
        0 if no bin lies below the cutoff.
    """
    low = num_low_mels(cutoff_freq, mel_edges)
    if low == 0:
        return 0.0
    least = float(input_mel[..., :low].max()) - COMPARED_DB / DB_PER_NEPER
    squares, count = 0.0, 0
    # In parts: the difference of ten minutes of stereo would take 100 MB.
    for own, true in zip(mel[..., :low].split(NUM_FRAMES, dim=2), input_mel.split(NUM_FRAMES, dim=2), strict=True):
        true = true[..., :low].to(mel.device)
        is_loud = true >= least
        squares += float((own - true)[is_loud].double().square().sum())
        count += int(is_loud.sum())
    return DB_PER_NEPER * math.sqrt(squares / count)


def split_bands(
    audio: np.ndarray,
    bandwidth: float,
    sampling_rate: int = 48_000,
    out: np.ndarray | None = None,
    transition_hz: float = TRANSITION_HZ,
) -> np.ndarray:
    """The part of `audio` below `bandwidth`: linear phase, no delay, flat up to 250 Hz below it, 90 dB down from it on.

    What is left, `audio - split_bands(audio, bandwidth)`, is the complementary high band: two signals joined by such
    a pair keep their levels right up to the splice, whatever their phases.

    Args:
        audio: Waveforms `(channels, num_samples)`, float32.
        bandwidth: Where the low band ends in Hz, above 250; from the Nyquist frequency on, all of it is low band.
        sampling_rate: Rate of `audio` in Hz.
        out: Array for what is returned, which may be `audio` itself; None makes a new one.
        transition_hz: How far below its end the low band is flat.

    Returns:
        The low band, same shape, float32.
    """
    low = np.empty_like(audio) if out is None else out
    if bandwidth >= sampling_rate / 2:
        low[:] = audio
        return low
    num_taps, beta = signal.kaiserord(STOP_DB, transition_hz / (sampling_rate / 2))
    taps = signal.firwin(num_taps | 1, bandwidth - transition_hz / 2, window=("kaiser", beta), fs=sampling_rate)
    margin = len(taps) // 2
    # In blocks: one convolution of ten minutes would need several copies of them in double precision.
    for channel, filtered in zip(audio, low, strict=True):
        # Beyond its ends a clip goes on as its mirror image: silence there would be a step, which lies in all bands.
        after = np.pad(channel[-margin:].astype(np.float64), (0, margin), "symmetric")[-margin:]
        # What comes before a block, which may have been overwritten.
        before = np.pad(channel[:margin].astype(np.float64), (margin, 0), "symmetric")[:margin]
        for start in range(0, len(channel), BLOCK_SAMPLES):
            stop = min(start + BLOCK_SAMPLES, len(channel))
            last = min(len(channel), stop + margin)
            block = np.concatenate([before, channel[start:last], after[: margin - (last - stop)]])
            before = block[stop - start : stop - start + margin]
            filtered[start:stop] = signal.fftconvolve(block, taps, mode="valid")
    return low


def replace_low_band(
    generated: np.ndarray,
    audio: np.ndarray,
    bandwidth: float,
    gate: np.ndarray | float = 1.0,
    sampling_rate: int = 48_000,
    out: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Takes the waveform below the band edge from the input (paper, figure 2), and only what is above from `generated`.

    Where `gate` is 0, all of it is the input.

    Args:
        generated: Vocoder output `(channels, num_samples)`.
        audio: The resampled input, same shape.
        bandwidth: Band edge of `audio` in Hz.
        gate: Gain of the exchange above the band edge, `(num_samples,)`, see `silence_gate`.
        sampling_rate: Rate of both in Hz.
        out: Arrays for what is returned; the second may be `generated` itself. None makes new ones.

    Returns:
        The joined waveform, and the new band alone, both of the same shape: their difference is the input's own band.
    """
    joined, new_band = out or (np.empty_like(audio), np.empty_like(generated))
    np.subtract(generated, split_bands(generated, bandwidth, sampling_rate, out=joined), out=new_band)
    new_band *= gate
    return join_bands(new_band, audio, bandwidth, gate, sampling_rate, out=joined), new_band


def join_bands(
    new_band: np.ndarray,
    audio: np.ndarray,
    bandwidth: float,
    gate: np.ndarray | float = 1.0,
    sampling_rate: int = 48_000,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Puts a new band in the place of what the input has above the band edge.

    Args:
        new_band: What is to be there, gated, `(channels, num_samples)`.
        audio: See `replace_low_band`, as are the other arguments.
        bandwidth: See there.
        gate: See there.
        sampling_rate: See there.
        out: Array for the joined waveform; None makes a new one.

    Returns:
        The joined waveform.
    """
    joined = np.empty_like(audio) if out is None else out
    np.subtract(audio, split_bands(audio, bandwidth, sampling_rate, out=joined), out=joined)
    joined *= gate
    np.subtract(audio, joined, out=joined)
    joined += new_band
    return joined
