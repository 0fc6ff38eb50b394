"""Audio files are read whole: their length is what can be decoded, and what is missing of it is said."""

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from audiosr_pipeline.audio_io.chunks import Samples, family_of, find_samples, without_repeated_headers
from audiosr_pipeline.audio_io.containers import lacks_index, promised_file_bytes
from audiosr_pipeline.audio_io.continuation import check_continuation
from audiosr_pipeline.audio_io.errors import AudioFileError, damaged, reason
from audiosr_pipeline.audio_io.ffmpeg import FFmpegSource, NotRecognisedError
from audiosr_pipeline.audio_io.headers import find_header_samples, has_header
from audiosr_pipeline.audio_io.joined import JoinedSource
from audiosr_pipeline.audio_io.mp3 import find_joined, is_followed_by_other, is_mp3
from audiosr_pipeline.audio_io.ogg import Link, find_links
from audiosr_pipeline.audio_io.signatures import FOLLOWED, begins_at, find_start, is_followed, read_at
from audiosr_pipeline.audio_io.sndfile import check_promise, opened_by_sndfile
from audiosr_pipeline.audio_io.source import Source
from audiosr_pipeline.audio_io.window import Window

ACCEPTED = "Accepted are WAV, FLAC, OGG, MP3, M4A, WMA, video and others (docs/formats.md)"
LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def read_audio(path: Path | str) -> tuple[np.ndarray, int]:
    """Reads a whole file.

    Args:
        path: Audio file, or video, of which one track is read: see `audio_notes`. `docs/formats.md` lists the formats.

    Returns:
        `(channels, num_samples)`, float32, integers scaled to [-1, 1); and its sampling rate in Hz.

    Raises:
        AudioFileError: If there is no such file, it is no audio, holds no samples, holds fewer than its header
            promises, or can't be decoded to its end.
    """
    with _opened(path) as source:
        # Grown as it is needed, because a header may promise anything.
        audio, found = np.empty((source.channels, 0), np.float32), 0
        try:
            for block in source.blocks():
                needed = found + block.shape[1]
                if needed > audio.shape[1]:
                    grown = np.empty((source.channels, max(needed, 3 * audio.shape[1] // 2)), np.float32)
                    grown[:, :found] = audio[:, :found]
                    audio = grown
                audio[:, found:needed] = block
                found = needed
        except MemoryError as error:
            raise AudioFileError(path, f"its samples don't fit in memory: there are more than {found}") from error
        if found == 0:
            raise AudioFileError(path, "holds no samples")
        return audio[:, :found], source.sampling_rate


def audio_length(path: Path | str) -> tuple[int, int]:
    """How many samples `read_audio` gives, and their sampling rate in Hz.

    Where no header that can be relied on says it, the file is decoded: at some hundred times its speed.

    Raises:
        AudioFileError: As `read_audio`, but for damage in the middle of PCM, FLAC, Vorbis and Opus.
    """
    with _opened(path) as source:
        num_samples = source.num_samples()
        if num_samples == 0:
            raise AudioFileError(path, "holds no samples")
        return num_samples, source.sampling_rate


def audio_channels(path: Path | str) -> int:
    """How many channels `read_audio` gives.

    Raises:
        AudioFileError: If there is no such file, or it is no audio.
    """
    with _opened(path) as source:
        return source.channels


def audio_notes(path: Path | str) -> list[str]:
    """What the user should know of how a file is read: which of several audio tracks.

    Raises:
        AudioFileError: If there is no such file, or it is no audio.
    """
    with _opened(path) as source:
        return source.notes


def sample_format(path: Path | str) -> str:
    """Sample format of a file, such as `"PCM_16"`, or the name of its coder.

    Raises:
        AudioFileError: If there is no such file, or it is no audio.
    """
    with _opened(path) as source:
        return source.subtype


def audio_format(path: Path | str) -> str:
    """Sample format and rate of a file, such as `"PCM_16 at 44100 Hz"`.

    Raises:
        AudioFileError: If there is no such file, or it is no audio.
    """
    with _opened(path) as source:
        return f"{source.subtype} at {source.sampling_rate} Hz"


def read_segment(path: Path | str, start_s: float, duration_s: float) -> tuple[np.ndarray, int]:
    """Reads part of a file; what lies outside the file is silence.

    Args:
        path: Audio file.
        start_s: Start in seconds, may be negative.
        duration_s: Length in seconds.

    Returns:
        `(channels, num_samples)`, float32, and their rate, the file's own, in Hz.

    Raises:
        AudioFileError: If there is no such file, it is no audio, or holds values that are no numbers.
    """
    with _opened(path) as source:
        num_samples = round(duration_s * source.sampling_rate)
        start = round(start_s * source.sampling_rate)
        segment = np.zeros((source.channels, num_samples), np.float32)
        position = max(0, -start)
        if position < num_samples:
            for block in source.blocks(max(start, 0)):
                part = block[:, : num_samples - position]
                segment[:, position : position + part.shape[1]] = part
                position += part.shape[1]
                if position == num_samples:
                    break
    if not np.isfinite(segment).all():
        raise AudioFileError(path, "holds NaN or infinity")
    return segment, source.sampling_rate


@contextmanager
def _opened(path: Path | str) -> Iterator[Source]:
    try:
        if os.path.isdir(path):
            raise AudioFileError(path, "is a folder")
        with open(path, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise AudioFileError(path, "is a device or a pipe, not a file")
            size = file.seek(0, os.SEEK_END)
            if size == 0:
                raise AudioFileError(path, "is empty (0 bytes)")
            with _decoded(path, file, size) as source:
                yield source
    except OSError as error:
        raise AudioFileError(path, reason(error)) from error


@contextmanager
def _decoded(path: Path | str, file: BinaryIO, size: int) -> Iterator[Source]:
    """Hands a file to the decoder that reads it best, by what it begins with and never by its name."""
    front = find_start(Window(file, 0, size))
    whole, size = Window(file, front, size), size - front
    head = whole.read(1024)
    if complaint := _other_than_audio(head):
        raise AudioFileError(path, complaint)
    if is_followed(whole):
        raise AudioFileError(path, FOLLOWED)
    parts, samples, links = [whole], None, []
    by_sndfile = False
    if family_of(head) is not None or has_header(head):
        start, end = (0, size) if has_header(head) else without_repeated_headers(whole, size)
        find = find_header_samples if has_header(head) else find_samples
        samples = find(Window(whole, start, end), end - start)
        if samples is not None and samples.problem:
            raise AudioFileError(path, samples.problem)
        by_sndfile = samples is not None and not samples.is_mpeg
        if samples is not None:
            patches = {start + place: patch for place, patch in samples.patches.items()}
            end = end if samples.end is None else start + samples.end
            parts = [Window(whole, start + samples.start, end, patches, samples.prefix)]
    elif head.startswith(b"OggS"):
        links = find_links(whole, size)
        by_sndfile = all(link.codecs in (["VORBIS"], ["OPUS"]) for link in links)
        parts = [Window(whole, link.start, link.end) for link in links]
        end = links[-1].end if links else size
        # A page that was cut is not counted to a link.
        if begins_at(whole, end) and read_at(whole, end, 4) != b"OggS":
            raise AudioFileError(path, FOLLOWED)
    elif is_mp3(whole):
        starts = find_joined(whole)
        if is_followed_by_other(Window(whole, starts[-1], size)):
            raise AudioFileError(path, FOLLOWED)
        parts = [Window(whole, start, end) for start, end in zip(starts, [*starts[1:], size], strict=True)]
    if not parts:
        raise AudioFileError(path, _unreadable(path, head, ["no Ogg stream begins in it"]))

    with ExitStack() as stack:
        sources = [_open_part(path, part, by_sndfile, samples, head, stack) for part in parts]
        for source, link in zip(sources, links, strict=False):
            _check_link(path, source, link)
        yield sources[0] if len(sources) == 1 else JoinedSource(path, sources)


def _open_part(
    path: Path | str, part: Window, by_sndfile: bool, samples: Samples | None, head: bytes, stack: ExitStack
) -> Source:
    """Opens part of a file, which is a file by itself, by one decoder or, if that doesn't know it, by the other."""
    problems = []
    for use_sndfile in (by_sndfile, not by_sndfile):
        try:
            if not use_sndfile:
                source = FFmpegSource(path, part)
                if samples is not None and samples.found_bytes < (samples.promised_bytes or 0):
                    # What a byte holds of compressed sound isn't known, but what they hold on the whole is.
                    found = sum(block.shape[1] for block in source.blocks())
                    promised = round(found * samples.promised_bytes / max(1, samples.found_bytes))
                    raise damaged(path, found, promised, source.sampling_rate)
                return source
            notes = []
            if samples is not None and samples.said_bytes is not None:
                # By itself, because not all of what it reads can be read again.
                with opened_by_sndfile(path, part, False) as probe:
                    notes.append(check_continuation(path, probe, samples.said_bytes / samples.found_bytes))
            opened = stack.enter_context(opened_by_sndfile(path, part, _has_vorbis_order(part)))
            # By chance anything looks like MP3 somewhere.
            if by_sndfile or not opened.subtype.startswith("MPEG"):
                if not head.startswith(b"OggS"):
                    check_promise(path, opened, samples)
                    opened.notes += notes
                return opened
        except NotRecognisedError as error:
            problems.append(str(error))
        except soundfile.LibsndfileError as error:
            problems.append(reason(error))
    if samples is not None and samples.found_bytes < (samples.promised_bytes or 0):
        raise AudioFileError(
            path,
            f"truncated: its header promises {samples.promised_bytes} bytes of samples, {samples.found_bytes} are "
            "there, of which none can be read. Fetch the whole file again",
        )
    if lacks_index(part):
        promised_bytes, size = promised_file_bytes(part), part.seek(0, os.SEEK_END)
        promise = f"{size} bytes" + (f" of {promised_bytes}" if promised_bytes and promised_bytes > size else "")
        raise AudioFileError(
            path,
            f"truncated, or its recording was never finished: there are {promise}, but not the index (moov), which is "
            "written last and without which none of its samples can be read. Fetch the whole file again",
        )
    raise AudioFileError(path, _unreadable(path, head, problems))


def _check_link(path: Path | str, source: Source, link: Link) -> None:
    """Raises AudioFileError if pages of an Ogg stream are damaged or missing."""
    rate = source.sampling_rate
    # Opus counts 48,000 samples per second, whatever rate it was made from.
    scale = rate / 48_000 if link.codecs[:1] == ["OPUS"] else 1.0
    found, whole = (
        max(0, round(((position or 0) - link.skipped) * scale)) for position in (link.sound_position, link.position)
    )
    if link.sound_position is not None:
        raise damaged(path, found, whole, rate, "a page after them is missing, or its check sum is wrong")
    if not link.is_ended:
        promised = source.promised if isinstance(source, FFmpegSource) and link.codecs == ["FLAC"] else None
        raise damaged(path, whole, promised, rate, "it ends without an end mark")


def _has_vorbis_order(part: Window) -> bool:
    """Whether the channels of an Ogg file come in the order that Vorbis gives them."""
    part.seek(0)
    head = part.read(128)
    found = head.find(b"OpusHead")
    # Opus can also hold channels that are no loudspeakers.
    return b"\x01vorbis" in head or (found >= 0 and head[found + 18 : found + 19] == b"\1")


def _other_than_audio(head: bytes) -> str | None:
    """What a file is that has an audio file's name but isn't one, by its first bytes; None if that can't be said."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(LFS_POINTER):
        return "is a git-lfs pointer, not the file that it stands for: git lfs pull fetches that"
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<svg")):
        return "is a web page, not audio: the server that it was downloaded from sent that instead"
    if text.startswith((b"#extm3u", b"[playlist]")):
        return "is a playlist, not audio: pass the files that it lists"
    return None


def _unreadable(path: Path | str, head: bytes, problems: list[str]) -> str:
    if Path(os.fsdecode(path)).suffix.lower() in (".raw", ".pcm"):
        return "headerless samples can't be read: write them as WAV first"
    try:
        # The last character may be cut.
        is_text = head[:-4].decode("utf-8").replace("\n", "").replace("\r", "").replace("\t", "").isprintable()
    except UnicodeDecodeError:
        is_text = False
    what = "it is text" if is_text else f"format not recognised ({'; '.join(problems)})" if problems else ""
    return f"not readable as audio: {what}. {ACCEPTED}"
