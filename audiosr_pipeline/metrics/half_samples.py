"""Figures of whole sets, with how much other clips would have moved them and how far they are off for want of clips."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from audiosr_pipeline.metrics.bootstrap import LEVEL

NUM_HALVES = 200


@dataclass(frozen=True)
class SetFigure:
    """A figure of sets of clips.

    Attributes:
        value: The figure.
        low: Where its 95 % interval begins; NaN below four clips.
        high: Where it ends.
        bias: By how much it is too large for want of clips, about; negative if it is too small. NaN below four clips.
        num_clips: Clips of each set.
    """

    value: float
    low: float
    high: float
    bias: float
    num_clips: int


def half_sample_figure(
    figure: Callable[..., float], *sets: Sequence[np.ndarray], seed: int = 0, num_halves: int = NUM_HALVES
) -> SetFigure:
    """A figure of whole sets, its bias, and a bootstrap 95 % interval over clips.

    Halves of each set's clips are drawn at random, without replacement (Politis, Romano and Wolf, Subsampling, 1999). A
    figure of halves differs from that of all by as much as that differs from the truth: in spread exactly for means,
    and in bias if that goes with one over the number of clips, as it does for the Frechet distance. So the interval is
    the figure plus and minus Student's t times their spread, and the bias is the mean of theirs less the figure.
    Drawing with replacement, the usual way, is no good here: clips that come twice make a covariance smaller, which is
    itself a Frechet distance.

    The interval is of figures at this number of clips. It holds for other clips of the same kind, not for another kind.
    It is up to 1.7 times too wide for a Frechet distance that is all bias.

    Args:
        figure: Takes as many arrays as there are sets, each the rows of some clips `(num_rows, dim)`.
        sets: The rows `(num_rows, dim)` of each clip; sets of equal numbers of clips.
        seed: Of the draws. The same sets and seed give the same interval.
        num_halves: How often halves are drawn.

    Raises:
        ValueError: If the sets have different numbers of clips, or fewer than two.
    """
    num_clips = len(sets[0])
    if {len(clips) for clips in sets} != {num_clips} or num_clips < 2:
        raise ValueError(
            f"sets of {' and '.join(str(len(clips)) for clips in sets)} clips; accepted are equal numbers from 2 on: "
            "figures depend on them."
        )
    value = figure(*map(np.concatenate, sets))
    num_half = num_clips // 2
    if num_half < 2:
        return SetFigure(value, math.nan, math.nan, math.nan, num_clips)
    generator = np.random.default_rng(seed)
    of_halves = [
        figure(*(np.concatenate([clips[i] for i in generator.permutation(num_clips)[:num_half]]) for clips in sets))
        for _ in range(num_halves)
    ]
    # 1 if the number is even.
    share = num_half / (num_clips - num_half)
    reach = special.stdtrit(num_clips - 1, 1 - LEVEL / 2) * float(np.std(of_halves, ddof=1)) * math.sqrt(share)
    return SetFigure(value, value - reach, value + reach, (float(np.mean(of_halves)) - value) * share, num_clips)
