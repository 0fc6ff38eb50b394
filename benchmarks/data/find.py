"""Which data a folder holds, and its entries."""

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.data.demos import demo
from benchmarks.data.entries import LOWPASSES, Entry
from benchmarks.data.recordings import VCTK_SPEAKERS, esc10_fold5, esc50_fold5, music, vctk_test

LOADERS: dict[str, Callable[..., Iterator[Entry]]] = {
    "esc50": esc50_fold5,
    "vctk": vctk_test,
    "music": music,
    "esc10": esc10_fold5,
    "demo": demo,
}


def find_entries(source: str, lowpass_name: str = "paper") -> list[Entry]:
    """The entries of one data set.

    Args:
        source: `KIND=FOLDER` with a kind of `LOADERS`; or a folder alone that says itself what it is: ESC-50 by its
            table, a demo page by its groups, VCTK by its speakers, ESC-10 by its name. Music is never guessed.
        lowpass_name: Of `LOWPASSES`.

    Raises:
        ValueError: If it is none of these, or there is no such low-pass.
        As the loaders.
    """
    if lowpass_name not in LOWPASSES:
        raise ValueError(f"there is no low-pass {lowpass_name}, only {', '.join(LOWPASSES)}.")
    kind, separator, folder = source.partition("=")
    if not separator:
        kind, folder = _kind_of(Path(source)), source
    if kind not in LOADERS:
        raise ValueError(
            f"{source} is not known as data: write KIND=FOLDER, where KIND is one of {', '.join(LOADERS)}."
        )
    return list(LOADERS[kind](folder, lowpass_name))


def _kind_of(folder: Path) -> str:
    if (folder / "meta" / "esc50.csv").is_file():
        return "esc50"
    if (folder / "groups.csv").is_file():
        return "demo"
    roots = (folder, folder / "wav48_silence_trimmed")
    if any((root / speaker).is_dir() for root in roots for speaker in VCTK_SPEAKERS):
        return "vctk"
    return "esc10" if folder.name == "esc10_fold5" else ""
