"""Where the samples of a WAV, RF64, W64, AIFF or CAF file lie, whatever its header says of their length.

A program that writes to a pipe can't go back to fill in lengths, and one that dies doesn't. It leaves zero, the length
so far, or about the most that there can be. Then the samples go on to the end of the file.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from audiosr_pipeline.audio_io.signatures import (
    FOLLOWED,
    MOST_PADDING,
    W64_RIFF,
    begins_at,
    contains,
    read_at,
)
from audiosr_pipeline.audio_io.window import Window

W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
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
# What a file of each family begins with, behind its length, if a program wrote it to a pipe.
BEGUN = (b"WAVEfmt ", b"WAVEds64", b"AIFFCOMM", b"AIFCFVER", b"AIFCCOMM", W64_RIFF, b"caff\0\1\0\0desc")
# Chunks that programs write behind samples.
TRAILING = re.compile(
    rb"LIST|id3 |ID3 |bext|iXML|cue |_PMX|JUNK|PAD |smpl|inst|acid|afsp|PEAK|axml|umid|"
    rb"NAME|AUTH|\(c\) |ANNO|COMT|MARK|INST"
)
# Recorders that die, and write no chunks, do so between blocks of at least this many bytes.
SMALLEST_BLOCK = 512
# Frames of DTS are at most this long, in bytes of 16 bits.
LONGEST_FRAME = 2**15


PROBLEMS = {
    "file": FOLLOWED,
    "samples": "holds samples in two chunks, of which decoders read one: take them apart, or join them in one chunk",
}


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
        problem: Why they can't be read, or not all that the file holds; "" if they can.
        start: Where a header that is put in front stands in for what comes before.
        prefix: That header, if there is one.
        end: Where what is to be read of the file ends; None if that is the file's end.
        said_bytes: What the header says of their length, if they seem to go on behind it; else None.
    """

    promised_bytes: int | None
    found_bytes: int
    patches: dict[int, bytes] = field(default_factory=dict)
    is_mpeg: bool = False
    problem: str = ""
    start: int = 0
    prefix: bytes = b""
    end: int | None = None
    said_bytes: int | None = None


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


def find_samples(file: Window, size: int) -> Samples | None:
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
    if has_ds64 and length == 0xFFFF_FFFF:
        file.seek(chunks[b"ds64"][0] + 8)
        length = struct.unpack("<Q", file.read(8))[0]
    problem = _bit_stream(file, start + family.preamble)
    available = size - start
    said: int | None = None
    is_known = length <= available or not _is_unknown(length, family)
    whole = _end_of_whole(file, family) if family in (RIFF, RIFX) and not has_ds64 else None
    if whole is not None and start < whole < start + length - 1 and is_known:
        # One of the two lengths is wrong.
        tail = _find_tail(file, family, whole, size)
        if tail == "nothing" and read_at(file, whole, 1) != b"\0":
            length = whole - start
        said = whole - start if tail == "unknown" else None
    if length < available:
        tail = _find_tail(file, family, start + length, size, is_empty=length <= family.preamble)
        problem = PROBLEMS.get(tail, problem)
        if tail == "unknown":
            is_known, said = False, length - family.preamble if length > family.preamble else None
    if is_known:
        # libsndfile takes what follows for samples of W64, and a second chunk of WAV's in place of the first. In CAF
        # FFmpeg needs the lengths of packets, which may follow.
        end = start + length if family not in (AIFF, CAF) and length < available else None
        promised, found = (max(0, num_bytes - family.preamble) for num_bytes in (length, min(length, available)))
        return Samples(promised, found, {}, is_mpeg, problem, end=end, said_bytes=said)
    end = None
    if said is None:
        end = _trailing_chunks(file, family, start, size)
        problem = problem or (FOLLOWED if contains(file, BEGUN, start) else "")
    size = size if end is None else end
    if family is RIFF and not has_ds64 and size - start > MOST_WAV_BYTES and b"fmt " in chunks:
        header = _rf64_header(file, chunks[b"fmt "], size - start)
        return Samples(None, size - start, {}, is_mpeg, problem, start, header, end, said)
    patches = _patches(file, family, chunks, has_ds64, size)
    found = size - start - family.preamble
    return Samples(None, found, patches, is_mpeg, problem, end=end, said_bytes=said)


def without_repeated_headers(file: Window, size: int) -> tuple[int, int]:
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


def _rf64_header(file: Window, fmt: tuple[int, int], num_bytes: int) -> bytes:
    """The header that a WAV file of more samples than its length field can hold should have."""
    file.seek(fmt[0])
    form = file.read(fmt[1])
    form = struct.pack("<4sI", b"fmt ", len(form)) + form + bytes(len(form) % 2)
    riff_bytes = 4 + 36 + len(form) + 8 + num_bytes
    ds64 = struct.pack("<4sIQQQI", b"ds64", 28, riff_bytes, num_bytes, 0, 0)
    return struct.pack("<4sI4s", b"RF64", 2**32 - 1, b"WAVE") + ds64 + form + struct.pack("<4sI", b"data", 2**32 - 1)


def _bit_stream(file: Window, start: int) -> str:
    """The problem with samples that are no sound: behind silence they begin as a coder's frames do, again and again."""
    file.seek(start)
    data = file.read(8 * LONGEST_FRAME).lstrip(b"\0")
    for sync, name in BIT_STREAMS.items():
        if data.startswith(sync) and data.count(sync) >= 3:
            return f"its samples are no sound but {name}: decode them first, with: ffmpeg -i FILE OUT.wav"
    return ""


def _chunks(file: Window, family: _Family, position: int, size: int) -> Iterator[tuple[bytes, int, int]]:
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


def _find_tail(file: Window, family: _Family, position: int, size: int, is_empty: bool = False) -> str:
    """What follows the samples' promised end.

    Args:
        file: The file.
        family: Its kind.
        position: The promised end.
        size: Length of the file in bytes.
        is_empty: Whether no sample is promised: zeros are silence then, and what is short is a short sound.

    Returns:
        "nothing" that is sound, another "file", more "samples" in a chunk of their own, or something "unknown", which
        may be more samples.
    """
    rest = read_at(file, position, MOST_PADDING + 1)
    if len(rest) <= MOST_PADDING and not rest.strip(b"\0"):
        return "unknown" if is_empty and rest else "nothing"
    aligned = position + -position % family.alignment
    if begins_at(file, aligned) or begins_at(file, position):
        return "file"
    if rest[:3] in (b"TAG", b"ID3") or rest[:8] == b"APETAGEX":
        return "nothing"
    whole = _end_of_whole(file, family)
    # Some programs forget the byte that makes a chunk's length even.
    for first in dict.fromkeys((aligned, position)):
        end = first
        for name, start, length in _chunks(file, family, first, size):
            if name == family.data and length > family.preamble:
                return "samples"
            if not name[:4].isascii() or not name[:4].decode("ascii").isprintable():
                break
            end = start + length + -(start + length) % family.alignment
            if begins_at(file, end):
                return "file"
            if whole is not None and abs(end - whole) <= 1:
                return "nothing"
        # The last chunk, if any, ends where the file does, but for padding.
        if first < end and size - family.alignment <= end <= size + family.alignment:
            return "nothing"
        if end > first and not _rest(file, end, size).strip(b"\0"):
            return "nothing"
    # CAF has no length but that of the samples.
    is_complete = whole is None or abs(whole - position) < family.alignment
    if not is_empty and is_complete and size - position < SMALLEST_BLOCK:
        return "nothing"
    return "unknown"


def _end_of_whole(file: Window, family: _Family) -> int | None:
    """Where the file ends by its own header, which counts all chunks; None if it doesn't say."""
    if family is CAF:
        return None
    if family is W64:
        return int(struct.unpack("<Q", read_at(file, 16, 8))[0])
    return 8 + int(struct.unpack(family.length, read_at(file, 4, 4))[0])


def _trailing_chunks(file: Window, family: _Family, start: int, size: int) -> int | None:
    """Where chunks or a tag begin at the end of a file whose samples are of unknown length; None if none do."""
    first = max(start, size - MOST_PADDING)
    data = read_at(file, first, size - first)
    if data[-128:].startswith(b"TAG"):
        return size - 128
    if family not in (RIFF, RIFX, AIFF):
        return None
    for match in TRAILING.finditer(data):
        position = first + match.start()
        ends = [begin + length for _, begin, length in _chunks(file, family, position, size)]
        if ends and size <= ends[-1] + 1 <= size + 2:
            return position
    return None


def _rest(file: Window, position: int, size: int) -> bytes:
    """What follows a position; something other than zeros if it is too much for padding."""
    return read_at(file, position, size - position) if 0 <= size - position <= MOST_PADDING else b"?"


def _patches(
    file: Window, family: _Family, chunks: dict[bytes, tuple[int, int]], has_ds64: bool, size: int
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
