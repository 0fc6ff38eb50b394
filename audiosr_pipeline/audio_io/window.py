"""Part of a file, with other bytes in places, for a decoder to read as if it were the file."""

import os
from collections.abc import Mapping
from typing import BinaryIO


class Window:
    """A view of an open file as soundfile and PyAV read files.

    It has no name: neither decoder is to judge a file by that, nor to open others beside it.

    Args:
        file: The file, open for reading.
        start: First byte of the view.
        end: First byte after it.
        patches: Bytes to be read in place of the file's own, by their position in the file.
        prefix: Bytes to be read before the first one.
    """

    def __init__(
        self,
        file: "BinaryIO | Window",
        start: int,
        end: int,
        patches: Mapping[int, bytes] | None = None,
        prefix: bytes = b"",
    ):
        self._file, self._prefix = file, prefix
        # Where the view would begin in the file if the prefix stood in it.
        self._origin, self._end = start - len(prefix), end
        self._patches = patches or {}
        self._position = self._origin

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Goes to a byte of the view, not before its first one, and returns where it is."""
        base = {os.SEEK_SET: self._origin, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        # Damaged files make decoders seek to anywhere; their callbacks have no way to say that it failed.
        self._position = max(self._origin, base + offset)
        return self.tell()

    def tell(self) -> int:
        """The next byte to be read, counted from the view's first."""
        return self._position - self._origin

    def read(self, size: int = -1) -> bytes:
        """The next bytes, `size` of them at most; without it all that are left."""
        available = max(0, self._end - self._position)
        size = available if size < 0 else min(size, available)
        in_prefix = self._prefix[self.tell() :][:size]
        self._position += len(in_prefix)
        return in_prefix + self._read_file(size - len(in_prefix)) if size > len(in_prefix) else in_prefix

    def _read_file(self, size: int) -> bytes:
        self._file.seek(self._position)
        data = self._file.read(size)
        first, self._position = self._position, self._position + len(data)
        for position, patch in self._patches.items():
            if first < position + len(patch) and position < self._position:
                changed = bytearray(data)
                low, high = max(first, position), min(self._position, position + len(patch))
                changed[low - first : high - first] = patch[low - position : high - position]
                data = bytes(changed)
        return data

    def readinto(self, buffer: memoryview) -> int:
        """Fills a buffer with the next bytes, and returns how many there were."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
