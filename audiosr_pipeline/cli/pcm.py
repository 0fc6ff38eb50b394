"""Samples as they go through pipes: WAV headers of streams whose length isn't known, and bytes to numbers and back."""

import os
import select
import struct
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

import numpy as np

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
# As ffmpeg and sox write a length that isn't known yet.
UNKNOWN_LENGTH = 0xFFFFFFFF
# A header with more in front of its samples than this is none.
LONGEST_HEADER = 1 << 20
# For what comes behind the samples.
LONGEST_WAIT_S = 0.2


@dataclass(frozen=True)
class PCMFormat:
    """How samples are stored.

    Attributes:
        sampling_rate: In Hz.
        channels: How many, sample by sample beside each other.
        sample: "s16le", "s24le", "s32le" or "f32le", as ffmpeg calls them.
    """

    sampling_rate: int
    channels: int
    sample: str

    @property
    def num_bytes(self) -> int:
        """Of a sample of all channels."""
        return self.channels * int(self.sample[1:3]) // 8

    def decode(self, data: bytes) -> np.ndarray:
        """Samples `(channels, num_samples)`, float32 in [-1, 1], of bytes that hold a whole number of them."""
        if self.sample == "f32le":
            flat = np.frombuffer(data, "<f4")
        elif self.sample == "s24le":
            padded = np.zeros((len(data) // 3, 4), np.uint8)
            padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
            flat = padded.view("<i4")[:, 0] / np.float32(2**31)
        else:
            bits = int(self.sample[1:3])
            flat = np.frombuffer(data, f"<i{bits // 8}") / np.float32(2 ** (bits - 1))
        return flat.reshape(-1, self.channels).T.astype(np.float32)

    def encode(self, audio: np.ndarray) -> tuple[bytes, int]:
        """Bytes of samples `(channels, num_samples)`, and how many of them were beyond full scale and clipped."""
        flat = audio.T.ravel()
        if self.sample == "f32le":
            return flat.astype("<f4").tobytes(), 0
        bits = int(self.sample[1:3])
        largest = 2 ** (bits - 1) - 1
        rounded = np.rint(flat.astype(np.float64) * 2 ** (bits - 1))
        clipped = np.clip(rounded, -largest - 1, largest)
        num_clipped = int(np.count_nonzero(clipped != rounded))
        if bits == 24:
            narrowed = clipped.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3]
            return np.ascontiguousarray(narrowed).tobytes(), num_clipped
        return clipped.astype(f"<i{bits // 8}").tobytes(), num_clipped

    def at(self, sampling_rate: int) -> "PCMFormat":
        """The same at another rate."""
        return replace(self, sampling_rate=sampling_rate)


def read_wav_header(stream: BinaryIO) -> tuple[PCMFormat, int | None]:
    """The format of a WAV stream, which is left at its first sample, and how many bytes of samples it announces.

    Returns:
        The format, and the length of the data chunk; None if that is 0 or as large as programs write it that don't know
        it yet: the samples then go on to the stream's end.

    Raises:
        ValueError: If the stream isn't WAV, or its samples are of another format than `PCMFormat` has.
    """
    head = _exactly(stream, 12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        what = "nothing" if not head else f"bytes that begin with {head!r}"
        raise ValueError(
            f"stdin holds {what}, no WAV file. Pipe WAV, or give the format of bare samples: "
            "--raw s16le --sampling-rate 22050 --channels 1."
        )
    found, num_read = None, len(head)
    while num_read < LONGEST_HEADER:
        name, length = struct.unpack("<4sI", _exactly(stream, 8, whole=True))
        if name == b"data":
            if found is None:
                raise ValueError("stdin is a WAV file whose samples come before their format.")
            # espeak-ng and sox write 0x7fffffff and a little less.
            is_known = 0 < length < 0x7FFF0000
            return found, length if is_known else None
        if length > LONGEST_HEADER - num_read:
            break
        body = _exactly(stream, length + length % 2, whole=True)
        num_read += 8 + len(body)
        if name == b"fmt ":
            found = _parse_format(body)
    raise ValueError("stdin is a WAV file without samples in its first megabyte.")


def count_left(stream: BinaryIO) -> int:
    """How many bytes come behind a WAV file's samples and are neither in a chunk of other data nor zeros.

    Waits for none that aren't there, because whoever pipes may wait for the last sound first, and counts no more than
    a mebibyte.
    """
    rest = b""
    while len(rest) < LONGEST_HEADER and (part := _next(stream)):
        rest += part
    place = len(rest) - len(rest.lstrip(b"\0"))
    while (chunk := rest[place : place + 8])[:4].strip().isalnum() and chunk[:4] not in (b"RIFF", b"RF64", b"data"):
        length = int.from_bytes(chunk[4:], "little")
        place += 8 + length + length % 2
    return len(rest[place:].strip(b"\0"))


def _next(stream: BinaryIO) -> bytes:
    """What a stream holds now; nothing if that would have to be waited for."""
    read = partial(stream.read1, 1 << 16)  # type: ignore[attr-defined]
    try:
        descriptor = stream.fileno()
    except OSError:  # A stand-in.
        return read()
    if os.name == "nt":  # There pipes can't be asked.
        return b""
    select.select([descriptor], [], [], LONGEST_WAIT_S)
    was_blocking = os.get_blocking(descriptor)
    os.set_blocking(descriptor, False)
    try:
        return read() or b""
    finally:
        os.set_blocking(descriptor, was_blocking)


def wav_header(form: PCMFormat) -> bytes:
    """The header of a WAV stream whose length isn't known."""
    bits = int(form.sample[1:3])
    tag = FLOAT if form.sample == "f32le" else PCM
    rate, num_bytes = form.sampling_rate, form.num_bytes
    description = struct.pack("<HHIIHH", tag, form.channels, rate, rate * num_bytes, num_bytes, bits)
    chunk = b"fmt " + struct.pack("<I", len(description)) + description
    return b"RIFF" + struct.pack("<I", UNKNOWN_LENGTH) + b"WAVE" + chunk + b"data" + struct.pack("<I", UNKNOWN_LENGTH)


def _parse_format(body: bytes) -> PCMFormat:
    """The format chunk of a WAV file."""
    if len(body) < 16:
        raise ValueError(f"stdin is a WAV file whose format has {len(body)} bytes; 16 are the least.")
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
    if tag == EXTENSIBLE and len(body) >= 26:
        (tag,) = struct.unpack("<H", body[24:26])
    sample = {(PCM, 16): "s16le", (PCM, 24): "s24le", (PCM, 32): "s32le", (FLOAT, 32): "f32le"}.get((tag, bits))
    if sample is None:
        raise ValueError(
            f"stdin is WAV of format {tag} with {bits} bits; accepted are PCM of 16, 24 and 32 bits and 32-bit floats."
        )
    return PCMFormat(rate, channels, sample)


def _exactly(stream: BinaryIO, num_bytes: int, whole: bool = False) -> bytes:
    """The next bytes of a stream, fewer at its end; with `whole` that is an error."""
    parts = []
    missing = num_bytes
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    if missing and whole:
        raise ValueError("stdin ended within a WAV header.")
    return b"".join(parts)
