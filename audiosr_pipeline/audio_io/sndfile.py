"""Files that libsndfile reads: PCM in WAV, AIFF and others, and Vorbis and Opus in Ogg."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from audiosr_pipeline.audio_io.channel_order import VORBIS_TO_WAV
from audiosr_pipeline.audio_io.chunks import Samples
from audiosr_pipeline.audio_io.errors import AudioFileError, damaged
from audiosr_pipeline.audio_io.window import Window

BLOCK = 2**18
# AU and NIST SPHERE have lengths that `chunks` doesn't know: libsndfile reads a truncated file to its end without
# complaint, but logs what the header of AU promised.
PROMISED_BYTES = re.compile(r"^\s*(?:data|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
PROMISED_SAMPLES = re.compile(rb"^sample_count\s+-i\s+(\d+)", re.MULTILINE)
# Of its other formats libsndfile doesn't tell whether all that they promise is there, or mixes up the channels.
FORMATS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU", "NIST", "IRCAM", "OGG")


@contextmanager
def opened_by_sndfile(path: Path | str, part: Window, has_vorbis_order: bool) -> Iterator["SndfileSource"]:
    """Opens part of a file, which is a whole file for libsndfile.

    Args:
        path: Its name, for errors.
        part: What is read.
        has_vorbis_order: Whether its channels, if more than two, come in Vorbis' order.

    Raises:
        AudioFileError: If its format is one that libsndfile doesn't read surely.
        soundfile.LibsndfileError: If libsndfile can't open it.
    """
    part.seek(0)
    with soundfile.SoundFile(part) as file:
        if file.format not in (*FORMATS, "MP3", "FLAC"):
            raise AudioFileError(
                path, f"the format {file.format_info} isn't read: make it WAV first, with: sox FILE OUT.wav"
            )
        yield SndfileSource(path, file, VORBIS_TO_WAV.get(file.channels) if has_vorbis_order else None)


class SndfileSource:
    """An audio file whose lengths in samples libsndfile knows: see `Source`."""

    def __init__(self, path: Path | str, file: soundfile.SoundFile, order: tuple[int, ...] | None):
        self.path, self._file, self._order = path, file, order
        self.sampling_rate, self.channels, self.subtype = file.samplerate, file.channels, file.subtype
        self.notes: list[str] = []
        self.log: str = file.extra_info

    def num_samples(self) -> int:
        """See `Source`."""
        return self._file.frames

    def blocks(self, start: int = 0) -> Iterator[np.ndarray]:
        """See `Source`."""
        file, found = self._file, 0
        if start >= file.frames:
            return
        # A seek, even to the start, is trouble for a file with damage there.
        if start and file.seekable():
            found = file.seek(start)
        while found < file.frames:
            try:
                block = file.read(min(BLOCK, file.frames - found), dtype="float32", always_2d=True)
            except soundfile.LibsndfileError:
                found = file.tell()
                break
            if not len(block):
                break
            found += len(block)
            if found > start:
                block = block[max(0, start - found + len(block)) :]
                yield (block if self._order is None else block[:, self._order]).T
        if found < file.frames:
            raise damaged(self.path, found, file.frames, self.sampling_rate)


def check_promise(path: Path | str, source: SndfileSource, head: bytes, samples: Samples | None) -> None:
    """Raises AudioFileError if the header, in the file's first bytes, promises more samples than the file holds."""
    num_samples, rate = source.num_samples(), source.sampling_rate
    if samples is not None:
        promised, found = samples.promised_bytes, samples.found_bytes
    elif match := PROMISED_BYTES.search(source.log):
        promised, found = int(match[1]), int(match[2])
        # AU files from a pipe have the length that stands for none.
        promised = None if promised >= 0xFFFF_0000 or 0x7FFF_0000 <= promised <= 0x8000_0000 else promised
    else:
        if match_samples := PROMISED_SAMPLES.search(head):
            if (promised_samples := int(match_samples[1])) > num_samples:
                raise damaged(path, num_samples, promised_samples, rate)
        return
    if promised is not None and found < promised:
        # Coders of four bits have half a byte for a sample, and those of blocks what they please.
        bytes_per_frame = round(found / num_samples, 2) if num_samples else 1
        raise damaged(path, num_samples, round(promised / bytes_per_frame), rate)
