"""Two channels of a stream as components: what is coherent in the input is coherent in the new band."""

import math
from typing import Any

import numpy as np

from audiosr_pipeline.models.streaming_extension import low_delay_windows

# From the lower coherence on channels begin to be taken for one sound, from the upper on they are.
COHERENCE = (0.7, 0.9)


class ComponentFinder:
    """Follows the components of two channels, in the upper two octaves of what was heard in the last third of a second.

    Args:
        config: The network's.
        step_frames: Frames of a step.
    """

    def __init__(self, config: Any, step_frames: int):
        self._n_fft, self._hop_length = config.n_fft, config.hop_length
        self._window = low_delay_windows(config.n_fft, config.hop_length)[0].numpy()
        self._frequencies = np.fft.rfftfreq(config.n_fft, 1 / config.sampling_rate)
        self._covariances = np.zeros((config.level_frames // step_frames, 2, 2))

    def push(self, audio: np.ndarray, edge: float) -> tuple[float, float]:
        """The rotation of a step, from its samples `(2, num_samples)`, as the network hears them, and the band edge."""
        frames = np.lib.stride_tricks.sliding_window_view(audio, self._n_fft, axis=1)[:, :: self._hop_length]
        band = (self._frequencies >= edge / 4) & (self._frequencies < edge)
        heard = np.fft.rfft(frames * self._window)[..., band].reshape(2, -1)
        covariance = (heard @ heard.conj().T).real
        self._covariances = np.concatenate([self._covariances[1:], covariance[None]])
        return rotation(self._covariances.sum(0))


def rotation(covariance: np.ndarray) -> tuple[float, float]:
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


def rotate(audio: np.ndarray, cosine: float, sine: float) -> np.ndarray:
    """Two channels `(2, num_samples)` turned by an angle; the opposite sine turns them back."""
    turn = np.array([[cosine, sine], [-sine, cosine]], np.float32)
    return turn @ audio
