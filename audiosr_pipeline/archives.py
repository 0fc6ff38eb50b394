"""Whether files of `torch.save`, which are zip archives, are whole."""

import errno
import zipfile
from pathlib import Path


def archive_damage(path: Path | str) -> str | None:
    """What is wrong with a zip archive by the checksums in it; None if nothing is.

    Raises:
        OSError: If it can't be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
        return f"the checksum of {broken} is wrong" if broken else None
    except Exception as error:
        # A wrong place in the file, which the archive names, can be one that no file has.
        if isinstance(error, OSError) and error.errno not in (errno.EINVAL, errno.EOVERFLOW):
            raise
        return str(error) or type(error).__name__
