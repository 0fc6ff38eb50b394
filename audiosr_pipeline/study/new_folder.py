"""A folder that appears whole or not at all, and takes the place of nothing."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_folder(output: Path | str) -> Iterator[Path]:
    """Gives a temporary folder beside `output`, moved there when the block succeeds and removed when it doesn't.

    Raises:
        FileExistsError: If `output` is there and is not an empty folder.
    """
    folder = Path(output).resolve()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise FileExistsError(f"{output} is there and is not an empty folder: name a new one, or remove it first.")
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if folder.is_dir():
            # Not every system renames to a folder that is there.
            folder.rmdir()
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
