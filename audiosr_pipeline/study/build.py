"""A listening study from captions or from generated audio: stimuli, page, key and manifest."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from audiosr_pipeline.audio_io import passed_over
from audiosr_pipeline.study.builder import NotWrittenError, StudyBuilder
from audiosr_pipeline.study.design import check_forms
from audiosr_pipeline.study.items import FolderSet, PromptSet, draw_order
from audiosr_pipeline.study.manifest import read_manifest, software
from audiosr_pipeline.study.settings import StudySettings, check_settings
from audiosr_pipeline.study.tagging import load_music_tagger
from audiosr_pipeline.writing import new_folder

# So many items of a set in a row that can't be used are a fault of the set.
MOST_SKIPPED_IN_A_ROW = 10


def build_study(
    output: Path | str,
    sets: Sequence[FolderSet | PromptSet],
    systems: Mapping[str, Path | str] | None = None,
    settings: StudySettings | None = None,
    show_progress: bool = False,
) -> dict[str, Any]:
    """Builds a study: what listeners get in `page/`, and the experimenter's `key.csv` and `manifest.json` (and .csv).

    Each item is presented as it was generated ("original", resampled to 48 kHz) and after AudioSR ("audiosr"). An item
    that can't be used is left out and listed with the reason; where a set has more than it is asked for, another takes
    its place. A warning counts and names what in a folder isn't taken for audio.

    Args:
        output: Folder to write, new or empty. It appears whole or not at all.
        sets: Where the items come from, one set per generator.
        systems: Folders with further versions of the items of folders, by system; each is compared with AudioSR. Their
            files are named as the items, or lie so in a subfolder named as the generator.
        settings: How it is built.
        show_progress: Show a bar over the items.

    Returns:
        The manifest.

    Raises:
        FileExistsError: If `output` is there and not empty.
        FileNotFoundError: If a folder doesn't exist.
        ValueError: If a set has fewer items than it is asked for, none that can be used, or an argument isn't accepted.
    """
    settings = settings or StudySettings()
    settings = replace(settings, device=settings.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    systems = dict(systems or {})
    check_settings(settings, sets, systems)
    orders = [draw_order(item_set, settings.seed) for item_set in sets]
    num_tests = [item_set.num_items or len(order) for item_set, order in zip(sets, orders, strict=True)]
    check_forms(settings.num_forms, settings.items_per_form, sum(num_tests))
    folders = [*(item_set.folder for item_set in sets if isinstance(item_set, FolderSet)), *systems.values()]
    for line in (line for folder in dict.fromkeys(folders) for line in passed_over(folder)):
        warnings.warn(line, stacklevel=2)
    items: list[dict[str, Any]] = []
    skipped: list[dict[str, str]] = []
    total = sum(min(num + settings.num_training, len(order)) for num, order in zip(num_tests, orders, strict=True))
    with (
        new_folder(output) as folder,
        tqdm(total=total, desc="study", unit="item", disable=not show_progress) as progress,
    ):
        builder = StudyBuilder(folder, settings, systems)
        if any(item_set.music_only for item_set in sets):
            builder.music_score = load_music_tagger(settings.tagger, builder.device)
        for item_set, order, num_test in zip(sets, orders, num_tests, strict=True):
            own, left_out = _fill(builder, item_set, order, num_test + settings.num_training, progress)
            if item_set.num_items and len(own) < num_test:
                warnings.warn(
                    f"{item_set.generator} has {len(own)} items instead of {num_test}: {len(left_out)} can't be used, "
                    "for the reasons in the manifest",
                    stacklevel=2,
                )
            # Spare items are for training; without any, some of those of the test come twice.
            has_spare = len(own) > num_test
            for index, item in enumerate(own):
                is_training = index >= num_test if has_spare else index < settings.num_training
                items.append({**item, "roles": ["test"] * (index < num_test) + ["training"] * is_training})
            skipped += left_out
        return builder.finish([_set_record(item_set) for item_set in sets], items, skipped)


def rebuild_study(manifest: Path | str, output: Path | str, show_progress: bool = False) -> dict[str, Any]:
    """Builds a study once more from its manifest: the same files, byte for byte.

    Args:
        manifest: The study's `manifest.json`. Paths in it are taken from the current folder, as they were.
        output: Folder to write, new or empty. It appears whole or not at all.
        show_progress: Show a bar over the items.

    Returns:
        The manifest.

    Raises:
        FileExistsError: If `output` is there and not empty.
        FileNotFoundError: If the manifest, or a folder that it names, isn't there.
        ValueError: If a source or a stimulus isn't what it was; says which, and which versions differ.
    """
    recorded = read_manifest(manifest)
    try:
        settings = StudySettings(**{**recorded["settings"], "questions": tuple(recorded["settings"]["questions"])})
        sets = [
            _set_of(record, [item for item in recorded["items"] if item["generator"] == record["generator"]])
            for record in recorded["sets"]
        ]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{manifest}: its settings are no study's: {type(error).__name__}: {error}.") from error
    items: list[dict[str, Any]] = []
    changed: list[str] = []
    with (
        new_folder(output) as folder,
        tqdm(total=len(recorded["items"]), desc="study", unit="item", disable=not show_progress) as progress,
    ):
        builder = StudyBuilder(folder, settings, recorded["systems"])
        for item_set in sets:
            render = builder.open(item_set)
            for before in (item for item in recorded["items"] if item["generator"] == item_set.generator):
                try:
                    item = builder.make(item_set, render, before["item"], before["prompt"])
                except NotWrittenError:
                    raise
                # Whatever is wrong with one source, the others are to be named too.
                except Exception as error:
                    changed.append(f"{before['generator']}, {before['item']}: {_reason(error)}")
                    continue
                if item["source_sha256"] != before["source_sha256"]:
                    changed.append(f"{before['generator']}, {before['item']}: {before['source']} gives other audio")
                items.append({**item, "music_score": before["music_score"], "roles": before["roles"]})
                progress.update()
        _check_unchanged("sources", changed, recorded["versions"])
        rebuilt = builder.finish(recorded["sets"], items, recorded["skipped"])
        checksums = {stimulus["stimulus"]: stimulus["sha256"] for stimulus in recorded["stimuli"]}
        changed = [
            f"{stimulus['generator']}, {stimulus['item']}: {stimulus['system']} ({stimulus['stimulus']})"
            for stimulus in rebuilt["stimuli"]
            if checksums.get(stimulus["stimulus"]) != stimulus["sha256"]
        ]
        if not changed and rebuilt["study"] != recorded["study"]:
            changed = ["the order of trials"]
        _check_unchanged("stimuli", changed, recorded["versions"])
    return rebuilt


def _fill(
    builder: StudyBuilder, item_set: FolderSet | PromptSet, order: Sequence[str], num_wanted: int, progress: tqdm
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """As many items of a set as are wanted or can be used, and those left out, with reasons."""
    prompts = item_set.prompts()
    render = builder.open(item_set)
    items: list[dict[str, Any]] = []
    skipped: list[dict[str, str]] = []
    num_in_a_row = 0
    for name in order:
        if len(items) == num_wanted:
            break
        try:
            items.append(builder.make(item_set, render, name, prompts[name]))
            num_in_a_row = 0
            progress.update()
        except NotWrittenError:
            raise
        # Whatever is wrong with one item, the others can still be used.
        except Exception as error:
            reason = _reason(error)
            skipped.append({"generator": item_set.generator, "item": name, "prompt": prompts[name], "reason": reason})
            num_in_a_row += 1
            if num_in_a_row == MOST_SKIPPED_IN_A_ROW:
                raise ValueError(
                    f"{num_in_a_row} items of {item_set.generator} in a row can't be used, the last, {name}: {reason}"
                ) from error
    if not items:
        raise ValueError(
            f"no item of {item_set.generator} can be used, the last, {skipped[-1]['item']}: {skipped[-1]['reason']}"
        )
    return items, skipped


def _set_record(item_set: FolderSet | PromptSet) -> dict[str, Any]:
    """A set as the manifest has it: captions stand there with the items."""
    record = asdict(item_set)
    del record["captions"]
    return {**record, "folder": str(item_set.folder)} if isinstance(item_set, FolderSet) else record


def _set_of(record: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> FolderSet | PromptSet:
    """The set that a record is of."""
    captions = {item["item"]: item["prompt"] for item in items}
    return FolderSet(**record, captions=captions) if "folder" in record else PromptSet(**record, captions=captions)


def _check_unchanged(what: str, changed: Sequence[str], versions: Mapping[str, str]) -> None:
    """Raises a ValueError that lists what changed since the manifest was written."""
    if changed:
        now = software()
        others = [f"{name} {now.get(name)} instead of {was}" for name, was in versions.items() if now.get(name) != was]
        raise ValueError(
            f"{len(changed)} {what} are not what they were: {'; '.join(changed)}. "
            f"Versions: {', '.join(others) or 'as they were'}."
        )


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
