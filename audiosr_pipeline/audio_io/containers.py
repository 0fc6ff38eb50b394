"""How long a container says that it is, where FFmpeg guesses it for a file that was cut."""

import os
import struct
from collections.abc import Iterator
from fractions import Fraction

from audiosr_pipeline.audio_io.window import Window

ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
# What an MP4 or QuickTime file begins with.
BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
# What AVI has in place of lengths that were never filled in, or more.
UNKNOWN_LENGTH = 0x3FFF_0000
EBML_SEGMENT = bytes.fromhex("18538067")


def promised_file_bytes(file: Window) -> int | None:
    """Where an MP4, Matroska, ASF or AVI file should end by its own lengths; None if it doesn't say, or is another."""
    file.seek(0)
    head = file.read(4096)
    if head[4:8] in BOXES:
        return _end_of_boxes(file)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return _end_of_segment(head)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        length = struct.unpack("<I", head[4:8])[0]
        return None if length in (0, 0xFFFF_FFFF) else 8 + length
    found = head.find(ASF_FILE_PROPERTIES)
    if found >= 0 and found + 92 <= len(head):
        (length,) = struct.unpack("<Q", head[found + 40 : found + 48])
        is_broadcast = head[found + 88] & 1
        return None if is_broadcast or not length else length
    return None


def promised_duration(file: Window) -> Fraction | None:
    """How many seconds of sound an ASF or AVI file should hold by its header; None if it doesn't say, or is another."""
    file.seek(0)
    head = file.read(2**16)
    found = head.find(ASF_FILE_PROPERTIES)
    if found >= 0 and found + 92 <= len(head):
        duration, _, preroll, flags = struct.unpack("<QQQI", head[found + 64 : found + 92])
        # In units of 100 ns, and ms; a broadcast has none.
        return None if flags & 1 else Fraction(duration, 10_000_000) - Fraction(preroll, 1_000)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI " and (found := head.find(b"auds")) >= 0:
        scale, rate, _, length = struct.unpack("<IIII", head[found + 20 : found + 36].ljust(16, b"\0"))
        return Fraction(length * scale, rate) if rate and 0 < length < UNKNOWN_LENGTH else None
    return None


def musepack_part(file: Window) -> tuple[int, int] | None:
    """Of a Musepack file (stream version 8) the samples of silence in front, and those of sound; else None."""
    file.seek(0)
    head = file.read(32)
    if head[:6] != b"MPCKSH":
        return None
    # After the packet's length of a byte, a check sum, and the version.
    num_samples, position = _variable(head, 12)
    return _variable(head, position)[0], num_samples


def _variable(data: bytes, position: int) -> tuple[int, int]:
    """A number of seven bits a byte, of which all but the last have the eighth set; and the position after it."""
    value = 0
    while True:
        byte = data[position]
        value, position = value << 7 | byte & 0x7F, position + 1
        if byte < 0x80 or position == len(data):
            return value, position


def lacks_index(file: Window) -> bool:
    """Whether an MP4 file has no index, without which nothing of it can be read: it was cut, or never finished."""
    names = [name for name, _, _ in top_boxes(file)]
    return b"ftyp" in names and b"moov" not in names


def top_boxes(file: Window) -> Iterator[tuple[bytes, int, int]]:
    """Name, position and length of each box of an MP4 file that lies in no other."""
    size, position = file.seek(0, os.SEEK_END), 0
    while position + 8 <= size:
        file.seek(position)
        header = file.read(16)
        length = struct.unpack(">I", header[:4])[0]
        if length == 1 and len(header) == 16:
            length = struct.unpack(">Q", header[8:])[0]
        yield header[4:8], position, length
        if length < 8:
            return
        position += length


def _end_of_boxes(file: Window) -> int | None:
    """The end of the last box of an MP4 or QuickTime file."""
    end, length = 0, 0
    for name, position, length in top_boxes(file):
        # Zero stands for "to the end", and what isn't a name begins no box.
        if length < 8 or not name.strip(b"\xa9").isalnum():
            return None
        end = position + length
    return end


def _end_of_segment(head: bytes) -> int | None:
    """The end of the segment of a Matroska file."""
    found = head.find(EBML_SEGMENT)
    if found < 0 or found + 12 > len(head):
        return None
    first = head[found + 4]
    num_bytes = 9 - first.bit_length()
    if num_bytes > 8:
        return None
    length = int.from_bytes(head[found + 4 : found + 4 + num_bytes], "big") & (2 ** (7 * num_bytes) - 1)
    # All ones stand for an unknown length, as while it is written.
    return None if length == 2 ** (7 * num_bytes) - 1 else found + 4 + num_bytes + length
