"""Files that libsndfile reads: PCM in WAV, AIFF and others, and Vorbis and Opus in Ogg."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from audiosr_pipeline.audio_io.chunks import Samples
from audiosr_pipeline.audio_io.errors import AudioFileError, damaged
from audiosr_pipeline.audio_io.window import Window

BLOCK = 2**18
# AU, and what else has lengths that `chunks` doesn't know: libsndfile reads a truncated file to its end without
# complaint, but logs what the header promised.
PROMISED_BYTES = re.compile(r"^\s*(?:data|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)


@contextmanager
def opened_by_sndfile(path: Path | str, parts: list[Window]) -> Iterator["SndfileSource"]:
    """Opens parts of a file that follow each other, each a whole file for libsndfile.

    Raises:
        AudioFileError: If they differ in rate or channels.
        soundfile.LibsndfileError: If libsndfile can't open one.
    """
    files: list[soundfile.SoundFile] = []
    try:
        for part in parts:
            part.seek(0)
            files.append(soundfile.SoundFile(part))
        yield SndfileSource(path, files)
    finally:
        for file in files:
            file.close()


class SndfileSource:
    """An audio file whose lengths in samples libsndfile knows: see `Source`."""

    def __init__(self, path: Path | str, files: list[soundfile.SoundFile]):
        kinds = sorted({(file.samplerate, file.channels) for file in files})
        if len(kinds) > 1:
            kind_list = ", ".join(f"{channels} channels at {rate} Hz" for rate, channels in kinds)
            raise AudioFileError(path, f"holds streams of different kinds ({kind_list}), which can't be one clip")
        self.path, self.files = path, files
        ((self.sampling_rate, self.channels),) = kinds
        self.subtype = files[0].subtype

    def num_samples(self) -> int:
        """See `Source`."""
        return sum(file.frames for file in self.files)

    def blocks(self, start: int = 0) -> Iterator[np.ndarray]:
        """See `Source`."""
        for file in self.files:
            if start >= file.frames:
                start -= file.frames
                continue
            # A seek, even to the start, is trouble for a file with damage there.
            if start:
                file.seek(start)
            found, start = start, 0
            while found < file.frames:
                try:
                    block = file.read(min(BLOCK, file.frames - found), dtype="float32", always_2d=True)
                except soundfile.LibsndfileError:
                    found = file.tell()
                    break
                if not len(block):
                    break
                yield block.T
                found += len(block)
            if found < file.frames:
                raise damaged(self.path, file.frames, found)


def check_promise(path: Path | str, source: SndfileSource, samples: Samples | None) -> None:
    """Raises AudioFileError if the header promises more samples than the file is long enough for."""
    (file,) = source.files
    if samples is not None:
        promised, found = samples.promised_bytes, samples.found_bytes
    elif match := PROMISED_BYTES.search(file.extra_info):
        promised, found = int(match[1]), int(match[2])
        # AU files from a pipe have the length that stands for none.
        promised = None if promised >= 0xFFFF_0000 or 0x7FFF_0000 <= promised <= 0x8000_0000 else promised
    else:
        return
    if promised is not None and found < promised:
        # Coders of four bits have half a byte for a sample, and those of blocks what they please.
        bytes_per_frame = round(found / file.frames, 2) if file.frames else 1
        raise damaged(path, round(promised / bytes_per_frame), file.frames)
