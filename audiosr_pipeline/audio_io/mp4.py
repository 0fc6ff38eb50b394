"""Which part of an MP4 or QuickTime track is shown: by its edit list, or by what iTunes writes in place of one."""

import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from audiosr_pipeline.audio_io.window import Window

CONTAINERS = (b"trak", b"edts", b"mdia", b"minf", b"stbl", b"udta", b"ilst", b"----")
# Delay, padding and length, in samples of the track.
GAPLESS = re.compile(rb"iTunSMPB.{1,64}? [0-9A-Fa-f]{8} ([0-9A-Fa-f]{8}) ([0-9A-Fa-f]{8}) ([0-9A-Fa-f]{16})", re.DOTALL)
# Of a list of tags with pictures, more is never needed.
MOST_BYTES = 2**24


@dataclass(frozen=True)
class Edit:
    """The part of a track that is shown, in seconds of the track.

    Attributes:
        start: Where it begins: what comes before is the coder's delay.
        duration: How long it is; None if it goes on to the end.
    """

    start: Fraction
    duration: Fraction | None


def find_edit(file: Window, track_id: int) -> Edit | None:
    """The part of a track that is shown; None if nothing says so, or it is made of several parts.

    Args:
        file: The file.
        track_id: The track's number in it.
    """
    boxes = _boxes(file, 0, file.seek(0, os.SEEK_END))
    movie = next(((start, end) for name, start, end in boxes if name == b"moov"), None)
    if movie is None:
        return None
    movie_scale, gapless, track = 0, None, {}
    for name, start, end in _boxes(file, *movie):
        if name == b"mvhd":
            movie_scale = _timescale(_content(file, start, end))[0]
        elif name == b"udta":
            gapless = GAPLESS.search(_content(file, start, end))
        elif name == b"trak":
            found = _leaves(file, start, end)
            if b"tkhd" in found and b"mdhd" in found and _track_id(found[b"tkhd"]) == track_id:
                track = found
    if not (movie_scale and track):
        return None
    scale, media = _timescale(track[b"mdhd"])
    if not scale:
        return None
    edits = _edits(track.get(b"elst", b""))
    while edits and edits[0][1] < 0:
        # An empty edit moves the track to a later time.
        edits = edits[1:]
    if len(edits) > 1:
        return None
    if edits:
        duration, start = edits[0]
        # A duration in ticks of the movie, often of a millisecond, may mean the whole of the rest.
        rest, tick = Fraction(media - start, scale), Fraction(1, movie_scale)
        shown = duration * tick
        if media > start and shown > rest - tick:
            shown = rest
        if start or not gapless:
            return Edit(Fraction(start, scale), shown if duration else None)
    if gapless:
        delay, padding, length = (int(digits, 16) for digits in gapless.groups())
        # In some files it counts in samples of twice or half the track's rate; in others it is of another recording.
        for factor in (Fraction(1), Fraction(2), Fraction(1, 2)):
            if length and media and abs((delay + padding + length) * factor - media) <= 2:
                return Edit(delay * factor / scale, length * factor / scale)
    return None


def fragments_duration(file: Window, track_id: int) -> Fraction | None:
    """How many seconds the fragments of a track should come to by the file's header, with the coder's delay.

    FFmpeg adds up those that are there.

    Args:
        file: The file.
        track_id: The track's number in it.

    Returns:
        The seconds; None if the file has no fragments, or its header doesn't say it.
    """
    boxes = list(_boxes(file, 0, file.seek(0, os.SEEK_END)))
    movie = next(((start, end) for name, start, end in boxes if name == b"moov"), None)
    if movie is None or all(name != b"moof" for name, _, _ in boxes):
        return None
    scale, of_movie, tracks = 0, 0, []
    for name, start, end in _boxes(file, *movie):
        if name == b"mvhd":
            scale = _timescale(_content(file, start, end))[0]
        elif name == b"mvex":
            for extended, begin, finish in _boxes(file, start, end):
                if extended == b"mehd":
                    content = _content(file, begin, finish)
                    of_movie = int.from_bytes(content[4:12] if content[:1] == b"\1" else content[4:8], "big")
        elif name == b"trak":
            tracks.append(_leaves(file, start, end))
    durations = []
    # That of the movie is the longest track's.
    if of_movie and scale and len(tracks) == 1:
        durations.append(Fraction(of_movie, scale))
    for track in tracks:
        if b"tkhd" in track and b"mdhd" in track and _track_id(track[b"tkhd"]) == track_id:
            scale, media = _timescale(track[b"mdhd"])
            # If some samples stand outside fragments, it may be of these alone.
            if scale and media and not int.from_bytes(track.get(b"stsz", b"")[8:12], "big"):
                durations.append(Fraction(media, scale))
    return max(durations, default=None)


def _boxes(file: Window, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the content of each box."""
    while start + 8 <= end:
        file.seek(start)
        header = file.read(16)
        length, begin = struct.unpack(">I", header[:4])[0], start + 8
        if length == 1 and len(header) == 16:
            length, begin = struct.unpack(">Q", header[8:])[0], start + 16
        elif length == 0:
            length = end - start
        if length < begin - start:
            return
        yield header[4:8], begin, min(end, start + length)
        start += length


def _leaves(file: Window, start: int, end: int) -> dict[bytes, bytes]:
    """The boxes of a track that aren't made of others, but for most of its samples' tables."""
    found = {}
    for name, begin, finish in _boxes(file, start, end):
        if name in CONTAINERS:
            found.update(_leaves(file, begin, finish))
        elif name in (b"tkhd", b"mdhd", b"elst", b"stsz"):
            found[name] = _content(file, begin, finish)
    return found


def _content(file: Window, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(min(end - start, MOST_BYTES))


def _track_id(header: bytes) -> int:
    position = 20 if header[:1] == b"\1" else 12
    return int.from_bytes(header[position : position + 4], "big")


def _timescale(header: bytes) -> tuple[int, int]:
    """Ticks per second, and the duration, of a header of a movie or of a track's media."""
    position, num_bytes = (20, 8) if header[:1] == b"\1" else (12, 4)
    duration = int.from_bytes(header[position + 4 : position + 4 + num_bytes], "big")
    # All ones stand for an unknown one.
    is_unknown = duration == 2 ** (8 * num_bytes) - 1
    return int.from_bytes(header[position : position + 4], "big"), 0 if is_unknown else duration


def _edits(content: bytes) -> list[tuple[int, int]]:
    """Duration, in the movie's ticks, and start, in the track's, of each edit; a start of -1 is an empty edit."""
    form = ">QqI" if content[:1] == b"\1" else ">IiI"
    size = struct.calcsize(form)
    count = int.from_bytes(content[4:8], "big")
    entries = content[8 : 8 + min(count, 1_000) * size]
    return [
        (duration, start) for duration, start, _ in struct.iter_unpack(form, entries[: len(entries) // size * size])
    ]
