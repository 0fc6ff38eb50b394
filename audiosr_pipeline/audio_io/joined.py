"""Sources that follow each other in one file: the links of an Ogg file, and joined MP3 files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from audiosr_pipeline.audio_io.errors import AudioFileError
from audiosr_pipeline.audio_io.source import Source


class JoinedSource:
    """Several sources as one, each without its own delay and padding: see `Source`.

    Raises:
        AudioFileError: If they differ in rate or channels.
    """

    def __init__(self, path: Path | str, sources: Sequence[Source]):
        kinds = sorted({(source.sampling_rate, source.channels) for source in sources})
        if len(kinds) > 1:
            kind_list = ", ".join(f"{channels} channels at {rate} Hz" for rate, channels in kinds)
            raise AudioFileError(path, f"holds streams of different kinds ({kind_list}), which can't be one clip")
        self._sources = sources
        ((self.sampling_rate, self.channels),) = kinds
        self.subtype = sources[0].subtype
        self.notes = [note for source in sources for note in source.notes]

    def num_samples(self) -> int:
        """See `Source`."""
        return sum(source.num_samples() for source in self._sources)

    def blocks(self, start: int = 0) -> Iterator[np.ndarray]:
        """See `Source`."""
        for source in self._sources:
            if start and start >= (num_samples := source.num_samples()):
                start -= num_samples
                continue
            yield from source.blocks(start)
            start = 0
