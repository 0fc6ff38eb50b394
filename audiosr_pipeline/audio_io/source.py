"""What both decoders give."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np


class Source(Protocol):
    """An open audio file.

    Attributes:
        sampling_rate: In Hz.
        channels: How many.
        subtype: Sample format, such as "PCM_16", or the name of the coder.
        notes: What the user should know of how it is read.
    """

    sampling_rate: int
    channels: int
    subtype: str
    notes: list[str]

    def num_samples(self) -> int:
        """How many samples per channel `blocks` gives, whatever the header says.

        Raises:
            AudioFileError: If that is fewer than the header promises.
        """
        ...

    def blocks(self, start: int = 0) -> Iterator[np.ndarray]:
        """The samples from `start` on, in order: `(channels, num_samples)`, float32, full scale 1.

        Raises:
            AudioFileError: If some can't be decoded or, at the end, if there are fewer than the header promises.
        """
        ...
