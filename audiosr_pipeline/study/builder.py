"""What makes the stimuli of a study in its folder, and page, key and manifest."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from audiosr_pipeline.audio_io import AudioFileError, read_audio, write_audio
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.evaluate import named_files
from audiosr_pipeline.pipelines.audiosr import AudioSRPipeline
from audiosr_pipeline.study.design import Material, make_forms, make_trials
from audiosr_pipeline.study.items import FolderSet, PromptSet, Render, item_seed
from audiosr_pipeline.study.manifest import FORMAT, software, study_hash, write_key, write_manifest
from audiosr_pipeline.study.page import write_page
from audiosr_pipeline.study.settings import AUDIOSR, ORIGINAL, StudySettings
from audiosr_pipeline.study.stimuli import SAMPLING_RATE, Stimulus, lowpassed_pair, make_stimuli, share_above_check
from audiosr_pipeline.study.tagging import MUSIC_LABELS, MUSIC_THRESHOLD

# Lossless, and half the size of WAV. With 16 bits: their rounding noise lies 75 dB below items at -23 LUFS, where it
# isn't heard, and 24 bits would make a page that holds all audio more than half as large again.
SUFFIX, SUBTYPE = ".flac", "PCM_16"


class NotWrittenError(OSError):
    """A stimulus can't be written and read again: no fault of its item, and the study isn't built without it."""


class StudyBuilder:
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
        prompts = {(item["generator"], item["item"]): item["prompt"] for item in items}
        forms = make_forms(trials, settings.num_forms, settings.seed, settings.items_per_form, prompts)
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
            raise NotWrittenError(str(error)) from error
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
