"""What MP3 files say of themselves in tags, which FFmpeg doesn't tell, and where joined ones meet."""

import os
import re
import struct
from dataclasses import dataclass

from audiosr_pipeline.audio_io.window import Window

# The tag stands where the first frame's samples would: after its header of 4 bytes, and 9 to 36 of zeros.
LENGTH_TAG = re.compile(rb"\xff[\xe2-\xff].{2,40}?(Xing|Info|VBRI)", re.DOTALL)
ID3V1_BYTES = 128


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
    return tag is not None and tag.start == _after_id3(file, 0)


def tagged_length(file: Window, samples_per_frame: int) -> int | None:
    """The number of samples by the tag of an MP3 file, without delay and padding; None if it has no such tag."""
    tag = find_length_tag(file, 0)
    if tag is None or tag.num_frames is None:
        return None
    return max(0, tag.num_frames * samples_per_frame - tag.num_trimmed)


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
        if following.start != _after_id3(file, position):
            return starts
        starts.append(position)


def find_length_tag(file: Window, position: int) -> LengthTag | None:
    """The tag in the first frame from a position on, behind ID3 tags."""
    position = _after_id3(file, position)
    file.seek(position)
    found = LENGTH_TAG.search(data := file.read(4096))
    if found is None:
        return None
    tag = data[found.start(1) :].ljust(256, b"\0")
    start = position + found.start()
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


def _after_id3(file: Window, position: int) -> int:
    """The position after the ID3 tags, of the kind that stands in front."""
    while True:
        file.seek(position)
        head = file.read(10)
        if head[:3] != b"ID3" or len(head) < 10:
            return position
        position += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        position += 10 if head[5] & 0x10 else 0


def _after_tags(file: Window, position: int) -> int:
    """The position after the tags that stand behind: ID3 of the first kind, and APE."""
    while True:
        file.seek(position)
        head = file.read(32)
        if head[:3] == b"TAG":
            position += ID3V1_BYTES
        elif head[:8] == b"APETAGEX" and len(head) == 32:
            size, _, flags = struct.unpack("<III", head[12:24])
            # The size counts a footer, and not the header that this is.
            position += 32 + size if flags >> 29 & 1 else 32
        else:
            return position
