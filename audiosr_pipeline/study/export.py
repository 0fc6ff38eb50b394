"""A study in the forms that two tools for listening tests with many people take."""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from audiosr_pipeline.audio_io import read_audio, write_audio
from audiosr_pipeline.csv_files import write_csv
from audiosr_pipeline.study.manifest import read_manifest
from audiosr_pipeline.writing import new_folder

PREFERENCE_TEXT = "Listen to both clips completely, then choose the one whose sound quality you prefer."
QUALITY_TEXT = "Listen to the clip completely, then rate its overall sound quality from 1 (bad) to 5 (excellent)."


def export_listen_and_rate(study: Path | str, output: Path | str) -> list[Path]:
    """Writes a study for listen-and-rate (https://github.com/sp-nitech/listen-and-rate).

    As its README.md, `examples/config.ab.yaml` and `examples/config.mos.yaml` document it: a folder of audio files per
    system, with the same file names in each, and a configuration per test: an `ab` test with ties for each pair of
    systems, and a `mos` test of all. The tool draws orders and sides for each listener by itself; it has no attention
    checks. Its results name systems and items, these as `001__generator__item`.

    Args:
        study: Folder that `build_study` wrote.
        output: Folder to write, new or empty: `stimuli/<study>/<system>/` and the configurations. The tool looks for
            `./stimuli` from where it is started.

    Returns:
        The configurations.

    Raises:
        FileExistsError: If `output` is there and not empty.
        FileNotFoundError: If `study` holds no manifest.json.
    """
    manifest = read_manifest(Path(study) / "manifest.json")
    files = _test_files(manifest, Path(study))
    systems = list(dict.fromkeys(system for versions in files.values() for system in versions))
    folders = {system: f"stimuli/{manifest['study']}/{system}" for system in systems}
    configurations = {}
    if "preference" in manifest["settings"]["questions"]:
        for pair in dict.fromkeys(tuple(trial["systems"].values()) for trial in _pairs(manifest, ("test",))):
            configurations[f"config.ab.{'-'.join(pair)}.yaml"] = _yaml("ab", manifest, folders, pair, PREFERENCE_TEXT)
    if "quality" in manifest["settings"]["questions"]:
        configurations["config.mos.yaml"] = _yaml("mos", manifest, folders, systems, QUALITY_TEXT)
    if not configurations:
        raise ValueError(f"{study} asks neither for preference nor for quality, which is all that can be written.")
    with new_folder(output) as folder:
        for name, versions in files.items():
            for system, path in versions.items():
                copy = folder / folders[system] / f"{name}{path.suffix}"
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
        for name, text in configurations.items():
            (folder / name).write_text(text, encoding="utf-8")
    return [Path(output) / name for name in configurations]


def export_p808(study: Path | str, output: Path | str, base_url: str) -> list[Path]:
    """Writes a study for the comparison category rating (CCR) of Microsoft's P.808 toolkit.

    The toolkit is https://github.com/microsoft/P.808. As its `docs/prep_dcr_ccr.md` documents it: `rating_clips.csv`
    with the columns `rating_clips` and `references`, and `training_clips.csv` with `training_clips` and
    `training_references`, all of them addresses of WAV files. From -3 to 3, the toolkit reports how much better a
    rating clip is than its reference, under the file name of the rating clip: a blinded one, which `key.csv`
    resolves. References are originals; those of further systems are AudioSR's. It makes its own trapping questions,
    of references, and takes no gold clips for CCR.

    Args:
        study: Folder that `build_study` wrote.
        output: Folder to write, new or empty: the two tables, and in `clips/` what is to be uploaded.
        base_url: Address under which the files of `clips/` will be found.

    Returns:
        The two tables.

    Raises:
        FileExistsError: If `output` is there and not empty.
        FileNotFoundError: If `study` holds no manifest.json.
        ValueError: If the study doesn't ask for preference, has no training items, or `base_url` is no address.
    """
    manifest = read_manifest(Path(study) / "manifest.json")
    if not base_url.startswith(("https://", "http://")):
        raise ValueError(f"base_url={base_url}; accepted are addresses that begin with https:// or http://.")
    tables = {
        "rating_clips.csv": (("rating_clips", "references"), _pairs(manifest, ("test",))),
        "training_clips.csv": (("training_clips", "training_references"), _pairs(manifest, ("training",))),
    }
    for name, (_, pairs) in tables.items():
        if not pairs:
            raise ValueError(
                f"the study has no pairs for {name}: build it for preference, with num_training from 1 on."
            )
    with new_folder(output) as folder:
        (folder / "clips").mkdir()
        for name, (columns, pairs) in tables.items():
            rows = [tuple(reversed(trial["systems"])) for trial in pairs]
            addresses = [[f"{base_url.rstrip('/')}/{clip}.wav" for clip in row] for row in rows]
            write_csv(folder / name, [columns, *addresses])
            for clip in chain.from_iterable(rows):
                # The toolkit's page announces `audio/wav`. The samples are the same.
                audio, sampling_rate = read_audio(_audio_file(Path(study), clip))
                write_audio(folder / "clips" / f"{clip}.wav", audio, sampling_rate)
    return [Path(output) / name for name in tables]


def _pairs(manifest: Mapping[str, Any], roles: Sequence[str]) -> list[dict[str, Any]]:
    """The preference trials in some roles."""
    return [trial for trial in manifest["trials"] if trial["question"] == "preference" and trial["role"] in roles]


def _test_files(manifest: Mapping[str, Any], study: Path) -> dict[str, dict[str, Path]]:
    """The file of each system by test item."""
    tests = [(item["generator"], item["item"]) for item in manifest["items"] if "test" in item["roles"]]
    # Numbered, as two items may differ only in what the tool can't take in a name.
    names = {
        (generator, item): f"{number:03d}__{generator}__{re.sub('[^A-Za-z0-9_-]', '_', item)}"
        for number, (generator, item) in enumerate(tests, start=1)
    }
    files: dict[str, dict[str, Path]] = {name: {} for name in names.values()}
    for stimulus in manifest["stimuli"]:
        name = names.get((stimulus["generator"], stimulus["item"]))
        if name is not None and stimulus["role"] == "item":
            files[name][stimulus["system"]] = _audio_file(study, stimulus["stimulus"])
    return files


def _audio_file(study: Path, stimulus: str) -> Path:
    paths = list((study / "page/audio").glob(f"{stimulus}.*"))
    if len(paths) != 1:
        raise FileNotFoundError(f"{study}/page/audio holds {len(paths)} files of stimulus {stimulus}, not one.")
    return paths[0]


def _yaml(
    test_type: str, manifest: Mapping[str, Any], folders: Mapping[str, str], systems: Sequence[str], instructions: str
) -> str:
    """A configuration. Texts are quoted as JSON, which YAML reads."""
    lines = [
        f"# Study {manifest['study']}. Paths are taken from where listen-and-rate is started: put stimuli/ there.",
        f"test_type: {test_type}",
        *(["allow_tie: true"] if test_type == "ab" else []),
        f"title: {json.dumps(manifest['settings']['title'])}",
        f"instructions: {json.dumps(instructions)}",
        "output:",
        "  format: csv",
        "  path: ./results/",
        "stimuli_dirs:",
        "  systems:",
    ]
    for system in systems:
        lines += [f"    - path: {json.dumps('./' + folders[system])}", f"      system: {json.dumps(system)}"]
    if manifest["settings"]["num_training"]:
        lines += ["practice:", "  count: 1"]
    return "\n".join(lines) + "\n"
