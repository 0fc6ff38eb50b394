"""How long a container says that its file is, and what an MP3 file says of itself, which FFmpeg doesn't tell."""

import os
import re
import struct

from audiosr_pipeline.audio_io.window import Window

ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
EBML_SEGMENT = bytes.fromhex("18538067")
# The tag stands where the first frame's samples would: after its header of 4 bytes, and 9 to 36 of zeros.
LENGTH_TAG = re.compile(rb"\xff[\xe2-\xff].{2,40}?(Xing|Info|VBRI)", re.DOTALL)


def promised_file_bytes(file: Window) -> int | None:
    """Where an MP4, Matroska, ASF or AVI file should end by its own lengths; None if it doesn't say, or is another."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(4096)
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
        return _end_of_boxes(file, size)
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


def tagged_length(file: Window, samples_per_frame: int) -> int | None:
    """The number of samples by the tag of an MP3 file, without delay and padding; None if it has no such tag."""
    position = 0
    while True:
        file.seek(position)
        head = file.read(10)
        if head[:3] != b"ID3" or len(head) < 10:
            break
        position += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        position += 10 if head[5] & 0x10 else 0
    file.seek(position)
    found = LENGTH_TAG.search(data := file.read(4096))
    if found is None:
        return None
    tag = data[found.start(1) :].ljust(256, b"\0")
    if tag.startswith(b"VBRI"):
        return struct.unpack(">I", tag[14:18])[0] * samples_per_frame
    (flags,) = struct.unpack(">I", tag[4:8])
    if not flags & 1:
        return None
    (num_frames,) = struct.unpack(">I", tag[8:12])
    # Frames, bytes, table of contents and quality are each there or not; then comes what lame adds.
    lame = tag[8 + sum(size for bit, size in enumerate((4, 4, 100, 4)) if flags >> bit & 1) :]
    trimmed = int.from_bytes(lame[21:24], "big") if lame[:4] in (b"LAME", b"Lavf", b"Lavc") else 0
    return max(0, num_frames * samples_per_frame - (trimmed >> 12) - (trimmed & 0xFFF))


def _end_of_boxes(file: Window, size: int) -> int | None:
    """The end of the last box of an MP4 or QuickTime file."""
    position = 0
    while position + 8 <= size:
        file.seek(position)
        header = file.read(16)
        length = struct.unpack(">I", header[:4])[0]
        if length == 1 and len(header) == 16:
            length = struct.unpack(">Q", header[8:])[0]
        # Zero stands for "to the end", and what isn't a name begins no box.
        if length < 8 or not header[4:8].strip(b"\xa9").isalnum():
            return None
        position += length
    return position


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
