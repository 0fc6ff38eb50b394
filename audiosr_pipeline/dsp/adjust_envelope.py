"""The course of what is generated, moved towards an expected one."""

import numpy as np
from torch import Tensor
from torch.nn.functional import avg_pool2d

from audiosr_pipeline.dsp.low_band import num_low_mels

# Mel bins, and frames of 10 ms, over which the two are compared: odd. What is finer than the bins stays as generated;
# what goes on within the frames is mixed of both.
ENVELOPE_MELS, SLOW_FRAMES = 9, 11
# Of the slow course, how much of the way from the generated to the expected; of the fast one, how much of each. On
# recordings that neither model had heard, they were this much worth; the fast shares add up to more than 1, since a
# regression varies less than what it predicts.
SLOW_SHARE = 0.7
FAST_KEPT, FAST_SHARE = 0.5, 0.7
# In nepers, what the levels so moved lack on average: 0 dB.
OFFSET = 0.0


def adjust_envelope(mel: Tensor, expected: Tensor, cutoff_freq: float, mel_edges: np.ndarray) -> None:
    """Moves, in place, a generated mel spectrogram above the cutoff towards an expected one.

    Levels of a sixth of an octave about each bin are moved, frame by frame. The generated detail, and part of its
    course, stay: so two noises still give two results.

    Args:
        mel: Generated log-mel `(rows, 1, num_frames, n_mels)`.
        expected: What is to be expected of each row, same shape.
        cutoff_freq: Frequency in Hz.
        mel_edges: See `num_low_mels`.
    """
    low = num_low_mels(cutoff_freq, mel_edges)
    own, wanted = mel[..., low:], expected[..., low:].to(mel.device)
    if not own.numel():
        return
    own_slow, wanted_slow = _level(own, SLOW_FRAMES), _level(wanted, SLOW_FRAMES)
    own_fast, wanted_fast = _level(own, 1) - own_slow, _level(wanted, 1) - wanted_slow
    own += OFFSET + SLOW_SHARE * (wanted_slow - own_slow) + FAST_SHARE * wanted_fast - (1 - FAST_KEPT) * own_fast


def _level(mel: Tensor, num_frames: int) -> Tensor:
    """Means over nine bins and `num_frames` frames about each."""
    size = num_frames, ENVELOPE_MELS
    padding = num_frames // 2, ENVELOPE_MELS // 2
    return avg_pool2d(mel, size, stride=1, padding=padding, count_include_pad=False)
