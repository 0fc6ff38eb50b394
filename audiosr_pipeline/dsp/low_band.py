"""The input's low band put back: into the mel spectrogram, and into the waveform."""

import numpy as np
import torch
from scipy import signal
from torch import Tensor

TRANSITION_HZ = 250.0
STOP_DB = 90.0
# Mel bins on each side of a cutoff whose levels are compared: 0.2 octaves at 4 kHz, 0.1 at 16.
NUM_BESIDE = 6
# In nepers: 3 dB. In nine of ten recordings the level rises by less across 8 kHz, and in three of four across 4 kHz.
HIGHEST_RISE = 0.345
BLOCK_SAMPLES = 1 << 18


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


def limit_rise(mel: Tensor, input_mel: Tensor, cutoff_freq: float, mel_edges: np.ndarray) -> None:
    """Lowers, in place, a generated band that begins more than 3 dB louder than the input ends, averaged over the clip.

    A sound whose own spectrum falls towards its band edge looks like one that a gentle filter has made fall, and the
    model makes up for the filter. What is too much is taken off at the cutoff, and less and less of it up to an octave
    above. One gain for the whole clip and all its channels: its course and its panning stay.

    Args:
        mel: Generated log-mel `(rows, 1, num_frames, n_mels)`.
        input_mel: Log-mel of the low-passed input, same shape, on any device.
        cutoff_freq: Frequency in Hz.
        mel_edges: See `num_low_mels`.
    """
    low = num_low_mels(cutoff_freq, mel_edges)
    above, below = mel[..., low : low + NUM_BESIDE], input_mel[..., max(0, low - NUM_BESIDE) : low]
    if not above.numel() or not below.numel():
        return
    rise = (_mean_level(above) - _mean_level(below).to(mel.device) - HIGHEST_RISE).clamp(min=0)
    high = num_low_mels(2 * cutoff_freq, mel_edges)
    mel[..., low:high] -= rise * torch.linspace(1, 0, high - low, device=mel.device)


def _mean_level(mel: Tensor) -> Tensor:
    """Level of the mean power of mel bins, in nepers."""
    return (2 * mel).exp().mean().log() / 2


def split_bands(
    audio: np.ndarray, bandwidth: float, sampling_rate: int = 48_000, out: np.ndarray | None = None
) -> np.ndarray:
    """The part of `audio` below `bandwidth`: linear phase, no delay, flat up to 250 Hz below it, 90 dB down from it on.

    What is left, `audio - split_bands(audio, bandwidth)`, is the complementary high band: two signals joined by such
    a pair keep their levels right up to the splice, whatever their phases.

    Args:
        audio: Waveforms `(channels, num_samples)`, float32.
        bandwidth: Where the low band ends in Hz, above 250; from the Nyquist frequency on, all of it is low band.
        sampling_rate: Rate of `audio` in Hz.
        out: Array for what is returned, which may be `audio` itself; None makes a new one.

    Returns:
        The low band, same shape, float32.
    """
    low = np.empty_like(audio) if out is None else out
    if bandwidth >= sampling_rate / 2:
        low[:] = audio
        return low
    num_taps, beta = signal.kaiserord(STOP_DB, TRANSITION_HZ / (sampling_rate / 2))
    taps = signal.firwin(num_taps | 1, bandwidth - TRANSITION_HZ / 2, window=("kaiser", beta), fs=sampling_rate)
    margin = len(taps) // 2
    # In blocks: one convolution of ten minutes would need several copies of them in double precision.
    for channel, filtered in zip(audio, low, strict=True):
        # What comes before a block, which may have been overwritten.
        before = np.zeros(margin)
        for start in range(0, len(channel), BLOCK_SAMPLES):
            stop = min(start + BLOCK_SAMPLES, len(channel))
            last = min(len(channel), stop + margin)
            block = np.concatenate([before, channel[start:last], np.zeros(margin - (last - stop))])
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
    np.subtract(audio, split_bands(audio, bandwidth, sampling_rate, out=joined), out=joined)
    joined *= gate
    np.subtract(audio, joined, out=joined)
    joined += new_band
    return joined, new_band
