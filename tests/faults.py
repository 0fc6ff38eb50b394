"""Faults of the file system, on purpose: the n-th operation below a folder fails, or the process is killed there.

    with faulty_files(folder) as operations:  # no fault: what a command does
        command()
    for number in range(1, len(operations) + 1):
        with faulty_files(folder, number, "error"):
            command()
        kill_at(folder, number, command)
        ...  # nothing is torn, and the same command without a fault finishes

Operations are those of Python's own files and of `os`, and those of the libraries in `WRITERS`, which write in C.
"""

import builtins
import errno
import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple
from unittest import mock

import soundfile

# "error": this operation alone fails, with EIO. "full": from this one on nothing can be written, with ENOSPC; renaming
# within a folder and removing still work. "kill": SIGKILL, so that nothing is cleaned up.
Effect = Literal["error", "full", "kill"]
# Functions that write a whole file in C, and which of their arguments is its path. Each call is one "write".
WRITERS = (("torch", "save", 1), ("safetensors.torch", "save_file", 1))


class Operation(NamedTuple):
    """What was done: "open", "write", "fsync", "rename", "mkdir" or "remove"; a rename has a target."""

    kind: str
    path: Path
    target: Path | None = None


@contextmanager
def faulty_files(folder: Path | str, number: int | None = None, effect: Effect = "error") -> Iterator[list[Operation]]:
    """Operations on files below a folder are counted, and one of them goes wrong.

    A write that goes wrong leaves half of its bytes in the file, as a disk does when it is full.

    Args:
        folder: Operations elsewhere are neither counted nor disturbed.
        number: Which operation goes wrong, from 1 on; None for none.
        effect: What happens there.

    Yields:
        The operations so far, with the one that went wrong.
    """
    watch = _Watch(Path(folder).resolve(), number, effect)
    with ExitStack() as patches:
        for target, name, function in watch.replacements():
            patches.enter_context(mock.patch.object(target, name, function))
        yield watch.operations


def kill_at(folder: Path | str, number: int, command: Callable[[], object]) -> None:
    """Runs a command in a child process that is killed at an operation (see `faulty_files`)."""
    child = os.fork()
    if child == 0:
        try:
            with faulty_files(folder, number, "kill"):
                command()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f"not killed: there is no number {number}"


def unsynced(operations: list[Operation]) -> list[Path]:
    """The files that got their names by a rename although their last bytes were not synced before."""
    unsafe, dirty = [], set()
    for kind, path, target in operations:
        if kind == "write":
            dirty.add(path)
        elif kind == "fsync":
            dirty.discard(path)
        elif kind == "rename" and target is not None and path in dirty:
            unsafe.append(target)
    return unsafe


class _Watch:
    """Counts operations, and makes one go wrong."""

    def __init__(self, folder: Path, number: int | None, effect: Effect):
        self.folder, self.number, self.effect = folder, number, effect
        self.operations: list[Operation] = []
        # Of files that were opened: device and inode to path, for what is done by descriptor.
        self.paths: dict[tuple[int, int], Path] = {}

    def inside(self, file: Any) -> Path | None:
        """The path of a file below the folder, given by name or descriptor."""
        if isinstance(file, int):
            found = os.fstat(file)
            return self.paths.get((found.st_dev, found.st_ino))
        if not isinstance(file, (str, bytes, os.PathLike)):
            return None
        path = Path(os.path.abspath(os.fsdecode(file)))
        path = path.parent.resolve() / path.name
        return path if self.folder in path.parents else None

    def opened(self, descriptor: int, path: Path) -> None:
        found = os.fstat(descriptor)
        self.paths[found.st_dev, found.st_ino] = path

    def operation(
        self, kind: str, path: Path, target: Path | None = None, writes: bool = True, torn: Callable = lambda: None
    ) -> None:
        """Counts an operation that is about to be done; calls `torn` and raises if it is the one that goes wrong."""
        self.operations.append(Operation(kind, path, target))
        if self.number is None:
            return
        if self.effect == "full":
            goes_wrong = len(self.operations) >= self.number and writes
        else:
            goes_wrong = len(self.operations) == self.number
        if not goes_wrong:
            return
        torn()
        if self.effect == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        code = errno.ENOSPC if self.effect == "full" else errno.EIO
        raise OSError(code, os.strerror(code), str(path))

    def replacements(self) -> Iterator[tuple[Any, str, Any]]:
        """What replaces which name of which module, while the context lasts."""
        python_open = self._python_open()
        yield from ((module, "open", python_open) for module in (builtins, io))
        yield os, "open", self._os_open()
        yield os, "write", self._os_write()
        for name in ("fsync", "fdatasync"):
            if hasattr(os, name):
                yield os, name, self._one_path("fsync", getattr(os, name))
        yield from ((os, name, self._rename(getattr(os, name))) for name in ("rename", "replace", "link"))
        yield os, "mkdir", self._one_path("mkdir", os.mkdir)
        yield from ((os, name, self._one_path("remove", getattr(os, name))) for name in ("remove", "unlink", "rmdir"))
        yield soundfile, "SoundFile", self._sound_file()
        for module_name, name, position in WRITERS:
            module = import_module(module_name)
            yield module, name, self._writer(getattr(module, name), position)

    def _python_open(self) -> Callable[..., Any]:
        real = builtins.open
        watch = self

        class Raw(io.FileIO):
            """What lies below the buffers."""

            path: Path

            def write(self, data: Any) -> int:
                data = bytes(data)
                half = super().write
                watch.operation("write", self.path, torn=lambda: half(data[: len(data) // 2]))
                return super().write(data)

        def faulty_open(
            file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None
        ):
            path = watch.inside(file)
            if path is None:
                return real(file, mode, buffering, encoding, errors, newline, closefd, opener)
            if not isinstance(file, int):
                watch.operation("open", path, writes=mode.strip("bt") != "r")
            raw = Raw(file, mode.replace("t", "").replace("b", ""), closefd, opener)
            raw.path = path
            watch.opened(raw.fileno(), path)
            if buffering == 0:
                return raw
            buffered = io.BufferedRandom if "+" in mode else io.BufferedReader if "r" in mode else io.BufferedWriter
            buffer: Any = buffered(raw)
            return buffer if "b" in mode else io.TextIOWrapper(buffer, encoding, errors, newline, buffering == 1)

        return faulty_open

    def _os_open(self) -> Callable[..., int]:
        real = os.open

        def faulty(path, flags, mode=0o777, *, dir_fd=None):
            found = None if dir_fd is not None else self.inside(path)
            if found is None:
                return real(path, flags, mode, dir_fd=dir_fd)
            self.operation("open", found, writes=bool(flags & os.O_CREAT))
            descriptor = real(path, flags, mode)
            self.opened(descriptor, found)
            return descriptor

        return faulty

    def _os_write(self) -> Callable[..., int]:
        real = os.write

        def faulty(descriptor, data):
            if (path := self.inside(descriptor)) is not None:
                self.operation("write", path, torn=lambda: real(descriptor, bytes(data)[: len(data) // 2]))
            return real(descriptor, data)

        return faulty

    def _one_path(self, kind: str, real: Callable) -> Callable:
        def faulty(file, *arguments, **options):
            if options.get("dir_fd") is None and (path := self.inside(_descriptor(file))) is not None:
                self.operation(kind, path, writes=kind != "remove")
            return real(file, *arguments, **options)

        return faulty

    def _rename(self, real: Callable) -> Callable:
        def faulty(source, target, **options):
            if (path := self.inside(source)) is not None:
                self.operation("rename", path, self.inside(target), writes=False)
            return real(source, target, **options)

        return faulty

    def _sound_file(self) -> type:
        watch = self

        class SoundFile(soundfile.SoundFile):
            def __init__(self, file, mode="r", *arguments, **options):
                self.path = watch.inside(file)
                if self.path is not None:
                    watch.sound_file_operation("open", self.path, mode != "r")
                super().__init__(file, mode, *arguments, **options)

            def write(self, data):
                if self.path is not None:
                    half = super().write
                    torn = lambda: (half(data[: len(data) // 2]), self.flush())  # noqa: E731
                    watch.sound_file_operation("write", self.path, torn=torn)
                super().write(data)

        return SoundFile

    def sound_file_operation(self, kind: str, path: Path, writes: bool = True, torn: Callable = lambda: None) -> None:
        try:
            self.operation(kind, path, None, writes, torn)
        except OSError as error:
            # Its code for an error of the system.
            raise soundfile.LibsndfileError(2) from error

    def _writer(self, real: Callable, position: int) -> Callable:
        def faulty(*arguments, **options):
            path = self.inside(arguments[position]) if len(arguments) > position else None

            def torn():
                real(*arguments, **options)
                os.truncate(path, os.path.getsize(path) // 2)

            if path is not None:
                self.operation("write", path, torn=torn)
            return real(*arguments, **options)

        return faulty


def _descriptor(file: Any) -> Any:
    """The descriptor of an open file, as `os.fsync` takes one; names as they are."""
    return file.fileno() if hasattr(file, "fileno") else file
