"""The spectral envelope of what is generated, adjusted to an expected one and to the input's own, as in SBR."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d, avg_pool2d

from audiosr_pipeline.dsp.low_band import DB_PER_NEPER, num_low_mels

# Mel bins over which envelopes are compared, a sixth of an octave, and the frames of 10 ms over which a level counts as
# steady: odd.
ENVELOPE_MELS, STEADY_FRAMES = 9, 101
# Mel bins on each side of a cutoff whose levels are compared: 0.2 octaves at 4 kHz, 0.1 at 16.
NUM_BESIDE = 6
# In nine of ten recordings the level rises by less across 8 kHz, and in three of four across 4 kHz.
HIGHEST_RISE_DB = 3.0
# Frames of 10 ms over which a level is averaged: odd. On validation recordings, means over 51 or 251 leave a gap above
# the cutoff in quiet frames, because loud ones decide for all.
LEVEL_FRAMES = 7
# Mel bins below the cutoff whose levels the model is to meet, and bins above it that are moved with them.
NUM_MATCHED, NUM_FADED = 4, 12


@dataclass(frozen=True)
class EnvelopeAdjustment:
    """How a generated envelope follows an expected one: what suits the network that expects it.

    Args:
        steady_share: How far the new band's course in time and its steady spectrum go towards the expected ones.
        expected_rest: How much of the expected rest is taken, of what comes and goes in parts of the band.
        generated_rest: How much of the generated rest is added to that: a regression makes too little of it.
        detail_gain: Factor of what is finer than the envelope.
        offset_db: By how much what is expected is too low.
        lowest_wall_hz: From here on coders ended recordings that the network learned from, and it expects their walls.
        steepest_slope_db: By how much the expected steady spectrum may fall there from one mel bin to the next.
    """

    steady_share: float = 0.8
    expected_rest: float = 0.8
    generated_rest: float = 0.85
    detail_gain: float = 1.8
    offset_db: float = 0.9
    lowest_wall_hz: float = 15_000.0
    steepest_slope_db: float = 1.0


def adjust_envelope(
    mel: Tensor, expected: Tensor, cutoff_freq: float, mel_edges: np.ndarray, settings: EnvelopeAdjustment
) -> None:
    """Moves, in place, a generated mel spectrogram above the cutoff towards an expected one.

    The course of the whole band in time, and its spectrum over a second, follow the expected ones. What else goes on in
    parts of the band is mixed of both, and detail stays as generated: so two noises still give two results. Over the
    first bins above the cutoff detail sets in slowly: the skirt of the input's own low-pass ends there, and a model may
    take that for an edge of the sound.

    Args:
        mel: Generated log-mel `(rows, 1, num_frames, n_mels)`.
        expected: What is to be expected of each row, same shape.
        cutoff_freq: Frequency in Hz.
        mel_edges: See `num_low_mels`.
        settings: How far each part goes.
    """
    low = num_low_mels(cutoff_freq, mel_edges)
    own = mel[..., low:]
    if not own.numel():
        return
    course, steady, rest, detail = _split(own)
    raised = expected[..., low:].to(mel.device) + settings.offset_db / DB_PER_NEPER
    expected_course, walled, expected_rest, _ = _split(raised)
    first_wall = num_low_mels(settings.lowest_wall_hz, mel_edges) - low
    expected_steady = _without_walls(walled, first_wall, settings.steepest_slope_db / DB_PER_NEPER)
    share = settings.steady_share
    followed = share * (expected_course + expected_steady) + (1 - share) * (course + steady)
    mixed = settings.expected_rest * expected_rest + settings.generated_rest * rest
    near = detail[..., :NUM_FADED]
    near *= torch.linspace(0, 1, NUM_FADED + 1, device=mel.device)[: near.shape[-1]]
    own.copy_(followed + mixed + settings.detail_gain * detail)


def limit_rise(mel: Tensor, input_mel: Tensor, cutoff_freq: float, mel_edges: np.ndarray) -> None:
    """Lowers, in place, a generated band that begins more than 3 dB louder than the input ends, averaged over 70 ms.

    A sound whose own spectrum falls towards its band edge looks like one that a gentle filter has made fall, and the
    model makes up for the filter. What is too much is taken off at the cutoff, and less and less of it up to an octave
    above. One gain for all channels: their panning stays.

    Args:
        mel: Generated log-mel `(rows, 1, num_frames, n_mels)`.
        input_mel: Log-mel of the low-passed input, same shape, on any device.
        cutoff_freq: Frequency in Hz.
        mel_edges: See `num_low_mels`.
    """
    below, above = _beside(cutoff_freq, mel_edges, NUM_BESIDE, NUM_BESIDE)
    if not below or not above:
        return
    level, input_level = _mean_level(mel[..., above]), _mean_level(input_mel[..., below]).to(mel.device)
    rise = (level - input_level - HIGHEST_RISE_DB / DB_PER_NEPER).clamp(min=0)
    octave = slice(above[0], num_low_mels(2 * cutoff_freq, mel_edges))
    mel[..., octave] -= rise[:, None] * torch.linspace(1, 0, octave.stop - octave.start, device=mel.device)


def match_splice(mel: Tensor, input_mel: Tensor, cutoff_freq: float, mel_edges: np.ndarray) -> None:
    """Moves, in place, the first bins above the cutoff by as much as the model misses the input just below it.

    There the model makes anew what the input has. Frame by frame, what it lacks or has too much over the four bins
    below the cutoff is added to the bins above, less and less of it over twelve. Without it, a line of its own stands
    along the splice.

    Args:
        mel: Generated log-mel `(rows, 1, num_frames, n_mels)`.
        input_mel: Log-mel of the low-passed input, same shape, on any device.
        cutoff_freq: Frequency in Hz.
        mel_edges: See `num_low_mels`.
    """
    below, above = _beside(cutoff_freq, mel_edges, NUM_MATCHED, NUM_FADED)
    if not below or not above:
        return
    missed = (input_mel[..., below].to(mel.device) - mel[..., below]).mean(-1, keepdim=True)
    mel[..., above] += missed * torch.linspace(1, 0, NUM_FADED + 1, device=mel.device)[: len(above)]


def _split(mel: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The course of all bins in time, how they differ steadily, what else parts of the band do, and detail: a sum."""
    course = mel.mean(-1, keepdim=True)
    steady = _mean(mel - course, STEADY_FRAMES, 1)
    rest = _mean(mel - course - steady, 1, ENVELOPE_MELS)
    return course, steady, rest, mel - course - steady - rest


def _without_walls(steady: Tensor, first: int, steepest: float) -> Tensor:
    """A steady spectrum that from bin `first` on falls by `steepest` nepers per bin at most."""
    first = max(first, 1)
    if first >= steady.shape[-1]:
        return steady
    # What is let fall more slowly stays above a line of that slope through any bin before it.
    line = steepest * torch.arange(steady.shape[-1] - first + 1, device=steady.device)
    above = (steady[..., first - 1 :] + line).cummax(-1).values - line
    return torch.cat([steady[..., : first - 1], above], dim=-1)


def _mean(mel: Tensor, num_frames: int, num_mels: int) -> Tensor:
    """Means over so many frames and bins about each."""
    padding = num_frames // 2, num_mels // 2
    return avg_pool2d(mel, (num_frames, num_mels), stride=1, padding=padding, count_include_pad=False)


def _beside(cutoff_freq: float, mel_edges: np.ndarray, num_below: int, num_above: int) -> tuple[list[int], list[int]]:
    """The mel bins next to a cutoff on both sides, as many as there are."""
    low, bins = num_low_mels(cutoff_freq, mel_edges), list(range(len(mel_edges)))
    return bins[max(0, low - num_below) : low], bins[low : low + num_above]


def _mean_level(mel: Tensor) -> Tensor:
    """Level of the mean power of mel bins over rows and 70 ms about each frame, in nepers: `(num_frames,)`."""
    power = (2 * mel).exp().mean((0, 1, 3))
    length = min(LEVEL_FRAMES, 2 * len(power) - 1)
    mean = avg_pool1d(power[None, None], length, stride=1, padding=length // 2, count_include_pad=False)[0, 0]
    return mean.log() / 2
