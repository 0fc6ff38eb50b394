"""Where the samples of AU and NIST SPHERE files lie, which have one header and no chunks: see `chunks`."""

import re
import struct

from audiosr_pipeline.audio_io.chunks import SMALLEST_BLOCK, Samples
from audiosr_pipeline.audio_io.signatures import FOLLOWED, MOST_PADDING, after_zeros, begins_at, contains, read_at
from audiosr_pipeline.audio_io.window import Window

AU = {b".snd": ">", b"dns.": "<"}
NIST = b"NIST_1A\n"
NIST_FIELD = re.compile(rb"^(sample_count|channel_count|sample_n_bytes)\s+-i\s+(\d+)", re.MULTILINE)


def has_header(head: bytes) -> bool:
    """Whether a file is of one of these kinds by its first bytes."""
    return head[:4] in AU or head.startswith(NIST)


def find_header_samples(file: Window, size: int) -> Samples:
    """What is known of the samples of a file of one of these kinds.

    Args:
        file: The file.
        size: Its length in bytes.
    """
    head = read_at(file, 0, 1024)
    if head.startswith(NIST):
        return _find_samples(file, size, head[:8], *_nist(head), {})
    order = AU[head[:4]]
    start, length = struct.unpack(f"{order}II", head[4:12].ljust(8, b"\0"))
    # From a pipe it has the length that stands for none, or about the most that there can be.
    is_unknown = length == 0 or length >= 0xFFFF_0000 or 0x7FFF_0000 <= length <= 0x8000_0000
    return _find_samples(file, size, head[:12], start, None if is_unknown else length, {8: b"\xff" * 4})


def _find_samples(
    file: Window, size: int, mark: bytes, start: int, promised: int | None, to_end: dict[int, bytes]
) -> Samples:
    """See `find_header_samples`.

    Args:
        file: The file.
        size: Its length in bytes.
        mark: What a second file of its kind would begin with.
        start: Where the samples begin.
        promised: Their length in bytes, None if it isn't known.
        to_end: What the header should be if they go on to the end of the file.
    """
    available = max(0, size - start)
    if promised is None:
        return Samples(None, available, to_end, problem=FOLLOWED if contains(file, [mark], 1) else "")
    if promised >= available:
        return Samples(promised, available)
    end = start + promised
    rest = read_at(file, end, MOST_PADDING + 1)
    if begins_at(file, end) or begins_at(file, after_zeros(file, end)):
        return Samples(promised, promised, problem=FOLLOWED)
    is_padding = len(rest) <= MOST_PADDING and not rest.strip(b"\0")
    if is_padding or len(rest) < SMALLEST_BLOCK or rest.startswith((b"TAG", b"ID3", b"APETAGEX")):
        return Samples(promised, promised, end=end)
    return Samples(None, available, to_end, said_bytes=promised)


def _nist(head: bytes) -> tuple[int, int | None]:
    """Where the samples begin, and their length in bytes; None if the header doesn't say it, or they are compressed."""
    first = head[len(NIST) :].split(b"\n", 1)[0].strip()
    start = int(first) if first.isdigit() else 1024
    fields = {name: int(number) for name, number in NIST_FIELD.findall(head)}
    if b"sample_count" not in fields or b"shorten" in head:
        return start, None
    return start, fields[b"sample_count"] * fields.get(b"channel_count", 1) * fields.get(b"sample_n_bytes", 2)
