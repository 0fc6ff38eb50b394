"""Crops of recordings with labels and captions, at any rate: for generators, which learn from what sounds as it is."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from audiosr_pipeline.audio_io import AudioFileError
from audiosr_pipeline.training.dataset import (
    MAX_DRAWS,
    MAX_VALIDATION_CROPS,
    Recording,
    TrainingData,
    find_recordings,
    gain_to,
    read_crop,
)
from audiosr_pipeline.training.settings import FREE_LICENCES

# Range of the crops' peaks, in nepers: 0.9, and 6 dB below it.
PEAKS = (float(np.log(0.45)), float(np.log(0.9)))

logger = logging.getLogger(__name__)


def find_labelled(
    data: Sequence[Path | str], licences: str = FREE_LICENCES, labels: Sequence[str] = ()
) -> tuple[list[Recording], list[Recording]]:
    """Finds recordings that have a label, as `find_recordings` does: a manifest's column `label`, or a subfolder.

    Args:
        data: Folders with a subfolder for each label, and CSV manifests.
        licences: Regular expression of the whole licence.
        labels: Which are wanted; none: all that are found.

    Returns:
        Training and validation recordings.

    Raises:
        OSError: If there is no such folder or manifest.
        ValueError: If a manifest isn't one, nothing has a label, or there is no training recording of one.
    """
    training, held_out = find_recordings(data, licences)
    found = sorted({recording.label for recording in training} - {""})
    if missing := sorted(set(labels) - set(found)):
        raise ValueError(f"there are no recordings to train on of {', '.join(missing)}; labels found are {found}.")
    if not found:
        raise ValueError(
            f"{', '.join(map(str, data))}: no recording has a label. Needed is a column `label` in a manifest, or a "
            "folder with a subfolder for each label."
        )
    if unlabelled := sum(recording.label not in found for recording in training + held_out):
        logger.warning("%d recordings without one of the labels %s are left out", unlabelled, ", ".join(found))
    wanted = set(labels or found)
    training = [recording for recording in training if recording.label in wanted]
    held_out = [recording for recording in held_out if recording.label in wanted]
    if not held_out:
        raise ValueError(
            f"none of the {len(training)} recordings of {', '.join(sorted(wanted))} is held out for validation, which "
            "a sixteenth is by its name: add recordings."
        )
    return training, held_out


class LabelledCrops(TrainingData):
    """Crops of recordings with labels; each label is drawn as often as any other.

    Item i depends on the seed and i alone; there is one for every i from 0 on. It is `{"audio": (num_samples,),
    "label": (), "index": (), "num_skipped": ()}`, the label a number, the audio at a random level. A recording that is
    shorter than a crop ends in silence. Silent crops, and recordings that can't be read, are passed over: of the latter
    `num_skipped` says how many, and a warning which.

    Args:
        recordings: Files to draw from; within a label, in proportion to their duration, at most 60 s.
        labels: Names by number.
        num_samples: Length of a crop in samples.
        sampling_rate: Rate of the crops in Hz.
        seed: Of the stream.
    """

    def __init__(
        self, recordings: Sequence[Recording], labels: Sequence[str], num_samples: int, sampling_rate: int, seed: int
    ):
        self.num_samples, self.sampling_rate, self.seed = num_samples, sampling_rate, seed
        self.labels = list(labels)
        self.recordings = {label: [each for each in recordings if each.label == label] for label in labels}
        self.present = [number for number, label in enumerate(self.labels) if self.recordings[label]]
        lengths = {label: np.array([min(each.duration_s, 60.0) for each in self.recordings[label]]) for label in labels}
        self.shares = {label: length / length.sum() for label, length in lengths.items() if len(length)}
        self._reported: set[str] = set()

    @property
    def used_recordings(self) -> list[Recording]:
        """What crops are drawn of."""
        return [each for label in self.labels for each in self.recordings[label]]

    def validation_batches(self, held_out: Sequence[Recording], batch_size: int) -> list[dict[str, Tensor]]:
        """A crop of each of other recordings, of at most 128, in batches.

        Raises:
            ValueError: If all are silent or can't be read.
        """
        every = -(-len(held_out) // MAX_VALIDATION_CROPS)
        crops = []
        for index, recording in enumerate(held_out[::every]):
            alone = LabelledCrops([recording], self.labels, self.num_samples, self.sampling_rate, self.seed)
            try:
                crops.append(alone[index])
            except ValueError as error:
                logger.warning("not used for validation: %s", error)
        if not crops:
            raise ValueError(f"{len(held_out)} recordings, from {held_out[0].path} on, are silent or can't be read.")
        return [default_collate(crops[start : start + batch_size]) for start in range(0, len(crops), batch_size)]

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self.seed, index])
        num_skipped = 0
        for _ in range(MAX_DRAWS):
            number = self.present[rng.integers(len(self.present))]
            label = self.labels[number]
            recording = self.recordings[label][rng.choice(len(self.recordings[label]), p=self.shares[label])]
            try:
                audio = read_crop(recording, self.num_samples, rng, self.sampling_rate)[0]
            except AudioFileError as error:
                num_skipped += 1
                if str(error) not in self._reported:
                    self._reported.add(str(error))
                    logger.warning("skipped: %s", error)
                continue
            if audio.any():
                audio = gain_to(float(np.exp(rng.uniform(*PEAKS))), audio) * audio
                return {
                    "audio": torch.from_numpy(audio.astype(np.float32)),
                    "label": torch.tensor(number),
                    "index": torch.tensor(index),
                    "num_skipped": torch.tensor(num_skipped),
                }
        raise ValueError(
            f"of {MAX_DRAWS} crops in a row {num_skipped} could not be read and the others are silent: look at "
            f"{self.used_recordings[0].path} and the other recordings."
        )
