"""The recordings of the paper's Table 1 as their owners distribute them, and half of ESC-10's fold 5.

Each loader checks that all is there. Where the list of files is public, it is pinned by its digest; ESC-50's is pinned
by the rule that makes it and its counts, and of AudioStock's 100 clips no list was published.
"""

import csv
import hashlib
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from audiosr_pipeline.evaluate import named_files
from benchmarks.data.entries import CUTOFF_FREQS, SPEECH_CUTOFF_FREQS, Entry, lowpassed

ESC50_FOLD = "5"
ESC50_CLASSES, ESC50_CLIPS_OF_A_CLASS = 50, 8
ESC50_SOURCE = "https://github.com/karolpiczak/ESC-50: the folder with audio/*.wav and meta/esc50.csv"
# The speakers that ssr_eval tests on, and how many recordings of each its published result (of 28 March 2022) names.
VCTK_SPEAKERS = {"p360": 424, "p361": 424, "p362": 123, "p363": 419, "p364": 301, "p374": 424, "p376": 424, "s5": 398}
# Of the sorted names of these 2937 files, `p360_001_mic1` and on, joined by line feeds.
VCTK_DIGEST = "4700afcb8443dc22c59fa169e8282f6a301118678231dd41e88d8c3c6d264a31"
VCTK_SOURCE = (
    "https://datashare.ed.ac.uk/handle/10283/3443 (VCTK 0.92: the folder wav48_silence_trimmed), or "
    "https://zenodo.org/record/6370601 (vctk_test_48k.tar: the test speakers alone)"
)
NUM_ESC10_CLIPS = 40
ESC10_SOURCE = (
    "https://github.com/karolpiczak/ESC-10 (half of its fold 5, without what shares a recording with training)"
)
NUM_MUSIC_CLIPS = 100
MUSIC_SOURCE = (
    "100 pieces of ten genres that the paper's authors chose by hand from https://audiostock.net; which they are was "
    "not published, so take any folder of music, and name it with your results"
)

logger = logging.getLogger(__name__)


class IncompleteDataError(ValueError):
    """Data that isn't all there; the message says what is missing and where to get it."""


def esc50_fold5(folder: Path | str, lowpass_name: str = "paper") -> Iterator[Entry]:
    """The 400 sound effects of ESC-50's fold 5: eight of each of 50 classes.

    Pinned by the rule that the fold is 5 in `meta/esc50.csv`, and that each class has eight such files.

    Args:
        folder: The repository's folder, with `audio/` and `meta/`.
        lowpass_name: Of `LOWPASSES`.

    Raises:
        FileNotFoundError: If there is no such folder or table.
        IncompleteDataError: If it isn't all there.
    """
    table = Path(folder, "meta", "esc50.csv")
    if not table.is_file():
        raise FileNotFoundError(f"{table} doesn't exist. ESC-50 comes from {ESC50_SOURCE}.")
    with table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["fold"] == ESC50_FOLD]
    counts = Counter(row["category"] for row in rows)
    if len(counts) != ESC50_CLASSES or set(counts.values()) != {ESC50_CLIPS_OF_A_CLASS}:
        raise IncompleteDataError(
            f"{table} names {len(rows)} clips of {len(counts)} classes in fold 5; it has to be "
            f"{ESC50_CLIPS_OF_A_CLASS} of each of {ESC50_CLASSES}. ESC-50 comes from {ESC50_SOURCE}."
        )
    paths = [Path(folder, "audio", row["filename"]) for row in rows]
    _check_present(paths, "ESC-50", ESC50_SOURCE)
    return lowpassed("esc50", "effects", ((path.stem, path) for path in sorted(paths)), CUTOFF_FREQS, lowpass_name)


def vctk_test(folder: Path | str, lowpass_name: str = "paper") -> Iterator[Entry]:
    """The 2937 recordings (first microphone) of the eight VCTK speakers that ssr_eval tests on.

    Args:
        folder: One that holds the speakers' folders, or `wav48_silence_trimmed` with them.
        lowpass_name: Of `LOWPASSES`.

    Raises:
        FileNotFoundError: If no speaker's folder is there.
        IncompleteDataError: If it isn't all there.
    """
    root = Path(folder, "wav48_silence_trimmed")
    root = root if root.is_dir() else Path(folder)
    if not any((root / speaker).is_dir() for speaker in VCTK_SPEAKERS):
        raise FileNotFoundError(
            f"{root} has none of the folders {', '.join(VCTK_SPEAKERS)}. VCTK comes from {VCTK_SOURCE}."
        )
    found = {speaker: sorted((root / speaker).glob(f"{speaker}_*_mic1.*")) for speaker in VCTK_SPEAKERS}
    lacking = [
        f"{speaker} has {len(found[speaker])} of {wanted}"
        for speaker, wanted in VCTK_SPEAKERS.items()
        if len(found[speaker]) != wanted
    ]
    if lacking:
        raise IncompleteDataError(f"{root}: {', '.join(lacking)} recordings. VCTK comes from {VCTK_SOURCE}.")
    files = [(path.stem, path) for paths in found.values() for path in paths]
    if list_digest([clip for clip, _ in files]) != VCTK_DIGEST:
        raise IncompleteDataError(
            f"{root} has as many recordings as ssr_eval's test, but of other names. VCTK comes from {VCTK_SOURCE}."
        )
    return lowpassed("vctk", "speech", files, SPEECH_CUTOFF_FREQS, lowpass_name)


def music(folder: Path | str, lowpass_name: str = "paper") -> Iterator[Entry]:
    """All audio files of a folder, in place of the paper's 100 clips of AudioStock; a warning says if they aren't 100.

    Args:
        folder: Searched with its subfolders.
        lowpass_name: Of `LOWPASSES`.

    Raises:
        FileNotFoundError: If there is no such folder.
        IncompleteDataError: If no audio is in it.
    """
    files = _clips(folder, MUSIC_SOURCE)
    if len(files) != NUM_MUSIC_CLIPS:
        logger.warning("%s has %d clips, where the paper has %s", folder, len(files), MUSIC_SOURCE)
    return lowpassed("music", "music", files, CUTOFF_FREQS, lowpass_name)


def esc10_fold5(folder: Path | str, lowpass_name: str = "paper") -> Iterator[Entry]:
    """The 40 clips of ESC-10's fold 5 of which `audiosr-mini` heard nothing in its training.

    Args:
        folder: With the 40 files, `CLASS__5-*.ogg`.
        lowpass_name: Of `LOWPASSES`.

    Raises:
        FileNotFoundError: If there is no such folder.
        IncompleteDataError: If other clips are in it, or not as many.
    """
    files = _clips(folder, ESC10_SOURCE)
    num_of_fold = sum("__5-" in clip for clip, _ in files)
    if not num_of_fold == len(files) == NUM_ESC10_CLIPS:
        raise IncompleteDataError(
            f"{folder} has {len(files)} clips, {num_of_fold} of them of fold 5 by their names; it has to be "
            f"{NUM_ESC10_CLIPS}, which come from {ESC10_SOURCE}."
        )
    return lowpassed("esc10", "effects", files, CUTOFF_FREQS, lowpass_name)


def list_digest(names: Sequence[str]) -> str:
    """SHA-256 of the sorted names, joined by line feeds: stored with results, it says what they were measured on."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()


def _clips(folder: Path | str, source: str) -> list[tuple[str, Path]]:
    """Names and paths of the audio files in a folder."""
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"{folder} is not a folder. Needed are {source}.")
    try:
        return list(named_files(folder).items())
    except ValueError as error:
        raise IncompleteDataError(f"{error} Needed are {source}.") from error


def _check_present(paths: Sequence[Path], name: str, source: str) -> None:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise IncompleteDataError(
            f"{len(missing)} of {len(paths)} files of {name} are missing, the first {missing[0]}. {name} comes from "
            f"{source}."
        )
