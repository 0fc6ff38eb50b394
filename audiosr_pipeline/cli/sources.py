"""The files that a command's inputs mean: files, folders and patterns."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from audiosr_pipeline.audio_io import audio_files, listed, passed_over, real_path
from audiosr_pipeline.cli.arguments import STDIN, STREAM, UsageError


def find_sources(
    inputs: Sequence[str], leave_out: Path | None = None
) -> tuple[list[tuple[Path, Path]], list[str], list[str]]:
    """Finds the files that are meant by files, folders and patterns.

    Args:
        inputs: As given by the user.
        leave_out: Folder whose files are not inputs, even if it lies in a folder that is.

    Returns:
        The files, `STDIN` for stdin, each with its path below the folder it was found in (its name if it was named
        itself), whether or not they exist and are audio; a line for each folder without audio files; and a line for
        each folder in which files were passed over, because they have other names, and for what is no file.

    Raises:
        UsageError: If an input is empty, as of a variable that isn't set.
    """
    sources, failures, notes = [], [], []
    for given in inputs:
        if not given:
            raise UsageError("an input is empty: name a file, or . for the current folder")
        if given in (STREAM, str(STDIN)):
            sources.append((STDIN, Path("stdin")))
            continue
        matches, odd = _matches(given)
        if odd:
            notes.append(f"{given}: passed over {listed([f'{path} (no file)' for path in odd])}")
        if not matches:
            failures.append(f"{given}: a pattern that matches no file")
        for path in matches:
            if not _is_folder(path):
                sources.append((path, Path(path.name)))
                continue
            files = audio_files(path)
            if not files:
                failures.append(f"{path}: a folder without audio files")
            if leave_out is not None and (out := real_path(leave_out)) not in real_path(path).parents:
                files = [file for file in files if out not in real_path(file).parents]
            sources += [(file, file.relative_to(path)) for file in files]
            notes += passed_over(path, leave_out)
    return sources, failures, notes


def _matches(given: str) -> tuple[list[Path], list[Path]]:
    """What is meant by a file, a folder or a pattern, and what matches a pattern but is neither file nor folder."""
    # A file may be called "take [2].wav": what exists is no pattern.
    if os.path.lexists(given) or not (found := sorted(glob.glob(given, recursive=True))):
        return [Path(given)], []
    # A pipe that nothing writes to would be waited for.
    odd = [path for path in map(Path, found) if path.exists() and not (path.is_file() or path.is_dir())]
    return [path for path in map(Path, found) if path not in odd], odd


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # Its name is too long: reading it will say so.
        return False
