"""What several commands are given."""

import argparse
import glob
import math
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from audiosr_pipeline.audio_io import audio_files, listed, passed_over, real_path

INPUTS = (
    "audio files, folders (with their subfolders), patterns like *.wav; - is stdin; ./-a.wav is a file whose name "
    "begins with a dash"
)
DEVICE = '"cpu", "cuda", "cuda:1", "mps"; default: cuda if there is one, else cpu'
# How the program's own streams are named; a file can be given as ./-.
STREAM = "-"
STDIN, STDOUT = Path("/dev/stdin"), Path("/dev/stdout")


class UsageError(Exception):
    """A command line that can't be carried out, in one line."""


def number(kind: Callable[[str], float], lowest: float, highest: float = math.inf) -> Callable[[str], float]:
    """An argparse type: a finite number within bounds."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (lowest <= value <= highest and math.isfinite(value)):
            bounds = f"from {lowest} on" if highest == math.inf else f"from {lowest} to {highest}"
            raise argparse.ArgumentTypeError(f"{text} is not a {'whole ' if kind is int else ''}number {bounds}")
        return value

    return parse


def device(text: str) -> str:
    """An argparse type: a device that torch can use here."""
    here = ["cpu"]
    if torch.cuda.is_available():
        here += ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        here.append("mps")
    if text not in here:
        known = text == "mps" or re.fullmatch(r"cuda(:\d+)?", text)
        raise argparse.ArgumentTypeError(
            f"{text} is {'not there' if known else 'no device'}; accepted are cpu, cuda, cuda:1 and the like, and mps, "
            f"of which there are here: {', '.join(here)}"
        )
    return text


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
