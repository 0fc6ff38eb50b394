"""The links of an Ogg file: streams one after the other, as joining files or a radio station makes them (RFC 3533)."""

import struct
from dataclasses import dataclass, field
from typing import BinaryIO

CODECS = {
    b"\x01vorbis": "VORBIS",
    b"OpusHead": "OPUS",
    b"\x7fFLAC": "FLAC",
    b"Speex   ": "SPEEX",
}
FIRST, LAST = 0x02, 0x04
HEADER_BYTES = 27


@dataclass
class Link:
    """Bytes of the file that are an Ogg file by themselves.

    Attributes:
        start: Its first byte.
        end: The byte after its last.
        codecs: What its streams are, "" for those that aren't known here.
        is_ended: Whether each of its streams has an end mark.
    """

    start: int
    end: int
    codecs: list[str] = field(default_factory=list)
    is_ended: bool = False


def find_links(file: BinaryIO, size: int) -> list[Link]:
    """The links of an Ogg file, in order; bytes that belong to no page are passed over."""
    links: list[Link] = []
    open_streams: set[int] = set()
    in_header, position = False, 0
    while (position := _next_page(file, position, size)) < size:
        file.seek(position)
        header = file.read(HEADER_BYTES)
        flags, serial, num_segments = header[5], header[14:18], header[26]
        lacing = file.read(num_segments)
        end = position + HEADER_BYTES + num_segments + sum(lacing)
        if len(lacing) < num_segments or end > size:
            # Cut within a page.
            if links:
                links[-1].is_ended = False
            break
        (stream,) = struct.unpack("<I", serial)
        if flags & FIRST:
            if not in_header:
                links.append(Link(position, end))
                open_streams = set()
            first_packet = file.read(8)
            links[-1].codecs.append(next((CODECS[magic] for magic in CODECS if first_packet.startswith(magic)), ""))
            open_streams.add(stream)
        in_header = bool(flags & FIRST)
        if links:
            if flags & LAST:
                open_streams.discard(stream)
            links[-1].end, links[-1].is_ended = end, not open_streams
        position = end
    return links


def _next_page(file: BinaryIO, position: int, size: int) -> int:
    """Where the next page begins, `size` if there is none."""
    while position + HEADER_BYTES <= size:
        file.seek(position)
        block = file.read(2**16)
        if block.startswith(b"OggS"):
            return position
        found = block.find(b"OggS")
        if found >= 0:
            return position + found
        # The mark may lie across two blocks.
        position += max(1, len(block) - 3)
    return size
