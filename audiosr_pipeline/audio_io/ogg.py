"""The links of an Ogg file: streams one after the other, as joining files or a radio station makes them (RFC 3533)."""

import struct
import zlib
from dataclasses import dataclass, field

from audiosr_pipeline.audio_io.window import Window

CODECS = {
    b"\x01vorbis": "VORBIS",
    b"OpusHead": "OPUS",
    b"\x7fFLAC": "FLAC",
    b"Speex   ": "SPEEX",
}
FIRST, LAST = 0x02, 0x04
HEADER_BYTES = 27
NO_POSITION = 2**64 - 1
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass
class Link:
    """Bytes of the file that are an Ogg file by themselves.

    Attributes:
        start: Its first byte.
        end: The byte after its last.
        codecs: What its streams are, "" for those that aren't known here.
        is_ended: Whether each of its streams has an end mark.
        position: The largest position that a page says its end has, in the first stream's own units.
        sound_position: That of the last page before one that is damaged or missing; None if none is.
        skipped: Samples of delay at its start, which positions count (Opus).
    """

    start: int
    end: int
    codecs: list[str] = field(default_factory=list)
    is_ended: bool = False
    position: int = 0
    sound_position: int | None = None
    skipped: int = 0

    def add(self, position: int, is_sound: bool) -> None:
        """Takes in that a page of sound ends at a position."""
        if not is_sound and self.sound_position is None:
            self.sound_position = self.position
        self.position = max(self.position, position)


def find_links(file: Window, size: int) -> list[Link]:
    """The links of an Ogg file, in order; bytes that belong to no page are passed over."""
    links: list[Link] = []
    open_streams: set[bytes] = set()
    numbers: dict[bytes, int] = {}
    first_stream = b""
    in_header, position = False, 0
    while (position := _next_page(file, position, size)) < size:
        file.seek(position)
        header = file.read(HEADER_BYTES)
        flags, stream, num_segments = header[5], header[14:18], header[26]
        ends_at, number = struct.unpack("<Q", header[6:14])[0], struct.unpack("<I", header[18:22])[0]
        lacing = file.read(num_segments)
        end = position + HEADER_BYTES + num_segments + sum(lacing)
        if len(lacing) < num_segments or end > size:
            # Cut within a page, or the page's header is damaged.
            if links:
                links[-1].is_ended = False
            if _next_page(file, position + 4, size) == size:
                break
            position += 4
            continue
        body = file.read(sum(lacing))
        if not _is_sound(header, lacing, body):
            # What it says of itself may be wrong too.
            if links:
                links[-1].add(0, is_sound=False)
                links[-1].end = end
            numbers.clear()
            position += 4
            continue
        if flags & FIRST:
            if not in_header:
                links.append(Link(position, end))
                open_streams, numbers, first_stream = set(), {}, stream
            links[-1].codecs.append(next((CODECS[magic] for magic in CODECS if body.startswith(magic)), ""))
            if body.startswith(b"OpusHead") and stream == first_stream:
                (links[-1].skipped,) = struct.unpack("<H", body[10:12])
            open_streams.add(stream)
        in_header = bool(flags & FIRST)
        if links:
            if stream == first_stream and ends_at != NO_POSITION:
                # A stream that was recorded from a station has its header, and then pages from where it was.
                follows = links[-1].position == 0 or numbers.get(stream) in (None, number - 1)
                links[-1].add(ends_at, is_sound=follows)
            numbers[stream] = number
            if flags & LAST:
                open_streams.discard(stream)
            links[-1].end, links[-1].is_ended = end, not open_streams
        position = end
    return links


def _is_sound(header: bytes, lacing: bytes, body: bytes) -> bool:
    """Whether a page has the check sum that it says: zlib's, of mirrored bits, and begun at zero."""
    page = header[:22] + bytes(4) + header[26:] + lacing + body
    mirrored = zlib.crc32(page.translate(MIRRORED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{mirrored:032b}"[::-1], 2) == struct.unpack("<I", header[22:26])[0]


def _next_page(file: Window, position: int, size: int) -> int:
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
