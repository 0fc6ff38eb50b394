"""Random crops of recordings, each a function of the run's seed and of its number in the stream alone.

So nothing has to be remembered to go on with a stream, and it is the same whatever the number of processes.
"""

import csv
import logging
import math
import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from audiosr_pipeline.audio_io import AudioFileError, audio_files, audio_length, passed_over, read_segment
from audiosr_pipeline.csv_files import read_csv
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.training.degrade import DegradationShares, degrade, draw_degradation
from audiosr_pipeline.training.settings import FREE_LICENCES, KINDS, CropSettings
from audiosr_pipeline.training.simulate import draw_lowpass, simulate_low_resolution

VALIDATION_SHARE = 16
# They are held in memory.
MAX_VALIDATION_CROPS = 128
MAX_DRAWS = 50
NO_DEGRADATION = DegradationShares()
MARGIN_S = 0.1
SAMPLING_RATE = 48_000
# Amplifying no further keeps a recording's noise floor from becoming programme.
MAX_GAIN = 30.0
# Of the crops of music, and what is short enough to be struck again and again.
RHYTHM_SHARE = 0.5
MAX_STROKE_S = 2.5
MAX_STROKES = 3
# A rhythm: the shortest and longest step in seconds, how many steps it has before it repeats, and how many are struck.
STEP_S = (0.08, 0.4)
NUM_STEPS = (4, 16)
STRUCK_SHARE = 0.4

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recording:
    """Where the audio is, its kind (of `KINDS`), how long it is, and what it is said to be: a label and a caption."""

    path: Path
    kind: str
    duration_s: float
    label: str = ""
    caption: str = ""


def find_recordings(
    data: Sequence[Path | str], licences: str = FREE_LICENCES
) -> tuple[list[Recording], list[Recording]]:
    """Finds what can be trained on in folders and CSV manifests, and holds a sixteenth of it out for validation.

    In a folder that is every file that is named as audio, also in its subfolders; all count as effects. What else is
    there is counted and named in a warning. In a manifest
    it is the rows with a licence that `licences` matches, and with "train" in `split` if there is such a column. Files
    that can't be read are left out with a warning. Takes of one recording (`...-A`, `...-B`) stay on one side.

    Args:
        data: Folders, and CSV files (see `read_csv`) with the columns `path` (relative to the manifest) and `licence`.
            Columns that may be missing: `split`, `kind` (of `KINDS`; effects), `duration_s`, without which each
            file is opened, `label`, and `caption`. In a folder the subfolder that a file lies in is its label.
        licences: Regular expression of the whole licence.

    Returns:
        Training and validation recordings.

    Raises:
        OSError: If there is no such folder or manifest.
        ValueError: If a manifest isn't one, or fewer than two recordings are found.
    """
    found: list[Recording] = []
    num_files = 0
    for row in chain.from_iterable(_folder_rows(path) if path.is_dir() else _rows(path) for path in map(Path, data)):
        if "licence" in row and not re.fullmatch(licences, row["licence"]):
            continue
        num_files += 1
        try:
            found.append(_recording(row))
        except AudioFileError as error:
            logger.warning("skipped: %s", error)
    if len(found) < num_files:
        logger.warning("%d of %d files skipped", num_files - len(found), num_files)
    # Takes of one recording have one number.
    numbers = [zlib.crc32(re.sub(r"-[A-Z]$", "", recording.path.stem).encode()) for recording in found]
    if len(set(numbers)) < 2:
        raise ValueError(
            f"{', '.join(map(str, data))}: {len(found)} of {num_files} files can be trained on; needed are two "
            'recordings, one of them for validation. Of a manifest, rows count whose split is "train" and whose '
            f"licence matches {licences}."
        )
    # A small collection may have none that is drawn to be held out, or no other.
    held_out = {number for number in numbers if number % VALIDATION_SHARE == 0}
    if not held_out or len(held_out) == len(set(numbers)):
        held_out = {min(numbers)}
    training = [recording for recording, number in zip(found, numbers, strict=True) if number not in held_out]
    validation = [recording for recording, number in zip(found, numbers, strict=True) if number in held_out]
    return training, validation


def _folder_rows(folder: Path) -> Iterator[dict[str, Any]]:
    for line in passed_over(folder):
        logger.warning("%s", line)
    return ({"path": path, "label": "" if path.parent == folder else path.parent.name} for path in audio_files(folder))


def _rows(manifest: Path) -> Iterator[dict[str, Any]]:
    """The rows of a manifest's training split, with whole paths, and zero for numbers that aren't there."""
    try:
        names, rows = read_csv(manifest, ("path", "licence"))
        for number, cells in rows:
            # A cell that a short row lacks is empty: it must not stand for any licence.
            row = dict.fromkeys(names, "") | cells
            # Other splits may have kinds that no one could tell.
            if row.get("split", "train") != "train":
                continue
            if not row["path"] or "\0" in row["path"]:
                raise ValueError(f"line {number} has the path {row['path']!r}; accepted are names of files")
            if row.get("kind", "effects") not in KINDS:
                raise ValueError(f"the kind of {row['path']} is {row['kind']}; accepted are {', '.join(KINDS)}")
            # Where decimals have commas, spreadsheets write them.
            duration_s = float((row.get("duration_s") or "0").replace(",", "."))
            if not 0 <= duration_s < math.inf:
                raise ValueError(f"the duration_s of {row['path']} is {row['duration_s']}; accepted are seconds")
            yield {**row, "path": manifest.parent / row["path"], "duration_s": duration_s}
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{manifest}: is no manifest of audio files: {error}.") from error


def _recording(row: dict[str, Any]) -> Recording:
    path, kind, duration_s = row["path"], row.get("kind", "effects"), row.get("duration_s")
    if not duration_s:
        num_samples, sampling_rate = audio_length(path)
        duration_s = num_samples / sampling_rate
    return Recording(path, kind, duration_s, row.get("label", ""), row.get("caption", ""))


def generator_for(*numbers: int) -> torch.Generator:
    """A generator that begins where the numbers say, far from where others make it begin."""
    seed = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(seed))


def crop_generators(batch: dict[str, Tensor], seed: int) -> list[torch.Generator]:
    """A generator for each crop, so that what is drawn for it doesn't depend on what it is batched with."""
    return [generator_for(seed, index) for index in batch["index"].tolist()]


class TrainingData(Dataset, ABC):
    """A stream of crops."""

    @property
    @abstractmethod
    def used_recordings(self) -> Sequence[Recording]:
        """What crops are drawn of."""

    @abstractmethod
    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Crop i of the stream, with `audio`, `index`, and in `num_skipped` how many files couldn't be read for it."""

    @abstractmethod
    def validation_batches(self, held_out: Sequence[Recording], batch_size: int) -> list[dict[str, Tensor]]:
        """Fixed crops as these, of other recordings, in batches."""


class CropDataset(TrainingData):
    """Crops of recordings: the truth, and the same crop low-passed at a random cutoff.

    Item i depends on the seed and i alone; there is one for every i from 0 on. It is `{"audio": (num_samples,),
    "lowpassed": (num_samples,), "cutoff_freq": (), "index": (), "num_skipped": ()}` at 48 kHz, the second and third
    only if asked for: low-passing takes most of the time. Silent crops, and
    recordings that can't be read, are passed over: of the latter `num_skipped` says how many, and a warning which.

    Args:
        recordings: Files to draw from; within a kind, a file is drawn in proportion to its duration, at most 60 s.
        num_samples: Length of a crop in samples at 48 kHz.
        kind_weights: Share of each kind in the stream.
        seed: Of the stream.
        degradation: Shares of the low-passed crops that suffer more than the low-pass.
        lowpassed: Whether crops are low-passed.

    Raises:
        ValueError: If no recording is of a kind with a share.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        num_samples: int,
        kind_weights: dict[str, float],
        seed: int,
        degradation: DegradationShares = NO_DEGRADATION,
        lowpassed: bool = True,
    ):
        self.num_samples = num_samples
        self.seed = seed
        self.degradation = degradation
        self.lowpassed = lowpassed
        self.recordings = {
            kind: [recording for recording in recordings if recording.kind == kind]
            for kind, weight in kind_weights.items()
            if weight > 0
        }
        self.kinds = [kind for kind, members in self.recordings.items() if members]
        if not self.kinds:
            found = sorted({recording.kind for recording in recordings})
            raise ValueError(f"the recordings are of the kinds {found}, and the shares {kind_weights}: none is left.")
        weights = np.array([kind_weights[kind] for kind in self.kinds])
        self.kind_shares = weights / weights.sum()
        # A short file must not be drawn as often as a long one, nor may a long one drown all the others.
        lengths = {kind: np.array([min(r.duration_s, 60.0) for r in self.recordings[kind]]) for kind in self.kinds}
        self.shares = {kind: length / length.sum() for kind, length in lengths.items()}
        self.short = [
            recording for recording in self.recordings.get("music", ()) if recording.duration_s <= MAX_STROKE_S
        ]
        self._reported: set[str] = set()

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self.seed, index])
        num_skipped = 0
        for _ in range(MAX_DRAWS):
            try:
                recordings, struck = self._draw_recordings(rng)
                crop = draw_crop(recordings, self.num_samples, rng, self.degradation, struck, self.lowpassed)
            except AudioFileError as error:
                num_skipped += 1
                if str(error) not in self._reported:
                    self._reported.add(str(error))
                    logger.warning("skipped: %s", error)
                continue
            if crop["audio"].any():
                return {**crop, "index": torch.tensor(index), "num_skipped": torch.tensor(num_skipped)}
        raise ValueError(
            f"of {MAX_DRAWS} crops in a row {num_skipped} could not be read and the others are silent, or lie behind a "
            "file's end, where a manifest's duration_s is too long: look at "
            f"{self.recordings[self.kinds[0]][0].path} and the other recordings."
        )

    @property
    def used_recordings(self) -> list[Recording]:
        """What crops are drawn of."""
        return [recording for kind in self.kinds for recording in self.recordings[kind]]

    def validation_batches(self, held_out: Sequence[Recording], batch_size: int) -> list[dict[str, Tensor]]:
        """Crops as these, of other recordings: see `draw_validation_crops`."""
        return draw_validation_crops(held_out, self.num_samples, batch_size, self.seed, self.lowpassed)

    def _draw_recordings(self, rng: np.random.Generator) -> tuple[list[Recording], list[Recording]]:
        """What a crop is the sum of: recordings that sound on, and short ones for a rhythm."""
        kind = self.kinds[rng.choice(len(self.kinds), p=self.kind_shares)]
        recordings = self.recordings[kind]
        # Instrument libraries hold single notes and strokes: two at a time, and a rhythm, are closer to music.
        num_recordings = 2 if kind == "music" and len(recordings) > 1 and rng.random() < 0.5 else 1
        chosen = rng.choice(len(recordings), size=num_recordings, replace=False, p=self.shares[kind])
        struck: list[Recording] = []
        if kind == "music" and self.short and rng.random() < RHYTHM_SHARE:
            struck = [
                self.short[number] for number in rng.integers(len(self.short), size=rng.integers(1, MAX_STROKES + 1))
            ]
        return [recordings[number] for number in chosen], struck


def training_crops(
    settings: CropSettings,
    recordings: Sequence[Recording],
    degradation: DegradationShares = NO_DEGRADATION,
    lowpassed: bool = True,
) -> CropDataset:
    """The crops of recordings that a run trains on; `degradation` and `lowpassed` as for `CropDataset`."""
    num_samples = round(settings.crop_s * SAMPLING_RATE)
    return CropDataset(recordings, num_samples, settings.kind_weights, settings.seed, degradation, lowpassed)


def draw_crop(
    recordings: Sequence[Recording],
    num_samples: int,
    rng: np.random.Generator,
    degradation: DegradationShares = NO_DEGRADATION,
    struck: Sequence[Recording] = (),
    lowpassed: bool = True,
) -> dict[str, Tensor]:
    """One random crop of the recordings' sum, at a random level, with its low-passed and maybe degraded version.

    Args:
        recordings: What sounds on.
        num_samples: Length of the crop at 48 kHz.
        rng: Of all that is random.
        degradation: Shares of the low-passed crops that suffer more than the low-pass.
        struck: Short recordings, each struck again and again in a rhythm.
        lowpassed: Whether there is such a version.
    """
    margin = int(MARGIN_S * SAMPLING_RATE)
    audio = np.zeros((1, num_samples + 2 * margin), np.float32)
    for recording in recordings:
        audio += read_crop(recording, audio.shape[-1], rng)
    if struck:
        audio *= np.exp(rng.uniform(-3.0, 0.0)) * gain_to(1.0, audio)
        for recording in struck:
            audio += _rhythm(recording, audio.shape[-1], rng)
    # Inference sets a clip's peak to 0.5; most windows of the clip are quieter than its loudest.
    gain = gain_to(0.5, audio) * np.exp(rng.uniform(-2.3, 0.0))
    audio = (gain * audio).astype(np.float32)
    inner = slice(margin, margin + num_samples)
    crop = {"audio": torch.from_numpy(audio[0, inner].copy())}
    if lowpassed:
        settings = draw_lowpass(rng)
        suffered = draw_degradation(rng, settings.cutoff_freq, degradation)
        narrow = degrade(simulate_low_resolution(audio, settings), suffered, settings.cutoff_freq)
        crop["lowpassed"] = torch.from_numpy(narrow[0, inner].copy())
        crop["cutoff_freq"] = torch.tensor(settings.cutoff_freq)
    return crop


def read_crop(
    recording: Recording, num_samples: int, rng: np.random.Generator, sampling_rate: int = SAMPLING_RATE
) -> np.ndarray:
    """A random crop of a random channel, without DC; silence where the file has none.

    Args:
        recording: What to read.
        num_samples: Length of the crop.
        rng: Of all that is random.
        sampling_rate: Rate of the crop in Hz.

    Returns:
        `(1, num_samples)`, float32.

    Raises:
        AudioFileError: If the file can't be read.
    """
    wanted_s = num_samples / sampling_rate
    start_s = rng.uniform(-MARGIN_S, max(0.0, recording.duration_s - wanted_s) + MARGIN_S)
    segment, own_rate = read_segment(recording.path, start_s, wanted_s)
    channel = segment[rng.integers(len(segment))]
    # The silence outside the file has no DC: without it too, it would step to and from the file's.
    sounding = np.trim_zeros(channel)
    if len(sounding):
        sounding -= sounding.mean()
    audio = resample(channel[None], own_rate, sampling_rate)
    return np.pad(audio, ((0, 0), (0, max(0, num_samples - audio.shape[-1]))))[:, :num_samples]


def gain_to(peak: float, audio: np.ndarray) -> float:
    """Factor that gives audio this peak, at most `MAX_GAIN`."""
    return min(peak / (float(np.abs(audio).max()) + 1e-8), MAX_GAIN)


def _rhythm(recording: Recording, num_samples: int, rng: np.random.Generator) -> np.ndarray:
    """A recording, cut to a random length, in a random rhythm that repeats: `(1, num_samples)`, its peak at most 1."""
    step = int(rng.uniform(*STEP_S) * SAMPLING_RATE)
    accents = rng.uniform(0.1, 1.0, rng.integers(*NUM_STEPS))
    accents *= rng.random(len(accents)) < STRUCK_SHARE
    segment, sampling_rate = read_segment(recording.path, 0, recording.duration_s)
    stroke = resample(segment[rng.integers(len(segment)), None], sampling_rate, SAMPLING_RATE)[0]
    stroke *= gain_to(1.0, stroke)
    # Without what comes before it.
    stroke = stroke[np.argmax(np.abs(stroke) > 0.01) :]
    length = min(len(stroke), int(step * rng.uniform(0.5, 4.0)))
    stroke = stroke[:length] * np.linspace(1, 0, length)
    audio = np.zeros((1, num_samples + length), np.float32)
    for number, start in enumerate(range(int(rng.integers(step)), num_samples, step)):
        audio[0, start : start + length] += accents[number % len(accents)] * stroke
    return audio[:, :num_samples]


def draw_validation_crops(
    recordings: Sequence[Recording], num_samples: int, batch_size: int, seed: int, lowpassed: bool = True
) -> list[dict[str, Tensor]]:
    """One crop of each recording, of at most 128, the same for the same seed, in batches.

    Raises:
        ValueError: If all are silent or can't be read.
    """
    every = -(-len(recordings) // MAX_VALIDATION_CROPS)
    crops = []
    for index, recording in enumerate(recordings[::every]):
        try:
            crops.append(CropDataset([recording], num_samples, {recording.kind: 1.0}, seed, lowpassed=lowpassed)[index])
        except ValueError as error:
            logger.warning("not used for validation: %s", error)
    if not crops:
        raise ValueError(f"{len(recordings)} recordings, from {recordings[0].path} on, are silent or can't be read.")
    return [default_collate(crops[start : start + batch_size]) for start in range(0, len(crops), batch_size)]
