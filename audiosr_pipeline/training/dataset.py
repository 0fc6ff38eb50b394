"""Random crops of the files that a manifest lists."""

import csv
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from audiosr_pipeline.audio_io import read_segment
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.training.simulate import draw_lowpass, simulate_low_resolution

FREE_LICENCES = re.compile(r"(CC0|CC-BY|Public domain)(-\d+(\.\d+)*)?$")
VALIDATION_SHARE = 16
MARGIN_S = 0.1
SAMPLING_RATE = 48_000


@dataclass(frozen=True)
class Recording:
    """One row of a manifest: where the audio is, how long it is, its rate in Hz and its kind."""

    path: Path
    kind: str
    duration_s: float
    sampling_rate: int


def read_manifest(manifests: Sequence[Path | str]) -> tuple[list[Recording], list[Recording]]:
    """Reads the training rows of CSV manifests and splits them into training and validation recordings.

    Only rows with `split == "train"` and a licence of `FREE_LICENCES` (CC0, CC-BY, public domain) count. Takes of one
    recording (`...-A`, `...-B`) stay on one side.

    Args:
        manifests: CSV files with the columns `path` (relative to the manifest), `split`, `kind`, `licence`,
            `duration_s` and `sample_rate`.

    Returns:
        Training and validation recordings.

    Raises:
        ValueError: If no row can be used.
    """
    training: list[Recording] = []
    validation: list[Recording] = []
    for manifest in map(Path, manifests):
        with manifest.open(newline="") as file:
            for row in csv.DictReader(file):
                if row["split"] != "train" or not FREE_LICENCES.match(row["licence"]):
                    continue
                recording = Recording(
                    manifest.parent / row["path"], row["kind"], float(row["duration_s"]), int(row["sample_rate"])
                )
                take_of = re.sub(r"-[A-Z]$", "", recording.path.stem)
                held_out = zlib.crc32(take_of.encode()) % VALIDATION_SHARE == 0
                (validation if held_out else training).append(recording)
    if not training or not validation:
        raise ValueError(
            f"manifests {[str(m) for m in manifests]} give {len(training)} training and {len(validation)} validation "
            "recordings; both are needed: rows with split 'train' and a CC0, CC-BY or public-domain licence."
        )
    return training, validation


class CropDataset(IterableDataset):
    """An endless stream of crops: the truth, and the same crop low-passed at a random cutoff.

    Every item is `{"audio": (num_samples,), "lowpassed": (num_samples,), "cutoff_freq": ()}` at 48 kHz.

    Args:
        recordings: Files to draw from; within a kind, a file is drawn in proportion to its duration, at most 60 s.
        num_samples: Length of a crop in samples at 48 kHz.
        kind_weights: Share of each kind in the stream.
        seed: Start of the stream; each worker has its own.
    """

    def __init__(self, recordings: Sequence[Recording], num_samples: int, kind_weights: dict[str, float], seed: int):
        self.recordings = {kind: [r for r in recordings if r.kind == kind] for kind in kind_weights}
        self.num_samples = num_samples
        self.kind_weights = kind_weights
        self.seed = seed

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        kinds = [kind for kind, weight in self.kind_weights.items() if weight and self.recordings[kind]]
        weights = np.array([self.kind_weights[kind] for kind in kinds])
        # A short file must not be drawn as often as a long one, nor may a long one drown all the others.
        shares = {kind: np.array([min(r.duration_s, 60.0) for r in self.recordings[kind]]) for kind in kinds}
        while True:
            kind = kinds[rng.choice(len(kinds), p=weights / weights.sum())]
            # Instrument libraries hold single notes: two at a time are closer to music.
            num_recordings = 2 if kind == "music" and rng.random() < 0.5 else 1
            chosen = rng.choice(len(shares[kind]), size=num_recordings, p=shares[kind] / shares[kind].sum())
            yield draw_crop([self.recordings[kind][index] for index in chosen], self.num_samples, rng)


def draw_crop(recordings: Sequence[Recording], num_samples: int, rng: np.random.Generator) -> dict[str, Tensor]:
    """One random crop of the recordings' sum, at a random level, with its low-passed version."""
    margin = int(MARGIN_S * SAMPLING_RATE)
    audio = np.zeros((1, num_samples + 2 * margin), np.float32)
    for recording in recordings:
        audio += _read_crop(recording, audio.shape[-1], rng)
    # Inference sets a clip's peak to 0.5; most windows of the clip are quieter than its loudest. Amplifying at most
    # 30-fold keeps a recording's noise floor from becoming programme.
    gain = min(0.5 / (np.abs(audio).max() + 1e-8), 30.0) * np.exp(rng.uniform(-2.3, 0.0))
    audio = (gain * audio).astype(np.float32)
    settings = draw_lowpass(rng)
    lowpassed = simulate_low_resolution(audio, settings)
    inner = slice(margin, margin + num_samples)
    return {
        "audio": torch.from_numpy(audio[0, inner].copy()),
        "lowpassed": torch.from_numpy(lowpassed[0, inner].copy()),
        "cutoff_freq": torch.tensor(settings.cutoff_freq),
    }


def _read_crop(recording: Recording, num_samples: int, rng: np.random.Generator) -> np.ndarray:
    """A random crop `(1, num_samples)` of a random channel at 48 kHz, without DC; silence where the file has none."""
    wanted_s = num_samples / SAMPLING_RATE
    start_s = rng.uniform(-MARGIN_S, max(0.0, recording.duration_s - wanted_s) + MARGIN_S)
    segment = read_segment(recording.path, start_s, wanted_s)
    channel = segment[rng.integers(len(segment))]
    # The silence outside the file has no DC: without it too, it would step to and from the file's.
    sounding = np.trim_zeros(channel)
    if len(sounding):
        sounding -= sounding.mean()
    audio = resample(channel[None], recording.sampling_rate, SAMPLING_RATE)
    return np.pad(audio, ((0, 0), (0, max(0, num_samples - audio.shape[-1]))))[:, :num_samples]


def draw_validation_crops(
    recordings: Sequence[Recording], num_samples: int, batch_size: int, seed: int
) -> list[dict[str, Tensor]]:
    """One crop of each recording, the same for the same seed, in batches."""
    rng = np.random.default_rng(seed)
    crops = [draw_crop([recording], num_samples, rng) for recording in recordings]
    return [
        {key: torch.stack([crop[key] for crop in crops[start : start + batch_size]]) for key in crops[0]}
        for start in range(0, len(crops), batch_size)
    ]
