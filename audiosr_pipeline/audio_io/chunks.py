"""Where the samples of a WAV, RF64, W64, AIFF or CAF file lie, whatever its header says of their length.

A program that writes to a pipe can't go back to fill in lengths, and one that dies doesn't. It leaves zero, the length
so far, or about the most that there can be. Then the samples go on to the end of the file.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from audiosr_pipeline.audio_io.window import Window

W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
W64_RIFF = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
# Padding to whole blocks of a disk, with zeros, is no audio.
MOST_PADDING = 2**16
# What stands in 32-bit lengths that were never filled in: about 2^31 or 2^32, in sox's AIFF 0x7f000000.
UNKNOWN_LENGTHS = ((0x7F00_0000, 0x7F00_0400), (0x7FFF_0000, 0x8000_0000), (0xFFFF_0000, 0xFFFF_FFFF))
MPEG_TAGS = (0x50, 0x55)
# More than this doesn't fit in a length field.
MOST_WAV_BYTES = 2**32 - 1
# What frames begin with in samples that are a coded stream: DTS, of 16 and 14 bits, and what IEC 61937 wraps.
BIT_STREAMS = {
    bytes.fromhex("fe7f0180"): "DTS",
    bytes.fromhex("7ffe8001"): "DTS",
    bytes.fromhex("ff1f00e8"): "DTS",
    bytes.fromhex("1fffe800"): "DTS",
    bytes.fromhex("72f81f4e"): "AC-3, DTS or another coded stream (IEC 61937)",
}
# Frames of DTS are at most this long, in bytes of 16 bits.
LONGEST_FRAME = 2**15


@dataclass(frozen=True)
class _Family:
    """How the chunks of a kind of file are laid out.

    Attributes:
        first: Position of its first chunk.
        id_bytes: Length of a chunk's name.
        length: struct's format of a chunk's length.
        counts_header: Whether the length counts the chunk's own header.
        alignment: Chunks begin at multiples of it.
        data: Name of the chunk that holds the samples.
        preamble: Bytes in it before the first sample.
    """

    first: int
    id_bytes: int
    length: str
    counts_header: bool
    alignment: int
    data: bytes
    preamble: int


RIFF = _Family(12, 4, "<I", False, 2, b"data", 0)
RIFX = _Family(12, 4, ">I", False, 2, b"data", 0)
AIFF = _Family(12, 4, ">I", False, 2, b"SSND", 8)
W64 = _Family(40, 16, "<Q", True, 8, b"data" + W64_TAIL, 0)
CAF = _Family(8, 4, ">Q", False, 1, b"data", 4)


@dataclass(frozen=True)
class Samples:
    """What is known of the chunk that holds the samples.

    Attributes:
        promised_bytes: Its length by the header, None if the header doesn't say it.
        found_bytes: How much of it is there.
        patches: What the header should be, by position: see `Window`.
        is_mpeg: Whether a WAV file holds MPEG audio, such as MP3.
        start: Where a header that is put in front stands in for what comes before.
        prefix: That header, if there is one.
        is_followed: Whether another file of such a family stands behind the samples.
        bit_stream: What is coded in samples that are no sound, as for a digital output; "" for sound.
    """

    promised_bytes: int | None
    found_bytes: int
    patches: dict[int, bytes] = field(default_factory=dict)
    is_mpeg: bool = False
    bit_stream: str = ""
    start: int = 0
    prefix: bytes = b""
    is_followed: bool = False


def family_of(head: bytes) -> _Family | None:
    """The kind of file by its first 40 bytes, None for all others."""
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return RIFF
    if head[:4] == b"RIFX" and head[8:12] == b"WAVE":
        return RIFX
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return AIFF
    if head[:16] == W64_RIFF:
        return W64
    return CAF if head[:4] == b"caff" else None


def find_samples(file: BinaryIO | Window, size: int) -> Samples | None:
    """Finds the samples of a file of a known family; None if it has no chunk for them.

    Args:
        file: The file, open for reading.
        size: Its length in bytes.
    """
    file.seek(0)
    head = file.read(40)
    family = family_of(head)
    assert family is not None
    chunks: dict[bytes, tuple[int, int]] = {}
    for name, start, length in _chunks(file, family, family.first, size):
        chunks.setdefault(name, (start, length))
        if name == family.data:
            break
    if family.data not in chunks:
        return None
    start, length = chunks[family.data]
    file.seek(chunks.get(b"fmt ", (0, 0))[0])
    is_mpeg = family is RIFF and b"fmt " in chunks and struct.unpack("<H", file.read(2))[0] in MPEG_TAGS
    has_ds64 = head[:4] in (b"RF64", b"BW64") and b"ds64" in chunks
    promised: int | None = length
    if has_ds64 and length == 0xFFFF_FFFF:
        file.seek(chunks[b"ds64"][0] + 8)
        promised = struct.unpack("<Q", file.read(8))[0]
    assert promised is not None
    bit_stream = _bit_stream(file, start + family.preamble)
    available = size - start
    if promised < available and _is_file(file, family, start + promised):
        return Samples(promised, promised, {}, is_mpeg, bit_stream, is_followed=True)
    if promised > available and _is_unknown(promised, family):
        promised = None
    elif promised < available and _is_audio(file, family, start + promised, size):
        promised = None
    if promised is not None:
        found = min(promised, available)
        return Samples(max(0, promised - family.preamble), max(0, found - family.preamble), {}, is_mpeg, bit_stream)
    if family is RIFF and not has_ds64 and available > MOST_WAV_BYTES and b"fmt " in chunks:
        header = _rf64_header(file, chunks[b"fmt "], available)
        return Samples(None, available, {}, is_mpeg, bit_stream, start, header)
    patches = _patches(file, family, chunks, has_ds64, size)
    return Samples(None, available - family.preamble, patches, is_mpeg, bit_stream)


def without_repeated_headers(file: BinaryIO, size: int) -> tuple[int, int]:
    """The first and the last byte that count of a file of a known family whose header stands in it several times.

    A program that goes back to write the header once more, into a pipe, writes it behind what is there: sox does, to
    W64 and CAF. All but the last in front are left out, and those behind the samples.
    """
    file.seek(0)
    family = family_of(file.read(40))
    assert family is not None
    header_bytes = next(
        (
            start + family.preamble
            for name, start, _ in _chunks(file, family, family.first, size)
            if name == family.data
        ),
        0,
    )

    def is_header(position: int) -> bool:
        rest = Window(file, position, size)
        if family_of(rest.read(40)) is not family:
            return False
        chunks = _chunks(rest, family, family.first, size - position)
        return any(name == family.data and start + family.preamble == header_bytes for name, start, _ in chunks)

    first, last = 0, size
    while header_bytes and first + 2 * header_bytes <= last and is_header(first + header_bytes):
        first += header_bytes
    while first and last - header_bytes >= first + header_bytes and is_header(last - header_bytes):
        last -= header_bytes
    return first, last


def _rf64_header(file: BinaryIO | Window, fmt: tuple[int, int], num_bytes: int) -> bytes:
    """The header that a WAV file of more samples than its length field can hold should have."""
    file.seek(fmt[0])
    form = file.read(fmt[1])
    form = struct.pack("<4sI", b"fmt ", len(form)) + form + bytes(len(form) % 2)
    riff_bytes = 4 + 36 + len(form) + 8 + num_bytes
    ds64 = struct.pack("<4sIQQQI", b"ds64", 28, riff_bytes, num_bytes, 0, 0)
    return struct.pack("<4sI4s", b"RF64", 2**32 - 1, b"WAVE") + ds64 + form + struct.pack("<4sI", b"data", 2**32 - 1)


def _bit_stream(file: BinaryIO | Window, start: int) -> str:
    """What samples are if they are no sound: behind silence they begin as its frames do, and do so again and again."""
    file.seek(start)
    data = file.read(8 * LONGEST_FRAME).lstrip(b"\0")
    for sync, name in BIT_STREAMS.items():
        if data.startswith(sync) and data.count(sync) >= 3:
            return name
    return ""


def _chunks(file: BinaryIO | Window, family: _Family, position: int, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and length of each chunk from a position on. The last one may be longer than the file."""
    header_bytes = family.id_bytes + struct.calcsize(family.length)
    while position + header_bytes <= size:
        file.seek(position)
        header = file.read(header_bytes)
        (length,) = struct.unpack(family.length, header[family.id_bytes :])
        if family.counts_header:
            length = max(0, length - header_bytes)
        start = position + header_bytes
        yield header[: family.id_bytes], start, length
        position = start + length + -(start + length) % family.alignment


def _is_unknown(length: int, family: _Family) -> bool:
    """Whether a length that reaches beyond the end of the file was never filled in."""
    if family in (W64, CAF):
        # -1, or one of those of 32 bits; W64 counts its header of 24 bytes.
        return length >= 2**63 - 2**16 or any(low - 24 <= length <= high for low, high in UNKNOWN_LENGTHS)
    return length >= 2**63 - 2**16 or any(low <= length <= high for low, high in UNKNOWN_LENGTHS)


def _is_file(file: BinaryIO | Window, family: _Family, position: int) -> bool:
    """Whether another file begins where the samples end."""
    for start in (position, position + -position % family.alignment):
        file.seek(start)
        if family_of(file.read(40)) is not None:
            return True
    return False


def _is_audio(file: BinaryIO | Window, family: _Family, position: int, size: int) -> bool:
    """Whether what follows the samples' promised end is more of them, and not chunks, a tag or padding."""
    file.seek(position)
    rest = file.read(min(size - position, MOST_PADDING + 1))
    if len(rest) <= MOST_PADDING and not rest.strip(b"\0"):
        return False
    if rest[:3] in (b"TAG", b"ID3") or rest[:8] == b"APETAGEX":
        return False
    # Some programs forget the byte that makes a chunk's length even.
    for first in {position + -position % family.alignment, position}:
        end = first
        for name, start, length in _chunks(file, family, first, size):
            if not name[:4].isascii() or not name[:4].decode("ascii").isprintable():
                break
            end = start + length
        # The last chunk, if any, ends where the file does, but for padding.
        if first < end and size - family.alignment <= end <= size + family.alignment:
            return False
        if end > first and not _rest(file, end, size).strip(b"\0"):
            return False
    return True


def _rest(file: BinaryIO | Window, position: int, size: int) -> bytes:
    """What follows a position; something other than zeros if it is too much for padding."""
    if not 0 <= size - position <= MOST_PADDING:
        return b"?"
    file.seek(position)
    return file.read(size - position)


def _patches(
    file: BinaryIO | Window, family: _Family, chunks: dict[bytes, tuple[int, int]], has_ds64: bool, size: int
) -> dict[int, bytes]:
    """The header of a file whose samples go on to its end."""
    start = chunks[family.data][0]
    length_bytes = struct.calcsize(family.length)
    most = 2 ** (8 * length_bytes) - 1
    length = size - start + (family.id_bytes + length_bytes if family.counts_header else 0)
    patches = {start - length_bytes: struct.pack(family.length, min(length, most))}
    if has_ds64:
        patches[chunks[b"ds64"][0]] = struct.pack("<QQ", size - 8, size - start)
        patches[start - length_bytes] = b"\xff" * 4
    elif family is W64:
        patches[16] = struct.pack("<Q", size)
    elif family is not CAF:
        patches[4] = struct.pack(family.length, min(size - 8, most))
    if family is AIFF and b"COMM" in chunks:
        comm = chunks[b"COMM"][0]
        file.seek(comm)
        channels, _, bits = struct.unpack(">HIH", file.read(8))
        patches[comm + 2] = struct.pack(">I", (size - start - family.preamble) // max(1, channels * ((bits + 7) // 8)))
    return patches
