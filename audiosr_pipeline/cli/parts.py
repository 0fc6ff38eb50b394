"""Files that appear whole and together: written in a hidden folder beside their names, then moved there.

A part folder is locked by the process that writes in it (`flock`), so that another run can tell one that is being
written, in whatever process and on whatever machine, from one that a killed process left behind.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from audiosr_pipeline.writing import is_left_part, sync

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PREFIX, SUFFIX = ".audiosr-pipeline-", ".part"
# Moving the files of one output takes milliseconds; a folder that is locked for longer is locked by someone else.
LONGEST_WAIT_S = 2.0


@contextmanager
def part_folder(parent: Path | None) -> Iterator[Path]:
    """Makes a hidden folder in `parent`, which is made too, and removes it with what is left in it.

    Args:
        parent: Where the files will stand; None for a folder among the system's temporary ones.
    """
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, suffix=SUFFIX, dir=parent))
        # Before it is locked, another run may take it for one that was left behind, and remove it.
        with suppress(BlockingIOError):
            lock = _lock(folder)
            if folder.exists():
                break
            _unlock(lock)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _unlock(lock)


def remove_left_parts(parent: Path, names: Collection[str]) -> None:
    """Removes what killed processes left in a folder.

    These are part folders that no process has locked, and parts of files of these names, of processes that don't run
    here any more. What can't be locked on this file system is left.
    """
    with suppress(OSError):
        for path in list(parent.iterdir()):
            if path.name.startswith(PREFIX) and path.name.endswith(SUFFIX):
                with suppress(BlockingIOError):
                    lock = _lock(path)
                    if lock is not None:
                        shutil.rmtree(path, ignore_errors=True)
                    _unlock(lock)
            elif path.is_file() and is_left_part(path, names):
                with suppress(OSError):
                    path.unlink()


def publish(parts: Mapping[Path, Path], output: Path, overwrite: bool, stale: Sequence[Path] = ()) -> bool:
    """Moves finished parts to their names, so that wherever the process is killed, the same command finishes.

    Args:
        parts: The name of each file and its part, in the order in which they are moved. What stands before `output`
            can be there without it.
        output: The file that tells that all is done.
        overwrite: Whether an output that is there may be replaced.
        stale: What is to be removed, because it is of a former output.

    Returns:
        False if nothing was moved, because another run has made the output meanwhile.
    """
    for part in parts.values():
        sync(part)
    with _moving_in(output.parent):
        names = list(parts)
        if output.exists():
            if not overwrite:
                return False
            # A report of the new output must not stand beside the old one, or the other way round.
            names.sort(key=lambda name: name != output)
            for name in names[1:]:
                name.unlink(missing_ok=True)
        for name in stale:
            name.unlink(missing_ok=True)
        for name in names:
            os.replace(parts[name], name)
    return True


@contextmanager
def _moving_in(folder: Path) -> Iterator[None]:
    """One process after the other; without a lock where there are none, or where the folder is locked for long."""
    lock = None
    end = time.monotonic() + LONGEST_WAIT_S
    while time.monotonic() < end:
        try:
            lock = _lock(folder.resolve())
            break
        except BlockingIOError:
            time.sleep(0.01)
    try:
        yield
    finally:
        _unlock(lock)


def _lock(folder: Path) -> int | None:
    """The descriptor of a folder that is locked as long as it is open; None if folders can't be locked here.

    Raises:
        BlockingIOError: If it is locked already.
    """
    if fcntl is None:
        return None
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise
        return None
    return descriptor


def _unlock(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)
