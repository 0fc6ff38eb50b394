"""What MP3 files say of themselves in tags, which FFmpeg doesn't tell, and where joined ones meet."""

import os
import re
import struct
from dataclasses import dataclass

from audiosr_pipeline.audio_io.mpeg_frames import frame_bytes, holds_frames
from audiosr_pipeline.audio_io.signatures import after_id3, after_zeros, begins_file, read_at
from audiosr_pipeline.audio_io.window import Window

# The tag stands where the first frame's samples would: after its header and a check sum, if it has one, and what says
# how the samples are coded.
TAG_NAMES = re.compile(b"Xing|Info|VBRI")
TAG_PLACES = (13, 15, 21, 23, 36, 38)
ID3V1_BYTES = 128
LONGEST_TAG_FRAME = 2_048


@dataclass(frozen=True)
class LengthTag:
    """The tag of an MP3 file that says its length.

    Attributes:
        start: Position of the frame that it stands in.
        num_frames: Frames of sound; None if it doesn't say.
        num_bytes: From that frame on, of all frames; None if it doesn't say.
        num_trimmed: Samples of delay and padding.
    """

    start: int
    num_frames: int | None
    num_bytes: int | None
    num_trimmed: int


def is_mp3(file: Window) -> bool:
    """Whether a file begins as MP3 with a tag of its length does, which others may by chance."""
    tag = find_length_tag(file, 0)
    return tag is not None and tag.start == after_id3(file, 0)


def missed_tag(file: Window, first: int, end: int) -> int | None:
    """Where the frame with the tag begins, if something other than ID3 tags stands in front of it; else None.

    FFmpeg looks for it nowhere else, and passes it over or takes it for sound, and the coder's delay with it.

    Args:
        file: An MP3 file.
        first: Where FFmpeg's first packet begins.
        end: Where it ends.
    """
    expected = after_id3(file, 0)
    start = max(expected, first - LONGEST_TAG_FRAME)
    tag = _find_tag(read_at(file, start, end - start), start)
    return None if tag is None or tag.start == expected else tag.start


def tagged_length(file: Window, samples_per_frame: int) -> tuple[int | None, bool]:
    """What the tag of an MP3 file says of its length.

    Returns:
        The number of samples without delay and padding, None if there is no such tag; and whether what follows them is
        no more MP3, but padding or the like.
    """
    tag = find_length_tag(file, 0)
    if tag is None or tag.num_frames is None:
        return None, False
    length = max(0, tag.num_frames * samples_per_frame - tag.num_trimmed)
    return length, bool(tag.num_bytes) and not holds_frames(file, tag.start + (tag.num_bytes or 0))


def is_followed_by_other(file: Window) -> bool:
    """Whether a file of another kind, which FFmpeg passes over, stands behind an MP3 file with a tag of its length."""
    tag = find_length_tag(file, 0)
    if tag is None or not tag.num_bytes:
        return False
    position = _after_tags(file, tag.start + tag.num_bytes)
    # MP4 begins with zeros.
    return any(begins_file(read_at(file, start, 64)) for start in (position, position - 3))


def find_joined(file: Window) -> list[int]:
    """Where the MP3 files begin of which one was made by joining them, each with its own tag of its length.

    Returns:
        Positions, of which the first is 0. What follows a part of which the length isn't known belongs to it.
    """
    size = file.seek(0, os.SEEK_END)
    starts, position = [0], 0
    while True:
        tag = find_length_tag(file, position)
        if tag is None or not tag.num_bytes:
            return starts
        position = _after_tags(file, tag.start + tag.num_bytes)
        if position + 4 > size or (following := find_length_tag(file, position)) is None:
            return starts
        if following.start != after_id3(file, position):
            return starts
        starts.append(position)


def find_length_tag(file: Window, position: int) -> LengthTag | None:
    """The tag in the first frame from a position on, behind ID3 tags."""
    position = after_id3(file, position)
    return _find_tag(read_at(file, position, 4_096), position)


def _find_tag(data: bytes, position: int) -> LengthTag | None:
    """The first tag in bytes of a file, which stand at a position."""
    for found in TAG_NAMES.finditer(data):
        for place in TAG_PLACES:
            start = found.start() - place
            if start >= 0 and frame_bytes(data[start : start + 4]) is not None:
                return _parse(data[found.start() :].ljust(256, b"\0"), position + start)
    return None


def _parse(tag: bytes, start: int) -> LengthTag:
    if tag.startswith(b"VBRI"):
        num_bytes, num_frames = struct.unpack(">II", tag[10:18])
        return LengthTag(start, num_frames, num_bytes, 0)
    (flags,) = struct.unpack(">I", tag[4:8])
    fields = iter(struct.unpack(">II", tag[8:16]))
    num_frames = next(fields) if flags & 1 else None
    num_bytes = next(fields) if flags & 2 else None
    # Frames, bytes, table of contents and quality are each there or not; then comes what lame adds.
    lame = tag[8 + sum(size for bit, size in enumerate((4, 4, 100, 4)) if flags >> bit & 1) :]
    trimmed = int.from_bytes(lame[21:24], "big") if lame[:4] in (b"LAME", b"Lavf", b"Lavc") else 0
    return LengthTag(start, num_frames, num_bytes, (trimmed >> 12) + (trimmed & 0xFFF))


def _after_tags(file: Window, position: int) -> int:
    """The position after what stands behind: ID3 tags of the first kind, those of APE, and padding with zeros."""
    while True:
        position = after_zeros(file, position)
        head = read_at(file, position, 32)
        if head[:3] == b"TAG":
            position += ID3V1_BYTES
        elif head[:8] == b"APETAGEX" and len(head) == 32:
            size, _, flags = struct.unpack("<III", head[12:24])
            # The size counts a footer, and not the header that this is.
            position += 32 + size if flags >> 29 & 1 else 32
        else:
            return position
