"""What demo pages show of other systems: their input, their outputs and the truth, as files.

Of three folders of development data: `paper_demo` (AudioSR's page), `vctk_demo` (the pages of NU-Wave, NU-Wave 2,
AP-BWE, AERO and VoiceFixer) and `musdb_demo` (AERO's). Each has a `groups.csv` (columns group, kind, role and file).

Not all of it can be compared. `LEFT_OUT` says what can't and why; whatever it names is no entry and no output. Shifts
are by cross-correlation with the truth, levels by least squares below the cutoff. Levels that differ from the truth's
by up to 1 dB are in, and so are outputs that end up to 0.12 s early, to be compared as far as they go. VoiceFixer's
page and AERO's music are at 44.1 kHz: nothing there is above 22.05 kHz, in the truth neither.

Of the pages' music half is left out for what the systems were given. So the true recordings of all of it are there a
second time, low-passed here: `MUSIC_DATA`.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from benchmarks.data.entries import CUTOFF_FREQS as RECORDINGS_CUTOFF_FREQS
from benchmarks.data.entries import Entry, lowpassed
from benchmarks.data.recordings import IncompleteDataError

# Frequency in Hz above which a group's systems had to make anew, by the first pattern that its name matches.
CUTOFF_FREQS = {
    r"vis_": 4_000,
    r"nuwave_\w+_x2_": 12_000,
    r"nuwave_\w+_x3_": 8_000,
    r"nuwave2_8k_": 4_000,
    r"nuwave2_12k_": 6_000,
    r"nuwave2_16k_": 8_000,
    r"nuwave2_24k_": 12_000,
    r"apbwe_12kto48k": 6_000,
    r"apbwe_24kto48k": 12_000,
    r"aero_p": 6_000,
    r"aero_": 5_512,
    r"voicefixer_\w+_4k_": 2_000,
    r"voicefixer_\w+_8k_": 4_000,
    r"voicefixer_\w+_24k_": 12_000,
}
# What a page's groups begin with, and its name as data: systems of one page have the same clips, those of two don't.
PAGES = {
    "vis": "audiosr-page",
    "nuwave": "nu-wave-page",
    "nuwave2": "nu-wave-2-page",
    "apbwe": "ap-bwe-page",
    "aero": "aero-page",
    "voicefixer": "voicefixer-page",
}
MUSIC_DATA = "page-music"
# Patterns of group and role.
LEFT_OUT = {
    (r"gen_|nuwave2_lj_", r".*"): "there is no true recording",
    (r"apbwe_ablation", r".*"): "the page has no input of it",
    (r"vis_speech_1", r".*"): (
        "the systems weren't given the same: the input is coherent with the truth up to 7.5 kHz, AudioSR's output up "
        "to 3.7 kHz, NVSR's up to 2.2 kHz"
    ),
    (r"vis_music_", r".*"): (
        "the input is 2.4 and 3.0 dB louder than the truth, AudioSR's is 2.0 dB quieter and 1.8 dB louder"
    ),
    (r"voicefixer_\w+_4k_", r".*"): "the input is 3.3 dB louder than the truth",
    (r"voicefixer_", r"voicefixer"): "about 6 dB quieter than the truth, and up to 299 samples off",
    (r"voicefixer_", r"nuwave"): "one or two samples early",
    (r"nuwave_", r"linear|input_lowrate"): "up to a sample late",
    (r"aero_p", r"nuwave2"): "4 to 16 dB louder than the truth",
    (r"aero_", r"behmgan"): "a sample late in one of two groups",
}
INPUT_ROLES = ("input", "input_lowrate")


def reason_left_out(group: str, role: str) -> str | None:
    """Why a file of a demo page isn't compared, or None."""
    for (groups, roles), reason in LEFT_OUT.items():
        if re.match(groups, group) and re.fullmatch(roles, role):
            return reason
    return None


def demo(folder: Path | str, lowpass_name: str = "paper") -> Iterator[Entry]:
    """The groups of a folder that can be compared, with the outputs that can; then its true recordings of music.

    The input is the page's. Where that is left out (NU-Wave's), and for music, it is the truth, low-passed.

    Args:
        folder: With `groups.csv`, whose files lie below the folder's folder's folder.
        lowpass_name: Of `LOWPASSES`, where the page's input isn't used.

    Raises:
        FileNotFoundError: If there is no `groups.csv`.
        IncompleteDataError: If a file that it names is missing.
    """
    root = Path(folder).resolve().parents[1]
    groups: dict[str, dict[str, Path]] = defaultdict(dict)
    kinds, music = {}, []
    for row in _rows(folder):
        kinds[row["group"]] = row["kind"]
        if (row["kind"], row["role"]) == ("music", "gt"):
            music.append((row["group"], root / row["file"]))
        if reason_left_out(row["group"], row["role"]) is None:
            groups[row["group"]][row["role"]] = root / row["file"]
    compared = [path for roles in groups.values() for path in roles.values()]
    missing = [path for path in dict.fromkeys([*compared, *(path for _, path in music)]) if not path.is_file()]
    if missing:
        raise IncompleteDataError(
            f"{Path(folder, 'groups.csv')} names {len(missing)} files that are missing, the first {missing[0]}."
        )
    recordings = lowpassed(MUSIC_DATA, "music", music, RECORDINGS_CUTOFF_FREQS, lowpass_name)
    return chain(_entries(groups, kinds, lowpass_name), recordings)


def left_out(folder: Path | str) -> Iterator[tuple[str, str, str]]:
    """Group, role and reason of each file of a folder that isn't compared.

    Raises:
        FileNotFoundError: If there is no `groups.csv`.
    """
    for row in _rows(folder):
        if reason := reason_left_out(row["group"], row["role"]):
            yield row["group"], row["role"], reason


def _rows(folder: Path | str) -> list[dict[str, str]]:
    table = Path(folder, "groups.csv")
    if not table.is_file():
        raise FileNotFoundError(
            f"{table} doesn't exist: a demo page's folder has one, with the columns group, kind, role and file."
        )
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _entries(groups: dict[str, dict[str, Path]], kinds: dict[str, str], lowpass_name: str) -> Iterator[Entry]:
    for group, roles in groups.items():
        page_input = next((roles[role] for role in INPUT_ROLES if role in roles), None)
        cutoff_freq = _cutoff_freq(group)
        yield Entry(
            data=PAGES[group.partition("_")[0]],
            clip=group,
            kind=kinds[group],
            cutoff_freq=cutoff_freq,
            reference=roles["gt"],
            made_with="page" if page_input else lowpass_name,
            input=page_input,
            outputs={role: path for role, path in roles.items() if role not in ("gt", *INPUT_ROLES)},
        )


def _cutoff_freq(group: str) -> int:
    for pattern, cutoff_freq in CUTOFF_FREQS.items():
        if re.match(pattern, group):
            return cutoff_freq
    raise IncompleteDataError(f"the group {group} is of no page whose cutoff is known: add it to CUTOFF_FREQS.")
