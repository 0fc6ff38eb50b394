"""Means over clips, with intervals that say how much other clips would have moved them."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

LEVEL = 0.05
# The outermost percentiles that few clips ask for need many resamples.
NUM_RESAMPLES = 10_000


@dataclass(frozen=True)
class Mean:
    """A mean over clips.

    Attributes:
        value: The mean.
        low: Where its 95 % interval begins; NaN for a single clip.
        high: Where it ends.
        num_clips: How many clips it is over.
    """

    value: float
    low: float
    high: float
    num_clips: int

    def text(self, num_clips: int, sign: str = "") -> str:
        """Mean and interval with two decimals, and the number of clips if it is less than `num_clips`.

        Args:
            num_clips: How many clips there are.
            sign: "+" to write the sign of positive numbers, too.
        """
        interval = "" if math.isnan(self.low) else f" [{_decimals(self.low, sign)}, {_decimals(self.high, sign)}]"
        return _decimals(self.value, sign) + interval + (f" n={self.num_clips}" if self.num_clips < num_clips else "")


def _decimals(value: float, sign: str) -> str:
    # Adding zero makes a positive one of what was rounded to a negative zero.
    return f"{round(value, 2) + 0.0:{sign}.2f}"


def bootstrap_means(values: np.ndarray, seed: int = 0, num_resamples: int = NUM_RESAMPLES) -> list[Mean | None]:
    """Means over clips with bootstrap 95 % intervals: clips are drawn with replacement, the same for all columns.

    The percentiles lie further out than 2.5 % and 97.5 %, by as much as Student's t asks for the number of clips
    (T. Hesterberg, What teachers should know about the bootstrap, The American Statistician 69(4), 2015): plain ones
    are too narrow for few clips. Two or three clips are too few even so: the interval, from the smallest to the largest
    value, is then too narrow. It holds for other clips of the same kind, not for another kind.

    Args:
        values: `(num_clips, num_columns)`; NaN where a clip has nothing to measure.
        seed: Of the draws. The same values and seed give the same intervals.
        num_resamples: How often is drawn.

    Returns:
        One mean per column, over the clips that have a value; None if none has.
    """
    present = ~np.isnan(values)
    numbers = present.sum(0)
    sums, counts = np.zeros((2, num_resamples, values.shape[1]))
    generator = np.random.default_rng(seed)
    num_clips = len(values)
    # In blocks, which bounds the memory that many clips take.
    block = max(1, 2**22 // max(1, num_clips))
    for start in range(0, num_resamples, block):
        stop = min(start + block, num_resamples)
        times_drawn = generator.multinomial(num_clips, np.full(num_clips, 1 / num_clips), size=stop - start)
        sums[start:stop] = times_drawn @ np.where(present, values, 0.0)
        counts[start:stop] = times_drawn @ present
    means: list[Mean | None] = []
    for column, number in enumerate(numbers.tolist()):
        if number == 0:
            means.append(None)
            continue
        value = float(values[present[:, column], column].mean())
        low = high = math.nan
        if number > 1:
            # A resample may hold none of the clips that have a value.
            drawn = counts[:, column] > 0
            resampled = sums[drawn, column] / counts[drawn, column]
            critical = special.stdtrit(number - 1, 1 - LEVEL / 2)
            outside = special.ndtr(-critical * math.sqrt(number / (number - 1)))
            low, high = np.quantile(resampled, [outside, 1 - outside]).tolist()
        means.append(Mean(value, low, high, number))
    return means
