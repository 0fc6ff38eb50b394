"""What a study is made of: the manifest that rebuilds it, and the key to its blinded names."""

import hashlib
import json
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path, PureWindowsPath
from typing import Any

from audiosr_pipeline.csv_files import write_csv
from audiosr_pipeline.study.answers import ANSWERS, KEY_FIELDS, ROLES, Trial, shortened
from audiosr_pipeline.version import __version__

FORMAT = 1
# Names of generators and systems: they become those of folders.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
STUDY_HASH, STIMULUS, TRIAL = re.compile("[0-9a-f]{16}"), re.compile("[0-9a-f]{12}"), re.compile("[apqor][0-9]{3,9}")
# Which names the records of a manifest have.
NAMES: dict[str, dict[str, re.Pattern[str]]] = {
    "sets": {"generator": NAME},
    "items": {"generator": NAME},
    "skipped": {"generator": NAME},
    "stimuli": {"stimulus": STIMULUS, "generator": NAME, "system": NAME},
    "trials": {"name": TRIAL, "generator": NAME},
}
# What decides how a stimulus comes out.
PACKAGES = ("torch", "diffusers", "transformers", "numpy", "scipy", "soxr", "pyloudnorm", "soundfile")
# Of a stimulus, and of the item that it is a version of.
STIMULUS_COLUMNS = (
    "stimulus",
    "generator",
    "item",
    "role",
    "system",
    "sha256",
    "duration_s",
    "num_channels",
    "loudness_lufs",
    "true_peak_dbtp",
    "match_db",
    "gain_db",
)
ITEM_COLUMNS = (
    "prompt",
    "seed",
    "source",
    "source_sha256",
    "licence",
    "sampling_rate",
    "cutoff_freq",
    "bandwidth",
    "num_inference_steps",
    "model",
    "music_score",
    "notes",
)


def study_hash(stimuli: Iterable[Mapping[str, Any]], forms: Sequence[Any]) -> str:
    """16 hexadecimal digits that differ for studies with other audio or other forms."""
    content = [sorted((stimulus["stimulus"], stimulus["sha256"]) for stimulus in stimuli), forms]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def software() -> dict[str, str]:
    """The versions of all that decides how a stimulus comes out."""
    packages = {name: version(name) for name in PACKAGES}
    return {"audiosr-pipeline": __version__, "python": platform.python_version(), **packages}


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Writes `manifest.json`, and `manifest.csv` with a row per stimulus and one per item that was left out."""
    text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
    items = {(item["generator"], item["item"]): item for item in manifest["items"]}
    columns = ["study", *STIMULUS_COLUMNS, *ITEM_COLUMNS, "skipped"]
    rows = []
    for stimulus in manifest["stimuli"]:
        item = items[stimulus["generator"], stimulus["item"]]
        rows.append({**item, **stimulus, "notes": "; ".join(item["notes"]), "study": manifest["study"]})
    rows += [{**item, "study": manifest["study"], "skipped": item["reason"]} for item in manifest["skipped"]]
    write_csv(folder / "manifest.csv", [columns, *([row.get(column) for column in columns] for row in rows)])


def read_manifest(path: Path | str) -> dict[str, Any]:
    """Reads `manifest.json`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it isn't a study's manifest, or has a name that no study gives, such as one that leads out of a
            folder: names of files are made of them.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} is not a file; a study is rebuilt from its manifest.json.")
    try:
        manifest = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT or "study" not in manifest:
        raise ValueError(f'{path} is not the manifest.json of a study: it lacks "study" and "format": {FORMAT}.')
    try:
        _check_names(manifest)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not the manifest.json of a study: {type(error).__name__}: {error}.") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}.") from error
    return manifest


def _check_names(manifest: Mapping[str, Any]) -> None:
    """Raises a ValueError for a name that no study gives, and a KeyError, TypeError or AttributeError for no name."""
    _check(manifest["study"], "study", STUDY_HASH)
    for name, folder in manifest["systems"].items():
        _check(name, "system", NAME)
        if not isinstance(folder, str):
            raise ValueError(f"system {name} has the folder {folder!r}; accepted is a path")
    for part, fields in NAMES.items():
        for record in manifest[part]:
            for field, pattern in fields.items():
                _check(record[field], field, pattern)
            if "item" in record and not is_item(record["item"]):
                raise ValueError(f"item is {shortened(record['item'])}; accepted are paths below a folder")
    for trial in manifest["trials"]:
        for stimulus, system in trial["systems"].items():
            _check(stimulus, "stimulus", STIMULUS)
            _check(system, "system", NAME)
        if trial["question"] not in ANSWERS or trial["role"] not in ROLES:
            raise ValueError(f"trial {trial['name']} has an unknown question or role")
    for trial in (trial for form in manifest["forms"] for trial in form):
        _check(trial["a"], "stimulus", STIMULUS)
        _check(trial.get("b", trial["a"]), "stimulus", STIMULUS)


def _check(value: str, field: str, pattern: re.Pattern[str]) -> None:
    if not pattern.fullmatch(value):
        raise ValueError(f"{field} is {shortened(value)}; accepted is {pattern.pattern}")


def is_item(name: str) -> bool:
    """Whether a name is a path below a folder, on any system, that a manifest can hold."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    as_windows = PureWindowsPath(name)
    is_absolute = as_windows.is_absolute() or name.startswith(("/", "\\"))
    return bool(name) and "\0" not in name and ".." not in as_windows.parts and not is_absolute


def write_key(path: Path, study: str, trials: Iterable[Trial]) -> None:
    """Writes what each trial's blinded names stand for, a row per trial and stimulus."""
    rows = [
        (study, trial.name, trial.question, trial.role, trial.item, trial.generator, stimulus, system)
        for trial in sorted(trials, key=lambda trial: trial.name)
        for stimulus, system in trial.systems.items()
    ]
    write_csv(path, [KEY_FIELDS, *rows])
