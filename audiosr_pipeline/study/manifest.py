"""What a study is made of: the manifest that rebuilds it, and the key to its blinded names."""

import csv
import hashlib
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from audiosr_pipeline.study.answers import KEY_FIELDS, Trial
from audiosr_pipeline.version import __version__

FORMAT = 1
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
    with open(folder / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["study", *STIMULUS_COLUMNS, *ITEM_COLUMNS, "skipped"], extrasaction="ignore")
        writer.writeheader()
        for stimulus in manifest["stimuli"]:
            item = items[stimulus["generator"], stimulus["item"]]
            notes = {"notes": "; ".join(item["notes"])}
            writer.writerow({**item, **stimulus, **notes, "study": manifest["study"]})
        for item in manifest["skipped"]:
            writer.writerow({**item, "study": manifest["study"], "skipped": item["reason"]})


def read_manifest(path: Path | str) -> dict[str, Any]:
    """Reads `manifest.json`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it isn't a study's manifest.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} is not a file; a study is rebuilt from its manifest.json.")
    try:
        manifest = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT or "study" not in manifest:
        raise ValueError(f'{path} is not the manifest.json of a study: it lacks "study" and "format": {FORMAT}.')
    return manifest


def write_key(path: Path, study: str, trials: Iterable[Trial]) -> None:
    """Writes what each trial's blinded names stand for, a row per trial and stimulus."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(KEY_FIELDS)
        for trial in sorted(trials, key=lambda trial: trial.name):
            for stimulus, system in trial.systems.items():
                row = (study, trial.name, trial.question, trial.role, trial.item, trial.generator, stimulus, system)
                writer.writerow(row)
