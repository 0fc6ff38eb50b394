"""What stands at a band edge: a wall, as coders and resamplers leave it, or a floor of flat noise below it."""

import numpy as np
from scipy import ndimage

SMOOTHING_HZ = 500.0
# A floor is flat within this, over half an octave or more, and a third of an octave below it the level is higher by
# this: no spectrum falls so and goes on flat by itself.
FLAT_DB = 2.0
WIDTH_OCTAVES, STEP_OCTAVES = 0.5, 1 / 3
STEP_DB = 10.0


def wall_db(power: np.ndarray, edge: float, bin_hz: float) -> float:
    """By how much the level falls from just below a band edge to just above it, in dB; 0 at the Nyquist frequency.

    Args:
        power: Long-term power `(num_bins,)`.
        edge: Band edge in Hz.
        bin_hz: Width of a bin in Hz.
    """
    below, above = (
        power[round(low * edge / bin_hz) : round(high * edge / bin_hz)] for low, high in ((0.92, 0.98), (1.05, 1.1))
    )
    if not len(below) or not len(above):
        return 0.0
    return float(10 * np.log10((np.median(below) + 1e-30) / (np.median(above) + 1e-30)))


def find_floor(power: np.ndarray, edge: float, bin_hz: float) -> float | None:
    """Where a floor of flat noise begins that reaches up to a band edge.

    Args:
        power: Long-term power `(num_bins,)`.
        edge: Band edge in Hz.
        bin_hz: Width of a bin in Hz.

    Returns:
        Its lower end in Hz; None if the top half octave of the band isn't flat, or what lies below it isn't far louder.
    """
    smoothed = ndimage.uniform_filter1d(power, max(1, round(SMOOTHING_HZ / bin_hz)))
    # The running sum of the filter may round to less than 0.
    level_db = 10 * np.log10(np.maximum(smoothed, 1e-30))
    top, half = (round(share * edge / bin_hz) for share in (0.97, 2**-WIDTH_OCTAVES))
    if top - half < 2:
        return None
    floor_db = np.median(level_db[half:top])
    if np.abs(level_db[half:top] - floor_db).max() > FLAT_DB:
        return None
    louder = np.flatnonzero(level_db[:half] > floor_db + FLAT_DB)
    if not len(louder) or level_db[int(louder[-1] * 2**-STEP_OCTAVES)] < floor_db + STEP_DB:
        return None
    return float((louder[-1] + 1) * bin_hz)
