"""Trains `ISTFTVocoder` with spectral losses and, if asked, against discriminators."""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderDC
from torch import Tensor

from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.vocoder import ISTFTVocoder
from audiosr_pipeline.training.dataset import read_manifest
from audiosr_pipeline.training.discriminators import Adversary
from audiosr_pipeline.training.loop import Batch, TrainingSettings, train
from audiosr_pipeline.training.losses import multi_resolution_stft_loss


@dataclass(frozen=True, kw_only=True)
class VocoderSettings(TrainingSettings):
    """Settings of the vocoder's training; `initial` names a trained vocoder to go on from, `vae` an autoencoder whose
    mels half of the crops get.

    With an `adversarial_weight` above 0 the discriminators see `adversarial_s` seconds of each crop.
    """

    output: str = "runs/vocoder"
    initial: str = ""
    vae: str = ""
    crop_s: float = 0.64
    num_steps: int = 3_000
    mel_weight: float = 1.0
    stft_weight: float = 1.0
    adversarial_weight: float = 0.0
    matching_weight: float = 2.0
    adversarial_s: float = 0.32
    discriminator_channels: int = 16


def train_vocoder(settings: VocoderSettings) -> None:
    """Trains on crops of the truth: mel L1, multi-resolution STFT loss, adversarial loss and feature matching."""
    torch.manual_seed(settings.seed)
    feature_extractor = MelFeatureExtractor()
    vocoder = ISTFTVocoder.from_pretrained(settings.initial) if settings.initial else ISTFTVocoder()
    vae = AutoencoderDC.from_pretrained(settings.vae).eval().requires_grad_(False) if settings.vae else None
    is_adversarial = settings.adversarial_weight > 0
    adversary = Adversary(settings.discriminator_channels, settings.learning_rate) if is_adversarial else None
    num_judged = round(settings.adversarial_s * 48_000)

    def loss_of(batch: Batch, generator: torch.Generator) -> Tensor:
        audio = batch["audio"]
        mel = feature_extractor(audio)
        given = mel
        if vae is not None:
            with torch.no_grad():
                decoded = vae.decode(vae.encode(mel[::2]).latent).sample
            given = mel.clone()
            given[::2] = decoded
        first_frame = int(torch.randint(2_000, (), generator=generator))
        estimate = vocoder(given[:, 0], first_frame)
        mel_loss = (feature_extractor(estimate) - mel).abs().mean()
        loss = settings.mel_weight * mel_loss + settings.stft_weight * multi_resolution_stft_loss(estimate, audio)
        if adversary is None or not torch.is_grad_enabled():
            return loss
        start = int(torch.randint(audio.shape[-1] - num_judged + 1, (), generator=generator))
        judged = slice(start, start + num_judged)
        adversary.update(estimate[:, judged], audio[:, judged])
        adversarial, matching = adversary.generator_losses(estimate[:, judged], audio[:, judged])
        return loss + settings.adversarial_weight * adversarial + settings.matching_weight * matching

    recordings = read_manifest(settings.manifest)
    train(
        vocoder,
        loss_of,
        recordings,
        settings,
        lambda: vocoder.save_pretrained(Path(settings.output) / "best"),
        adversary,
    )
