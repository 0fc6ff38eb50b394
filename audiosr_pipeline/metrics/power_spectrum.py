"""The power spectrum that the metrics share, a block of frames at a time."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

# Small enough for a processor's cache.
BLOCK_FRAMES = 128


def as_pair(estimate: Tensor | np.ndarray, reference: Tensor | np.ndarray) -> tuple[Tensor, Tensor]:
    """Checks that two sets of waveforms can be compared.

    Args:
        estimate: Waveforms `(batch, num_samples)`, floating point, full scale 1.
        reference: Same shape as `estimate`.

    Returns:
        Both as float64 on the CPU: in float32 the FFT's own rounding fills empty bands.

    Raises:
        ValueError: If a shape or dtype is not as above, the shapes differ, or a sample is NaN or infinite.
    """
    pair = []
    for name, audio in (("estimate", estimate), ("reference", reference)):
        # Filtered arrays may run backwards in memory, which torch refuses.
        waveforms = torch.as_tensor(np.ascontiguousarray(audio) if isinstance(audio, np.ndarray) else audio).detach()
        if waveforms.ndim != 2 or waveforms.numel() == 0:
            raise ValueError(f"{name} has shape {tuple(waveforms.shape)}; accepted: non-empty (batch, num_samples).")
        if not waveforms.is_floating_point():
            raise ValueError(f"{name} has dtype {waveforms.dtype}; accepted: floating point, full scale 1.")
        waveforms = waveforms.to("cpu", torch.float64)
        # One NaN or infinite sample makes the sum so, and a sum is ten times as fast as a look at each.
        if not waveforms.sum().isfinite():
            raise ValueError(f"{name} holds NaN or infinite samples.")
        pair.append(waveforms)
    if pair[0].shape != pair[1].shape:
        raise ValueError(
            f"estimate has shape {tuple(pair[0].shape)}, reference {tuple(pair[1].shape)}; "
            "the two must agree: resample to one rate and cut to one length first."
        )
    return pair[0], pair[1]


def power_frames(audio: Tensor, n_fft: int, hop_length: int, pad_mode: str = "constant") -> Iterator[Tensor]:
    """Power `|STFT|^2` of centred frames, periodic Hann window of `n_fft` samples, no scaling.

    As `librosa.stft` (`pad_mode="constant"`) and `torch.stft` (`pad_mode="reflect"`) by default: `n_fft // 2` samples
    are added to each end, and there are `1 + (num_samples + 2 * (n_fft // 2) - n_fft) // hop_length` frames.

    Args:
        audio: Waveforms `(batch, num_samples)`.
        n_fft: FFT size in samples.
        hop_length: Samples between frames.
        pad_mode: `"constant"` adds zeros, `"reflect"` mirrors the signal.

    Yields:
        Power `(batch, block_frames, n_fft // 2 + 1)` of consecutive blocks of frames.

    Raises:
        ValueError: If the audio is too short to be mirrored.
    """
    padding = n_fft // 2
    if pad_mode == "reflect" and audio.shape[-1] <= padding:
        raise ValueError(f"the audio has {audio.shape[-1]} samples; n_fft={n_fft} needs more than {padding}.")
    window = torch.hann_window(n_fft, dtype=audio.dtype)
    padded = torch.nn.functional.pad(audio[:, None], (padding, padding), mode=pad_mode)[:, 0]
    num_frames = 1 + (padded.shape[-1] - n_fft) // hop_length
    for start in range(0, num_frames, BLOCK_FRAMES):
        stop = min(start + BLOCK_FRAMES, num_frames)
        block = padded[:, start * hop_length : (stop - 1) * hop_length + n_fft]
        spectrum = torch.fft.rfft(block.unfold(-1, n_fft, hop_length) * window)
        yield spectrum.real.square() + spectrum.imag.square()


def bins_between(f_min: float, f_max: float | None, n_fft: int, sampling_rate: int) -> slice:
    """The FFT bins whose centre frequency is at least `f_min` and below `f_max`, in Hz; None is up to the last bin.

    >>> bins_between(4_000, 8_000, n_fft=480, sampling_rate=48_000)
    slice(40, 80, None)
    """
    num_bins = n_fft // 2 + 1
    # Rounded, so that a frequency that is a bin's own centre is not pushed past it by a last digit.
    first = math.ceil(round(f_min * n_fft / sampling_rate, 6))
    end = num_bins if f_max is None else min(num_bins, math.ceil(round(f_max * n_fft / sampling_rate, 6)))
    first = max(0, first)
    return slice(first, max(first, end))
