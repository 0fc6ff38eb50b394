"""Where frames of MPEG audio stand, by their headers (ISO/IEC 11172-3 and 13818-3, section 2.4.1.3)."""

import os
import re

from audiosr_pipeline.audio_io.window import Window

SYNC = re.compile(rb"\xff[\xe2-\xff]")
# kb/s by the header's number, from 1 on: of MPEG 1 by layer, and of MPEG 2 and 2.5, of which layers II and III agree.
BIT_RATES = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
SAMPLING_RATES = (44_100, 48_000, 32_000)
BLOCK = 2**20
# And the header of the next.
TWO_FRAMES = 4_096


def frame_bytes(header: bytes) -> int | None:
    """The length of the frame that begins with these 4 bytes; None if none does, or one whose length isn't said."""
    if len(header) < 4 or SYNC.match(header) is None:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bit_rate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or bit_rate in (0, 15) or rate == 3:
        return None
    is_first = version == 3
    bits_per_s = 1_000 * BIT_RATES[is_first, layer][bit_rate - 1]
    sampling_rate = SAMPLING_RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    if layer == 1:
        return (12 * bits_per_s // sampling_rate + padding) * 4
    return (144 if is_first or layer == 2 else 72) * bits_per_s // sampling_rate + padding


def begins_frames(data: bytes) -> bool:
    """Whether bytes begin with a frame and a second of its kind right behind it."""
    length = frame_bytes(data[:4])
    following = data[length : length + 4] if length else b""
    # Alike are version, layer and sampling rate.
    return bool(frame_bytes(following)) and following[1] >> 1 == data[1] >> 1 and (following[2] ^ data[2]) & 0x0C == 0


def holds_frames(file: Window, start: int) -> bool:
    """Whether two frames stand anywhere from a position on: see `begins_frames`."""
    size = file.seek(0, os.SEEK_END)
    while start < size:
        file.seek(start)
        data = file.read(2 * BLOCK)
        for match in SYNC.finditer(data, 0, min(BLOCK, len(data))):
            if begins_frames(data[match.start() : match.start() + TWO_FRAMES]):
                return True
        start += BLOCK
    return False
