"""The course of what is generated, moved towards an expected one."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from audiosr_pipeline.dsp.low_band import num_low_mels

# Mel bins over which levels are compared, a sixth of an octave, and the frames of 10 ms over which a level counts as
# steady: odd.
ENVELOPE_MELS, STEADY_FRAMES = 9, 101
# How far the new band's course in time and its spectrum go towards the expected ones. Of recordings that neither model
# had heard, that is closest to the truth: the model knows something that the regression doesn't.
SHARE = 0.8
# How much of the rest, which comes and goes in parts of the band, is taken of each of the two. A regression makes too
# little of it: so much of the generated rest gives it back.
EXPECTED_REST, GENERATED_REST = 0.8, 0.7
# Of what is finer than the envelope, of which the autoencoder leaves too little.
DETAIL_GAIN = 1.4
# In nepers, 0.9 dB: with that the new band of such recordings is less too quiet, and LSD no higher.
EXPECTED_OFFSET = 0.1
# From here on coders end recordings, and a regression that learned from them expects their walls, at 16 and 20 kHz. So
# much, in nepers (1 dB), may the expected steady spectrum fall there from one bin to the next.
LOWEST_WALL_HZ, STEEPEST_SLOPE = 15_000.0, 0.115


def adjust_envelope(mel: Tensor, expected: Tensor, cutoff_freq: float, mel_edges: np.ndarray) -> None:
    """Moves, in place, a generated mel spectrogram above the cutoff towards an expected one.

    The course of the whole band in time, and its spectrum over a second, follow the expected ones. What else goes on in
    parts of the band is mixed of both, and detail stays as generated: so two noises still give two results.

    Args:
        mel: Generated log-mel `(rows, 1, num_frames, n_mels)`.
        expected: What is to be expected of each row, same shape, but 0.9 dB too low.
        cutoff_freq: Frequency in Hz.
        mel_edges: See `num_low_mels`.
    """
    low = num_low_mels(cutoff_freq, mel_edges)
    own = mel[..., low:]
    if not own.numel():
        return
    course, steady, rest, detail = _split(own)
    expected_course, walled, expected_rest, _ = _split(expected[..., low:].to(mel.device) + EXPECTED_OFFSET)
    expected_steady = _without_walls(walled, num_low_mels(LOWEST_WALL_HZ, mel_edges) - low)
    followed = SHARE * (expected_course + expected_steady) + (1 - SHARE) * (course + steady)
    own.copy_(followed + EXPECTED_REST * expected_rest + GENERATED_REST * rest + DETAIL_GAIN * detail)


def _split(mel: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The course of all bins in time, how they differ steadily, what else parts of the band do, and detail: a sum."""
    course = mel.mean(-1, keepdim=True)
    steady = _mean(mel - course, STEADY_FRAMES, 1)
    rest = _mean(mel - course - steady, 1, ENVELOPE_MELS)
    return course, steady, rest, mel - course - steady - rest


def _without_walls(steady: Tensor, first: int) -> Tensor:
    """A steady spectrum that from bin `first` on falls by `STEEPEST_SLOPE` per bin at most."""
    first = max(first, 1)
    if first >= steady.shape[-1]:
        return steady
    # What is let fall more slowly stays above a line of that slope through any bin before it.
    line = STEEPEST_SLOPE * torch.arange(steady.shape[-1] - first + 1, device=steady.device)
    above = (steady[..., first - 1 :] + line).cummax(-1).values - line
    return torch.cat([steady[..., : first - 1], above], dim=-1)


def _mean(mel: Tensor, num_frames: int, num_mels: int) -> Tensor:
    """Means over so many frames and bins about each."""
    padding = num_frames // 2, num_mels // 2
    return avg_pool2d(mel, (num_frames, num_mels), stride=1, padding=padding, count_include_pad=False)
