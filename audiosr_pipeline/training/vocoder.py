"""Trains `ISTFTVocoder` on the true mel spectrogram."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.vocoder import ISTFTVocoder
from audiosr_pipeline.training.dataset import read_manifest
from audiosr_pipeline.training.loop import Batch, TrainingSettings, train
from audiosr_pipeline.training.losses import multi_resolution_stft_loss


@dataclass(frozen=True, kw_only=True)
class VocoderSettings(TrainingSettings):
    """Settings of the vocoder's training."""

    output: str = "runs/vocoder"
    crop_s: float = 0.64
    num_steps: int = 3_000
    mel_weight: float = 1.0


def train_vocoder(settings: VocoderSettings) -> None:
    """Trains on crops of the truth: mel L1 and multi-resolution STFT loss."""
    torch.manual_seed(settings.seed)
    feature_extractor = MelFeatureExtractor()
    vocoder = ISTFTVocoder()

    def loss_of(batch: Batch, generator: torch.Generator) -> Tensor:
        audio = batch["audio"]
        mel = feature_extractor(audio)
        estimate = vocoder(mel[:, 0])
        mel_loss = (feature_extractor(estimate) - mel).abs().mean()
        return settings.mel_weight * mel_loss + multi_resolution_stft_loss(estimate, audio)

    recordings = read_manifest(settings.manifest)
    train(vocoder, loss_of, recordings, settings, lambda: vocoder.save_pretrained(Path(settings.output) / "best"))
