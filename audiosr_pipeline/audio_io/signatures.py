"""What audio files and videos begin with, what may stand in front of that, and whether a second file stands behind."""

import os
import struct
from collections.abc import Sequence

from audiosr_pipeline.audio_io.containers import ASF_HEADER, BOXES, promised_file_bytes, top_boxes
from audiosr_pipeline.audio_io.mpeg_frames import TWO_FRAMES, begins_frames
from audiosr_pipeline.audio_io.window import Window

W64_RIFF = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
# IRCAM's, of both byte orders, and the other kinds that are told by their first bytes alone.
BEGINNINGS = (
    W64_RIFF,
    ASF_HEADER,
    b"caff\0\1",
    b".snd\0\0\0",
    b"dns.",
    b"NIST_1A\n",
    b"fLaC\0\0\0",
    b"OggS\0",
    b"\x1a\x45\xdf\xa3",
    b"FLV\1",
    b"TTA1\1\0",
    b"wvpk",
    b"MPCKSH",
    b"MAC ",
    b"tBaK",
    b"#!AMR",
    b"\x64\xa3\1\0",
    b"\x64\xa3\2\0",
    b"\x64\xa3\3\0",
    b"\x64\xa3\4\0",
    b"\0\1\xa3\x64",
    b"\0\2\xa3\x64",
)
FORMS = {
    b"RIFF": (b"WAVE", b"AVI "),
    b"RF64": (b"WAVE",),
    b"BW64": (b"WAVE",),
    b"RIFX": (b"WAVE",),
    b"FORM": (b"AIFF", b"AIFC"),
}
# Padding to whole blocks of a disk, with zeros, is no audio.
MOST_PADDING = 2**16
BLOCK = 2**20
FOLLOWED = "another file stands behind its samples: take them apart, or join them with sox"


def begins_file(head: bytes) -> bool:
    """Whether bytes are the first of an audio file or a video, of those kinds that can be told by them.

    MPEG audio and other streams of bare frames aren't among them.
    """
    return head.startswith(BEGINNINGS) or head[8:12] in FORMS.get(head[:4], ()) or head[4:8] == b"ftyp"


def looks_like_file(head: bytes) -> bool:
    """Whether bytes, be they all or the first dozen, are of an audio file or a video, damaged or tagged ones too.

    They begin as samples hardly do. Bare MPEG frames aren't told from samples.
    """
    return head.startswith((*BEGINNINGS, *FORMS, b"ID3")) or head[4:8] == b"ftyp"


def begins_at(file: Window, position: int) -> bool:
    """Whether an audio file or a video, MPEG audio among them, begins at a position, with or without ID3 tags."""
    head = read_at(file, after_id3(file, position), TWO_FRAMES)
    return begins_file(head) or begins_frames(head)


def find_start(file: Window) -> int:
    """Where a file begins behind ID3 tags and zeros that were put in front of it; 0 if it has a place for them."""
    position = after_id3(file, 0)
    for start in (position, after_id3(file, after_zeros(file, position))):
        head = read_at(file, start, 64)
        # LATM has no place for a tag either: its decoder would lose a frame.
        if begins_file(head) or (head[:1] == b"\x56" and head[1:2] >= b"\xe0"):
            return start
    return 0


def after_id3(file: Window, position: int) -> int:
    """The position after the ID3 tags, of the kind that stands in front."""
    while True:
        head = read_at(file, position, 10)
        if head[:3] != b"ID3" or len(head) < 10:
            return position
        position += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        position += 10 if head[5] & 0x10 else 0


def after_zeros(file: Window, position: int) -> int:
    """The position after zeros, if they are few enough for padding; else the position itself."""
    data = read_at(file, position, MOST_PADDING + 1)
    num_zeros = len(data) - len(data.lstrip(b"\0"))
    return position + num_zeros if num_zeros <= MOST_PADDING else position


def contains(file: Window, patterns: Sequence[bytes], start: int) -> bool:
    """Whether one of several strings of bytes stands anywhere in a file from a position on."""
    size, longest = file.seek(0, os.SEEK_END), max(map(len, patterns))
    while start < size:
        block = read_at(file, start, BLOCK + longest - 1)
        if any(pattern in block for pattern in patterns):
            return True
        start += BLOCK
    return False


def is_followed(file: Window) -> bool:
    """Whether a second file stands behind the first one, of kinds whose decoders pass it over or play its header.

    WAV and its relations, AU and NIST are not among them: see `chunks` and `headers`.
    """
    size = file.seek(0, os.SEEK_END)
    head = read_at(file, 0, 64)
    if head.startswith((b"\x64\xa3", b"\0\1\xa3\x64", b"\0\2\xa3\x64")):
        # Rate, channels and coder as well: samples may look like a beginning that is so short.
        return contains(file, [head[:16]], 1)
    if head.startswith(b"TTA1"):
        return contains(file, [head[:14]], 1)
    if head.startswith(b"FLV\1"):
        return contains(file, [head[:5] + struct.pack(">II", 9, 0)], 1)
    end = promised_file_bytes(file)
    if end is None and head.startswith(ASF_HEADER):
        return contains(file, [ASF_HEADER], 1)
    if head[4:8] in BOXES:
        boxes = list(top_boxes(file))
        if sum(name == b"moov" for name, _, _ in boxes) > 1:
            return True
        return any(begins_at(file, position) for _, position, _ in boxes[1:])
    if end is None or end >= size:
        return False
    return begins_at(file, end)


def read_at(file: Window, position: int, num_bytes: int) -> bytes:
    """So many bytes of a file from a position on, fewer at its end."""
    file.seek(position)
    return file.read(num_bytes)
