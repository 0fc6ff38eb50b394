"""Files that libsndfile reads: PCM in WAV, AIFF and others, and Vorbis and Opus in Ogg."""

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
# Of its other formats libsndfile doesn't tell whether all that they promise is there, or mixes up the channels.
FORMATS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU", "NIST", "IRCAM", "OGG")
# It decodes some packets of these to noise: of 20 bits those of two channels, of 32 bits those that weren't compressed.
UNSURE_SUBTYPES = ("ALAC_20", "ALAC_32")


@contextmanager
def opened_by_sndfile(path: Path | str, part: Window, has_vorbis_order: bool) -> Iterator["SndfileSource"]:
    """Opens part of a file, which is a whole file for libsndfile.

    Args:
        path: Its name, for errors.
        part: What is read.
        has_vorbis_order: Whether its channels, if more than two, come in Vorbis' order.

    Raises:
        AudioFileError: If its format, or the coder of its samples, is one that libsndfile doesn't read surely.
        soundfile.LibsndfileError: If libsndfile can't open it.
    """
    part.seek(0)
    with soundfile.SoundFile(part) as file:
        if file.format not in (*FORMATS, "MP3", "FLAC"):
            raise AudioFileError(
                path, f"the format {file.format_info} isn't read: make it WAV first, with: sox FILE OUT.wav"
            )
        if file.subtype in UNSURE_SUBTYPES:
            raise AudioFileError(
                path,
                f"its samples are {file.subtype_info}, which no decoder here reads surely: save it as WAV, FLAC or "
                "ALAC of 16 or 24 bits with the program that wrote it",
            )
        yield SndfileSource(path, file, VORBIS_TO_WAV.get(file.channels) if has_vorbis_order else None)


class SndfileSource:
    """An audio file whose lengths in samples libsndfile knows: see `Source`."""

    def __init__(self, path: Path | str, file: soundfile.SoundFile, order: tuple[int, ...] | None):
        self.path, self._file, self._order = path, file, order
        self.sampling_rate, self.channels, self.subtype = file.samplerate, file.channels, file.subtype
        self.notes: list[str] = []

    def num_samples(self) -> int:
        """See `Source`."""
        return self._file.frames

    def blocks(self, start: int = 0) -> Iterator[np.ndarray]:
        """See `Source`."""
        file, found = self._file, 0
        if start >= file.frames:
            return
        # A seek, even to the start, is trouble for a file with damage there. In Ogg it may come out elsewhere, as
        # in FFmpeg's Vorbis, and where packets go on in the next page.
        if start and file.seekable() and file.format != "OGG":
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


def check_promise(path: Path | str, source: SndfileSource, samples: Samples | None) -> None:
    """Raises AudioFileError if the header promises more samples than the file holds."""
    if samples is None or samples.promised_bytes is None or samples.found_bytes >= samples.promised_bytes:
        return
    num_samples = source.num_samples()
    # Coders of four bits have half a byte for a sample, and those of blocks what they please.
    bytes_per_frame = round(samples.found_bytes / num_samples, 2) if num_samples else 1
    raise damaged(path, num_samples, round(samples.promised_bytes / bytes_per_frame), source.sampling_rate)
