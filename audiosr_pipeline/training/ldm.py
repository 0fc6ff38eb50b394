"""Trains the latent diffusion model: v-prediction on a cosine schedule with zero terminal SNR (paper, section 3.2)."""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AudioLDM2UNet2DConditionModel, AutoencoderDC, DDIMScheduler
from torch import Tensor

from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.pipelines.audiosr import UNCONDITIONAL_LATENT
from audiosr_pipeline.training.cliff import continue_band
from audiosr_pipeline.training.dataset import read_manifest
from audiosr_pipeline.training.loop import Batch, TrainingSettings, train

TIMESTEP_BIAS = 0.6


@dataclass(frozen=True, kw_only=True)
class LDMSettings(TrainingSettings):
    """Settings of the diffusion model's training."""

    output: str = "runs/ldm"
    vae: str = "runs/vae/best"
    num_steps: int = 8_000
    condition_dropout: float = 0.1
    mixed_precision: str = "no"


def build_unet(latent_channels: int = 16) -> AudioLDM2UNet2DConditionModel:
    """The UNet of audiosr-mini: the class and block types of the official one, three levels, narrow."""
    return AudioLDM2UNet2DConditionModel(
        sample_size=32,
        in_channels=2 * latent_channels,
        out_channels=latent_channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(64, 96, 128),
        layers_per_block=1,
        cross_attention_dim=[[None, None]] * 3,
        attention_head_dim=(2, 3, 4),
        transformer_layers_per_block=1,
    )


def build_scheduler() -> DDIMScheduler:
    """Cosine schedule that ends in pure noise, sampled from that end."""
    return DDIMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )


def train_ldm(settings: LDMSettings) -> None:
    """Trains the UNet to denoise the latent of the truth, given the latent of the low-passed input.

    Raises:
        ValueError: If `mixed_precision` is neither "no" nor "bf16".
    """
    if settings.mixed_precision not in ("no", "bf16"):
        raise ValueError(f'mixed_precision="{settings.mixed_precision}"; accepted are no, bf16.')
    torch.manual_seed(settings.seed)
    feature_extractor = MelFeatureExtractor()
    vae = AutoencoderDC.from_pretrained(settings.vae).eval().requires_grad_(False)
    scheduler = build_scheduler()
    unet = build_unet(vae.config.latent_channels).to(memory_format=torch.channels_last)
    num_timesteps = scheduler.config.num_train_timesteps
    scaling_factor = vae.config.scaling_factor

    def loss_of(batch: Batch, generator: torch.Generator) -> Tensor:
        with torch.no_grad():
            mel, lowpassed = feature_extractor(torch.cat([batch["audio"], batch["lowpassed"]])).chunk(2)
            mel = torch.stack([continue_band(clip, feature_extractor.log_floor) for clip in mel])
            clean, condition = vae.encode(torch.cat([mel, lowpassed])).latent.chunk(2)
        clean = clean * scaling_factor
        batch_size = len(clean)
        dropped = torch.rand(batch_size, generator=generator) < settings.condition_dropout
        condition = torch.where(dropped[:, None, None, None], UNCONDITIONAL_LATENT, condition) * scaling_factor
        # One timestep from each part of the schedule: less noise in the loss than independent draws.
        position = (torch.arange(batch_size) + torch.rand(batch_size, generator=generator)) / batch_size
        # More of them near pure noise: neighbouring latents are alike, so what a clip is like as a whole (its level,
        # its band edge) still shows through noise that hides the details, and is decided there.
        timesteps = (position**TIMESTEP_BIAS * num_timesteps).long()
        noise = torch.randn(clean.shape, generator=generator)
        noisy = scheduler.add_noise(clean, noise, timesteps)
        velocity = scheduler.get_velocity(clean, noise, timesteps)
        with torch.autocast(clean.device.type, torch.bfloat16, enabled=settings.mixed_precision == "bf16"):
            predicted = unet(torch.cat([noisy, condition], dim=1), timesteps, encoder_hidden_states=None).sample
        return (predicted.float() - velocity).square().mean()

    recordings = read_manifest(settings.manifest)
    train(unet, loss_of, recordings, settings, lambda: unet.save_pretrained(Path(settings.output) / "best"))
