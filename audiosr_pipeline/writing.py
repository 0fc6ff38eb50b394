"""Files and folders that appear whole or not at all."""

import errno
import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# What `written_whole` writes, with the process that does.
PART = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)\.part", re.DOTALL)


@contextmanager
def written_whole(path: Path | str) -> Iterator[Path]:
    """Gives a temporary path beside `path`, for a file or a folder that takes its place when the block succeeds.

    It is on the disk before it gets its name, so that a crash of the machine leaves it whole or not there. When the
    block fails, or the renaming does, what was at `path` before is kept; so it is when the new name can't be brought to
    the disk and there was nothing of that name. A process that is killed while it replaces a
    folder may leave the former one set aside: `restore_folder` puts it back.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    _clear(temporary)
    is_new = not path.exists() or (path.is_dir() and not any(path.iterdir()))
    try:
        yield temporary
        sync(temporary)
        if temporary.is_dir() and path.is_dir():
            _replace_folder(temporary, path)
        else:
            os.replace(temporary, path)
        try:
            _sync_folder(path.parent)
        except OSError:
            if is_new:
                with suppress(OSError):
                    os.rename(path, temporary)
            raise
    finally:
        _clear(temporary)


@contextmanager
def new_folder(output: Path | str) -> Iterator[Path]:
    """Gives a temporary folder, which becomes `output` when the block succeeds (see `written_whole`).

    What killed processes have left of it is removed.

    Raises:
        FileExistsError: If `output` is there and is not an empty folder.
    """
    folder = Path(output).resolve()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise FileExistsError(f"{output} is there and is not an empty folder: name a new one, or remove it first.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    clear_left_parts(folder.parent, [folder.name])
    with written_whole(folder) as temporary:
        temporary.mkdir()
        yield temporary


def restore_folder(path: Path | str) -> None:
    """Puts back the folder that `written_whole` had set aside when its process was killed; else does nothing."""
    path = Path(path)
    aside = _aside(path)
    if aside.exists() and not path.exists():
        aside.rename(path)
    _clear(aside)


def clear_left_parts(folder: Path | str, names: Collection[str]) -> None:
    """Removes what killed processes have left of files and folders of these names in a folder: see `is_left_part`."""
    for path in list(Path(folder).iterdir()):
        if is_left_part(path, names):
            _clear(path)


def is_left_part(path: Path, names: Collection[str]) -> bool:
    """Whether a path is a part, for one of these names, of a process that doesn't run here any more."""
    part = PART.fullmatch(path.name)
    return part is not None and part["name"] in names and not _is_running(int(part["process"]))


def _is_running(process: int) -> bool:
    if os.name == "nt":  # There the question would end it.
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def sync(path: Path) -> None:
    """Waits until a file, or a folder with all that is in it, is on the disk."""
    if path.is_dir():
        for child in path.iterdir():
            sync(child)
        _sync_folder(path)
    else:
        # Windows wants to be able to write.
        _sync_descriptor(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)


def _sync_folder(folder: Path) -> None:
    """Waits until the names in a folder are on the disk."""
    # Windows opens no folders.
    if os.name == "nt":
        return
    try:
        _sync_descriptor(folder, os.O_RDONLY)
    except OSError as error:
        # Some network file systems can't sync folders, and keep their order by themselves.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def _sync_descriptor(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace_folder(new: Path, path: Path) -> None:
    """Renames a folder to one that is there, which systems do in one step only if that is empty, or not at all."""
    restore_folder(path)
    aside = _aside(path)
    path.rename(aside)
    try:
        new.rename(path)
    except OSError:
        aside.rename(path)
        raise
    _clear(aside)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.former")


def _clear(path: Path) -> None:
    """Removes a file or folder that is of no more use. What can't be removed stays: that is no reason to fail."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
