"""The grid that a clip's samples were rounded to, and the noise that this makes."""

import numpy as np
from scipy import signal

STEP_16_BITS = 2.0**-15
# What is finer is taken for that of 24 bits or of floats, whose noise lies below everything.
FINEST_STEP = 2.0**-21
# In steps: scaled samples that are rounded again, to 24 bits, lie by so much beside a grid of 2^-20. By chance, 0.4 of
# all gaps do, but never all of a clip's.
TOLERANCE = 0.2
MOST_SAMPLES = 200_000


def rounding_step(audio: np.ndarray) -> float | None:
    """The step of the grid on which a clip's samples lie: that of 16 bits, or a smaller one if they were scaled down.

    Args:
        audio: Waveforms `(channels, num_samples)` as they came, not resampled.

    Returns:
        At most 2^-15; None if there is no such grid: of more bits, decoded by a lossy codec, mixed or resampled.
    """
    # Channel by channel, to hold no copy of a long recording.
    steps = [STEP_16_BITS if is_whole(channel, STEP_16_BITS) else _smaller_step(channel) for channel in audio]
    known = [step for step in steps if step is not None]
    return max(known) if len(known) == len(steps) else None


def is_whole(audio: np.ndarray, step: float) -> bool:
    """Whether all samples of one channel or more are whole steps of a sample format, such as 2^-15 of 16 bits."""
    steps = audio / np.float32(step)
    return bool((steps == np.rint(steps)).all())


def rounding_power(step: float, n_fft: int) -> float:
    """Power in each bin of a Hann window's spectrum of the noise that rounding to a step makes."""
    return step**2 / 12 * float((signal.get_window("hann", n_fft) ** 2).sum())


def _smaller_step(channel: np.ndarray) -> float | None:
    """The least difference of two values `(num_samples,)`, if all are whole multiples of it."""
    values = np.unique(channel[:: 1 + len(channel) // MOST_SAMPLES].astype(np.float64))
    gaps = np.diff(values)
    if not len(gaps) or not FINEST_STEP <= gaps.min() <= STEP_16_BITS:
        return None
    # The mean of many is exacter than the least.
    near = gaps[gaps < 4 * gaps.min()]
    step = float(near.sum() / np.rint(near / gaps.min()).sum())
    # Counted from value to value, as an error of the step adds up over thousands.
    return step if np.abs(gaps / step - np.rint(gaps / step)).max() < TOLERANCE else None
