"""Audio files: the only module that touches soundfile."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from audiosr_pipeline.audio_io.errors import AudioFileError, native_path, reason

# What a folder is searched for. The last three can't be read: one line that says so is better than passing them over.
# Of the rest that libsndfile reads (NIST, IRCAM, ...) files can be named one by one.
AUDIO_SUFFIXES = ".wav .flac .ogg .oga .opus .mp3 .aif .aiff .aifc .au .caf .w64 .rf64 .m4a .aac .wma".split()
BLOCK = 2**18

# libsndfile reads a truncated file to its end without complaint, but logs what the header promised: in samples (AIFF,
# RF64) or in bytes (WAV, AU).
PROMISED_FRAMES = re.compile(r"(?:read from 'COMM' chunk \(|value from 'ds64' chunk of )(\d+)")
PROMISED_BYTES = re.compile(r"^\s*(?:data|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
OGG_CUT = "Last page lacks an end-of-stream bit"


def audio_files(folder: Path | str) -> list[Path]:
    """The files in a folder and below that are named as audio, sorted; hidden ones are passed over."""
    return sorted(
        path
        for path in Path(folder).rglob("*")
        if path.suffix.lower() in AUDIO_SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def read_audio(path: Path | str) -> tuple[np.ndarray, int]:
    """Reads a whole file.

    Args:
        path: Audio file, in any format that libsndfile reads: WAV, FLAC, OGG, MP3, AIFF and others.

    Returns:
        `(channels, num_samples)`, float32, integers scaled to [-1, 1); and its sampling rate in Hz.

    Raises:
        AudioFileError: If there is no such file, it is no audio, holds no samples, or holds fewer than its header
            promises.
    """
    with _opened(path) as file:
        if file.frames == 0:
            raise AudioFileError(path, "holds no samples")
        promised = _promised_frames(file)
        try:
            audio = np.empty((file.channels, file.frames), np.float32)
        except (MemoryError, ValueError) as error:
            raise AudioFileError(path, f"its header promises {promised} samples, more than fit in memory") from error
        found = 0
        try:
            while found < file.frames and len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
                audio[:, found : found + len(block)] = block.T
                found += len(block)
        except soundfile.LibsndfileError:
            found = file.tell()
        if OGG_CUT in file.extra_info:
            raise AudioFileError(path, f"truncated: it ends without an end mark after {found} samples")
        if found < promised:
            raise AudioFileError(
                path, f"truncated or damaged: its header promises {promised} samples, {found} could be read"
            )
        return audio, file.samplerate


def audio_length(path: Path | str) -> tuple[int, int]:
    """How many samples a file holds, by its header, and its sampling rate in Hz.

    Raises:
        AudioFileError: If there is no such file, it is no audio, or holds no samples.
    """
    with _opened(path) as file:
        if file.frames == 0:
            raise AudioFileError(path, "holds no samples")
        return file.frames, file.samplerate


def audio_format(path: Path | str) -> str:
    """Sample format and rate of a file, such as `"PCM_16 at 44100 Hz"`.

    Raises:
        AudioFileError: If there is no such file, or it is no audio.
    """
    with _opened(path) as file:
        return f"{file.subtype} at {file.samplerate} Hz"


def sample_format(path: Path | str) -> str:
    """Sample format of a file, such as `"PCM_16"`, or the name of its coder.

    Raises:
        AudioFileError: If there is no such file, or it is no audio.
    """
    with _opened(path) as file:
        return file.subtype


def read_segment(path: Path | str, start_s: float, duration_s: float) -> np.ndarray:
    """Reads part of a file; what lies outside the file is silence.

    Args:
        path: Audio file.
        start_s: Start in seconds, may be negative.
        duration_s: Length in seconds.

    Returns:
        `(channels, num_samples)` at the file's own rate, float32.

    Raises:
        AudioFileError: If there is no such file, it is no audio, or holds values that are no numbers.
    """
    with _opened(path) as file:
        num_samples = round(duration_s * file.samplerate)
        start = round(start_s * file.samplerate)
        inside = min(max(start, 0), file.frames)
        file.seek(inside)
        available = max(0, min(num_samples - (inside - start), file.frames - inside))
        audio = file.read(available, dtype="float32", always_2d=True).T
    if not np.isfinite(audio).all():
        raise AudioFileError(path, "holds NaN or infinity")
    segment = np.zeros((audio.shape[0], num_samples), np.float32)
    segment[:, inside - start : inside - start + audio.shape[1]] = audio
    return segment


@contextmanager
def _opened(path: Path | str) -> Iterator[soundfile.SoundFile]:
    try:
        if os.path.isdir(path):
            raise AudioFileError(path, "is a folder")
        if os.path.getsize(path) == 0:
            raise AudioFileError(path, "is empty (0 bytes)")
        with soundfile.SoundFile(native_path(path)) as file:
            yield file
    # By its name alone soundfile takes a .raw file for one without a header, and asks for what that would say.
    except TypeError as error:
        raise AudioFileError(path, "headerless samples can't be read: write them as WAV first") from error
    except OSError as error:
        raise AudioFileError(path, reason(error)) from error
    except soundfile.LibsndfileError as error:
        raise AudioFileError(
            path,
            f"not readable as audio: {reason(error)}. Accepted are WAV, FLAC, OGG, MP3, AIFF and libsndfile's other "
            "formats; M4A and the like need converting first",
        ) from error


def _promised_frames(file: soundfile.SoundFile) -> int:
    if match := PROMISED_FRAMES.search(file.extra_info):
        return int(match[1])
    if match := PROMISED_BYTES.search(file.extra_info):
        promised, found = int(match[1]), int(match[2])
        # Programs that write to a pipe can't know the size, and promise about the most there is (2**31 or 2**32).
        if not (0x7FFF_0000 <= promised < 0x8000_0000 or promised >= 0xFFFF_0000):
            return round(promised / round(found / file.frames, 2))
    return file.frames
