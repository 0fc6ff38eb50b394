"""Two channels of a stream as components: what is coherent in the input is coherent in the new band."""

import math

import torch
from torch import Tensor

# From the lower coherence on channels begin to be taken for one sound, from the upper on they are.
COHERENCE = (0.7, 0.9)


def rotation(covariance: Tensor) -> tuple[float, float]:
    """Cosine and sine of the angle by which two channels are turned into their principal components.

    Channels that aren't coherent stay as they are, an angle of 0.

    Args:
        covariance: Of the channels, `(2, 2)`, real.
    """
    left, between, right = (float(covariance[place]) for place in ((0, 0), (0, 1), (1, 1)))
    if left <= 0 or right <= 0:
        return 1.0, 0.0
    coherence = abs(between) / math.sqrt(left * right)
    lower, upper = COHERENCE
    share = min(max((coherence - lower) / (upper - lower), 0.0), 1.0)
    angle = share * math.atan2(2 * between, left - right) / 2
    return math.cos(angle), math.sin(angle)


def rotate(spectra: Tensor, cosine: float, sine: float) -> Tensor:
    """Two channels `(2, ...)` turned by an angle; the opposite sine turns them back."""
    first, second = spectra
    return torch.stack([cosine * first + sine * second, cosine * second - sine * first])
