"""A listening study from captions or from generated audio: stimuli, page, key and manifest."""

import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from audiosr_pipeline.audio_io import AudioFileError, passed_over, read_audio, write_audio
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.evaluate import named_files
from audiosr_pipeline.pipelines.audiosr import AudioSRPipeline
from audiosr_pipeline.study.answers import ANSWERS, LOWPASSED
from audiosr_pipeline.study.design import Material, check_forms, make_forms, make_trials
from audiosr_pipeline.study.items import FolderSet, PromptSet, Render, draw_order, item_seed
from audiosr_pipeline.study.manifest import (
    FORMAT,
    NAME,
    read_manifest,
    software,
    study_hash,
    write_key,
    write_manifest,
)
from audiosr_pipeline.study.page import write_page
from audiosr_pipeline.study.stimuli import (
    SAMPLING_RATE,
    Stimulus,
    lowpassed_pair,
    make_stimuli,
    share_above_check,
)
from audiosr_pipeline.study.tagging import MUSIC_LABELS, MUSIC_THRESHOLD, TAGGER, load_music_tagger
from audiosr_pipeline.writing import new_folder

ORIGINAL, AUDIOSR = "original", "audiosr"
# Lossless, and half the size of WAV. With 16 bits: their rounding noise lies 75 dB below items at -23 LUFS, where it
# isn't heard, and 24 bits would make a page that holds all audio more than half as large again.
SUFFIX, SUBTYPE = ".flac", "PCM_16"
# So many items of a set in a row that can't be used are a fault of the set.
MOST_SKIPPED_IN_A_ROW = 10


@dataclass(frozen=True)
class StudySettings:
    """How a study is built, apart from its items.

    Args:
        title: What listeners read at its top.
        consent: What they agree to before they begin, paragraphs parted by empty lines; "" is the page's own text.
        questions: What is asked: "preference" between two versions, "quality" of each from 1 to 5.
        checkpoint: The AudioSR model: what `AudioSRPipeline.from_pretrained` takes.
        num_inference_steps: Its denoising steps; None is the model's default.
        device: Where the models run; None is "cuda" if there is one, else "cpu".
        seed: Decides all that is drawn: items, noise, names and orders.
        num_forms: Orders that listeners get, an even number.
        items_per_form: How many items a listener gets; None is all of them.
        num_training: Items of each set that listeners begin with and whose answers don't count: spare ones, or if a
            set has none, some that come again.
        num_checks: Pairs of one clip with itself, and as many of one with its low-passed self, that show attention.
        tagger: Audio classifier that says which items are music.
    """

    title: str = "Which sounds better?"
    consent: str = ""
    questions: tuple[str, ...] = tuple(ANSWERS)
    checkpoint: str = "audiosr-mini"
    num_inference_steps: int | None = None
    device: str | None = None
    seed: int = 0
    num_forms: int = 8
    items_per_form: int | None = None
    num_training: int = 1
    num_checks: int = 2
    tagger: str = TAGGER


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
    _check(settings, sets, systems)
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
        builder = _Builder(folder, settings, systems)
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
        builder = _Builder(folder, settings, recorded["systems"])
        for item_set in sets:
            render = builder.open(item_set)
            for before in (item for item in recorded["items"] if item["generator"] == item_set.generator):
                try:
                    item = builder.make(item_set, render, before["item"], before["prompt"])
                except _NotWrittenError:
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


class _NotWrittenError(OSError):
    """A stimulus can't be written and read again: no fault of its item, and the study isn't built without it."""


class _Builder:
    """Makes the stimuli of a study in its folder, and at the end all that goes with them.

    Attributes:
        device: Where the models run.
        music_score: The tagger, if a set needs it.
    """

    def __init__(self, folder: Path, settings: StudySettings, systems: Mapping[str, Path | str]):
        self.device = settings.device or "cpu"
        self.music_score: Callable[[np.ndarray, int], float] | None = None
        self._folder = folder
        self._settings = settings
        self._systems = {system: str(path) for system, path in systems.items()}
        self._further = {system: named_files(path) for system, path in systems.items()}
        self._audiosr = AudioSRPipeline.from_pretrained(settings.checkpoint)
        self._audiosr.set_progress_bar_config(disable=True)
        self._stimuli: list[dict[str, Any]] = []
        self._audio_folder.mkdir(parents=True)

    def open(self, item_set: FolderSet | PromptSet) -> Render:
        """What makes the items of a set."""
        return item_set.open(self._audiosr, self.device, self._settings.num_inference_steps)

    def make(self, item_set: FolderSet | PromptSet, render: Render, item: str, prompt: str) -> dict[str, Any]:
        """Makes an item, writes its stimuli and returns its record, to which its roles are to be added.

        Raises:
            ValueError: If it can't be used; the reason is one for the manifest.
        """
        generator = item_set.generator
        seed = item_seed(self._settings.seed, generator, item)
        rendered = render(item, prompt, seed)
        report = rendered.report
        if report.action != "enhanced":
            raise ValueError(f"{report.action.replace('_', ' ')} by AudioSR: {report.reason}")
        score = None
        if item_set.music_only and self.music_score is not None:
            score = round(self.music_score(rendered.original, SAMPLING_RATE), 4)
            if score < MUSIC_THRESHOLD:
                raise ValueError(f"not music: {' or '.join(MUSIC_LABELS)} has {score}, less than {MUSIC_THRESHOLD}")
        versions = {ORIGINAL: rendered.original, AUDIOSR: rendered.audiosr, **self._further_versions(generator, item)}
        stimuli = make_stimuli(versions, report.bandwidth)
        for system, stimulus in stimuli.items():
            self._write(stimulus, generator, item, "item", system)
        clipped = [f"clipped: {rendered.clipped} samples lie at full scale"] if rendered.clipped else []
        return {
            "generator": generator,
            "item": item,
            "prompt": prompt,
            "seed": seed,
            "source": rendered.source,
            "source_sha256": rendered.source_sha256,
            "licence": item_set.licence,
            "sampling_rate": report.sampling_rate,
            "cutoff_freq": report.cutoff_freq,
            "bandwidth": report.bandwidth,
            "num_inference_steps": report.settings["num_inference_steps"],
            "model": report.model,
            "music_score": score,
            "share_above_check": round(share_above_check(rendered.original), 4),
            "notes": [*report.notes, *clipped],
        }

    def finish(
        self, sets: Sequence[Mapping[str, Any]], items: Sequence[dict[str, Any]], skipped: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Adds the attention checks, then writes page, key and manifest; returns the manifest."""
        settings = self._settings
        materials = [
            Material(item["generator"], item["item"], role, self._systems_of(item))
            for item in items
            for role in item["roles"]
        ]
        if "preference" in settings.questions:
            materials += self._checks([item for item in items if "test" in item["roles"]])
        trials = make_trials(materials, settings.questions, settings.seed)
        forms = make_forms(trials, settings.num_forms, settings.seed, settings.items_per_form)
        study = study_hash(self._stimuli, forms)
        # Sorted by blinded name: in the order of the items, an original would come before what was made of it.
        durations = dict(sorted((stimulus["stimulus"], stimulus["duration_s"]) for stimulus in self._stimuli))
        page = {"study": study, "title": settings.title, "forms": forms, "durations_s": durations}
        if settings.consent:
            page["consent"] = settings.consent
        write_page(self._folder / "page", page, {name: self._path(name) for name in durations})
        write_key(self._folder / "key.csv", study, trials)
        manifest = {
            "format": FORMAT,
            "study": study,
            "settings": {**asdict(settings), "questions": list(settings.questions)},
            "versions": software(),
            "sets": list(sets),
            "systems": self._systems,
            "items": list(items),
            "skipped": list(skipped),
            "stimuli": self._stimuli,
            "trials": [asdict(trial) for trial in trials],
            "forms": forms,
        }
        write_manifest(self._folder, manifest)
        return manifest

    @property
    def _audio_folder(self) -> Path:
        return self._folder / "page/audio"

    def _path(self, stimulus: str) -> Path:
        return self._audio_folder / f"{stimulus}{SUFFIX}"

    def _further_versions(self, generator: str, item: str) -> dict[str, np.ndarray]:
        """An item's versions by further systems, at 48 kHz."""
        versions = {}
        for system, files in self._further.items():
            path = files.get(f"{generator}/{item}") or files.get(item)
            if path is None:
                raise ValueError(f"{self._systems[system]} holds no {item} by {system}")
            audio, sampling_rate = read_audio(path)
            versions[system] = resample(audio, sampling_rate, SAMPLING_RATE)
        return versions

    def _systems_of(self, item: Mapping[str, Any]) -> dict[str, str]:
        """The system of each stimulus of an item, the original first."""
        return {
            stimulus["stimulus"]: stimulus["system"]
            for stimulus in self._stimuli
            if (stimulus["generator"], stimulus["item"], stimulus["role"]) == (item["generator"], item["item"], "item")
        }

    def _checks(self, items: Sequence[Mapping[str, Any]]) -> list[Material]:
        """Attention checks, made of the originals with most above 2 kHz: there its lack is most obvious."""
        materials = []
        ranked = sorted(items, key=lambda item: -item["share_above_check"])
        for number in range(self._settings.num_checks):
            item = ranked[number % len(ranked)]
            generator, name = item["generator"], item["item"]
            audio, _ = read_audio(self._path(next(iter(self._systems_of(item)))))
            lowpassed = lowpassed_pair(audio)
            sides = {
                "identical": [(ORIGINAL, lowpassed[ORIGINAL])] * 2,
                "lowpassed": list(lowpassed.items()),
            }
            for role, stimuli in sides.items():
                systems = {
                    self._write(stimulus, generator, name, role, system, f"{number}{side}"): system
                    for side, (system, stimulus) in zip("ab", stimuli, strict=True)
                }
                materials.append(Material(generator, name, role, systems))
        return materials

    def _write(self, stimulus: Stimulus, generator: str, item: str, role: str, system: str, number: str = "") -> str:
        """Writes a stimulus and its record; returns its blinded name."""
        plain = f"{self._settings.seed}/{generator}/{item}/{role}{number}/{system}"
        name = hashlib.sha256(plain.encode()).hexdigest()[:12]
        try:
            write_audio(self._path(name), stimulus.audio, SAMPLING_RATE, SUBTYPE)
            sha256 = hashlib.sha256(self._path(name).read_bytes()).hexdigest()
        except (AudioFileError, OSError) as error:
            raise _NotWrittenError(str(error)) from error
        self._stimuli.append(
            {
                "stimulus": name,
                "generator": generator,
                "item": item,
                "role": role,
                "system": system,
                "sha256": sha256,
                "duration_s": round(stimulus.audio.shape[-1] / SAMPLING_RATE, 3),
                "num_channels": len(stimulus.audio),
                "loudness_lufs": round(stimulus.loudness_lufs, 2),
                "true_peak_dbtp": round(stimulus.true_peak_dbtp, 2),
                "match_db": round(stimulus.match_db, 3),
                "gain_db": round(stimulus.gain_db, 2),
            }
        )
        return name


def _check(settings: StudySettings, sets: Sequence[FolderSet | PromptSet], systems: Mapping[str, Path | str]) -> None:
    """Raises what `build_study` says about arguments that can be judged by themselves."""
    if not settings.questions or not set(settings.questions) <= set(ANSWERS):
        raise ValueError(f"questions={settings.questions}; accepted are one or both of {', '.join(ANSWERS)}.")
    for name in ("seed", "num_training", "num_checks"):
        if getattr(settings, name) < 0:
            raise ValueError(f"{name}={getattr(settings, name)}; accepted are numbers from 0 on.")
    generators = [item_set.generator for item_set in sets]
    if not sets or len(set(generators)) < len(generators):
        raise ValueError(
            f"sets of {', '.join(generators) or 'nothing'}; accepted are one or more, each of another generator."
        )
    for name in [*generators, *systems]:
        if not NAME.fullmatch(name):
            raise ValueError(f"the name {name!r}; accepted are letters, digits, and after the first . _ and -.")
    if taken := set(systems) & {ORIGINAL, AUDIOSR, LOWPASSED}:
        raise ValueError(f"systems has {', '.join(sorted(taken))}, which the study makes itself; choose another name.")
    if systems and any(isinstance(item_set, PromptSet) for item_set in sets):
        raise ValueError(
            "further systems have nothing of items that are generated now; generate them first, to a folder."
        )


def _fill(
    builder: _Builder, item_set: FolderSet | PromptSet, order: Sequence[str], num_wanted: int, progress: tqdm
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
        except _NotWrittenError:
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
    if isinstance(item_set, FolderSet):
        return {**asdict(item_set), "folder": str(item_set.folder)}
    record = asdict(item_set)
    del record["captions"]
    return record


def _set_of(record: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> FolderSet | PromptSet:
    """The set that a record is of."""
    if "folder" in record:
        return FolderSet(**record)
    return PromptSet(**record, captions={item["item"]: item["prompt"] for item in items})


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
