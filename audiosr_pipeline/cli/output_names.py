"""How outputs are called."""

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from audiosr_pipeline.audio_io import AUDIO_SUFFIXES, real_path
from audiosr_pipeline.cli.arguments import STDIN


def output_names(sources: Sequence[tuple[Path, Path]], suffix: str, out: Path) -> list[Path]:
    """The path of each output below OUT.

    That of its input, with the suffix of the output instead of the input's; if another audio file in the input's folder
    would have that name, after the input's: `a.wav` and `a.flac` become `a.wav.wav` and `a.flac.wav`. The other file
    counts whether or not it is an input, so that the names are the same for a folder and for its files one by one.

    Args:
        sources: The inputs, each with its path below the folder in which it was found.
        suffix: That of the outputs.
        out: The folder of the outputs. Where inputs lie in it too, the inputs alone are asked for the name.
    """
    named: dict[Path, set[str]] = defaultdict(set)
    for source, _ in sources:
        named[real_path(source.parent)].add(source.name)

    @cache
    def plain_names(folder: Path, target: Path) -> tuple[Counter[str], set[str]]:
        names = set(named[folder])
        if folder != target and folder != STDIN.parent:
            names |= {name for name in os.listdir(folder) if _is_audio(name) and not name.startswith(".")}
        return Counter(_plain(name, suffix) for name in names), {f"{name}{suffix}" for name in names if _is_audio(name)}

    results = []
    for source, relative in sources:
        plain = _plain(relative.name, suffix)
        try:
            plain_of_all, full_of_all = plain_names(real_path(source.parent), real_path((out / relative).parent))
        except OSError:  # There is no such folder: reading will say so.
            plain_of_all, full_of_all = Counter(), set()
        is_shared = plain_of_all[plain] > 1 or plain in full_of_all
        results.append(relative.with_name(f"{relative.name}{suffix}" if is_shared else plain))
    return results


def _is_audio(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES


def _plain(name: str, suffix: str) -> str:
    """A name with another suffix; what isn't the suffix of audio is part of the name ("take.1")."""
    return (os.path.splitext(name)[0] if _is_audio(name) else name) + suffix
