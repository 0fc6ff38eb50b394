"""Fits the predictor of levels: kernel ridge regressions, solved as they stand."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.level_predictor import LevelPredictor
from audiosr_pipeline.training.cliff import continue_band
from audiosr_pipeline.training.dataset import FREE_LICENCES, KINDS, CropDataset, find_recordings
from audiosr_pipeline.training.loop import TrainingSettings, other_default, setting
from audiosr_pipeline.training.saving import saving
from audiosr_pipeline.writing import new_folder

BATCH_SIZE = 8


@dataclass(frozen=True, kw_only=True)
class LevelSettings:
    """What the predictor is fitted to, and how closely."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {"mini": {}}

    data: tuple[str, ...] = field(metadata=TrainingSettings.__dataclass_fields__["data"].metadata)
    output: str = setting("runs/level", "folder of the fitted predictor")
    licences: str = other_default("licences", FREE_LICENCES)
    num_crops: int = setting(6_000, "crops that it is fitted to")
    crop_s: float = other_default("crop_s", 5.12)
    num_centres: int = setting(1_000, "of these crops, those that the predictor keeps to compare with")
    ridge: float = setting(0.2, "penalty on what is predicted being uneven")
    speech: float = other_default("speech", 0.25)
    music: float = other_default("music", 0.35)
    effects: float = other_default("effects", 0.4)
    num_workers: int = other_default("num_workers", 1)
    seed: int = other_default("seed", 0)

    def __post_init__(self) -> None:
        for name, lowest in (("num_crops", 1), ("num_centres", 1), ("ridge", 0), ("crop_s", 0)):
            if not getattr(self, name) > 0:
                accepted = f"whole numbers from {lowest} on" if lowest else "numbers above 0"
                raise ValueError(f"{name}={getattr(self, name)}; accepted are {accepted}.")


def fit_level(settings: LevelSettings) -> None:
    """Fits, for each number of known bands, the mean levels of those above; the truth's are continued to full band.

    Raises:
        OSError: If something can't be read or written, or `settings.output` is there and not empty.
        ValueError: As `find_recordings` and `CropDataset`.
    """
    with new_folder(settings.output) as folder:
        recordings, _ = find_recordings(settings.data, settings.licences)
        feature_extractor = MelFeatureExtractor()
        num_centres = min(settings.num_centres, settings.num_crops)
        model = LevelPredictor(num_centres=num_centres, log_floor=feature_extractor.log_floor)
        shares = {kind: getattr(settings, kind) for kind in KINDS}
        crops = CropDataset(recordings, round(settings.crop_s * feature_extractor.sampling_rate), shares, settings.seed)
        loader = DataLoader(crops, BATCH_SIZE, sampler=range(settings.num_crops), num_workers=settings.num_workers)
        statistics, targets = [], []
        for batch in tqdm(loader, desc="crops", unit_scale=BATCH_SIZE):
            mel = feature_extractor(batch["audio"])
            statistics.append(model.statistics(mel))
            continued = torch.stack([continue_band(clip, feature_extractor.log_floor) for clip in mel])
            targets.append(model.statistics(continued)[:, 0])
        solve(model, torch.cat(statistics), torch.cat(targets), settings.ridge)
        with saving(settings.output):
            model.save_pretrained(folder)


def solve(model: LevelPredictor, statistics: Tensor, targets: Tensor, ridge: float) -> None:
    """Sets the model's centres to the first clips, and its weights to the regressions of levels on likeness to them.

    Args:
        model: What is fitted.
        statistics: Of full-band clips, at least as many as centres, as `LevelPredictor.statistics` gives them.
        targets: Mean levels `(clips, bands)`.
        ridge: Penalty on the predictions' squared norm in the kernel's space, above 0.
    """
    # As they are when stored in half precision.
    model.centres.copy_(statistics[: len(model.centres)].half())
    for num_known in range(1, targets.shape[1]):
        between, _ = model.similarities(model.centres, num_known)
        inputs, reference = model.similarities(statistics, num_known)
        wanted = (targets - reference)[:, num_known:]
        mean = wanted.mean(0)
        # Two centres may be the same.
        penalty = ridge * between + 1e-6 * torch.eye(len(between), dtype=between.dtype)
        weight = torch.linalg.solve(inputs.mT @ inputs + penalty, inputs.mT @ (wanted - mean))
        model.weight[num_known, :-1, num_known:] = weight.float()
        model.weight[num_known, -1, num_known:] = mean.float()
