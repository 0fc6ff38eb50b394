"""Trains the latent diffusion model: v-prediction on a cosine schedule with zero terminal SNR (paper, section 3.2)."""

from pathlib import Path

import torch
from diffusers import AudioLDM2UNet2DConditionModel, DDIMScheduler
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor
from torch.nn.functional import avg_pool2d

from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.official import build_official_unet
from audiosr_pipeline.pipelines.sampling import UNCONDITIONAL_LATENT
from audiosr_pipeline.pipelines.weight_checks import load_part
from audiosr_pipeline.training.cliff import continue_band
from audiosr_pipeline.training.dataset import crop_generators, find_recordings, training_crops
from audiosr_pipeline.training.degrade import DegradationShares
from audiosr_pipeline.training.loop import Batch, launch, train
from audiosr_pipeline.training.parts import fingerprint, read_trained_with
from audiosr_pipeline.training.settings import LDMSettings
from audiosr_pipeline.training.vae import Autoencoder, encode, load_autoencoder

TIMESTEP_BIAS = 0.6
# Multiples of it, without their whole part, fill the unit interval evenly, however many there are.
GOLDEN_RATIO = (5**0.5 - 1) / 2
PREVIEW_STEPS = 10
PATCH_SIZES = (2, 4, 8)


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


def patch_loss(error: Tensor, patch_weight: float) -> Tensor:
    """Mean square of an error, and of its means over patches of 2x2, 4x4 and 8x8 latents.

    Errors of one sign in neighbouring latents are a small part of the mean square, but decide how level and timbre go
    through a clip: with it alone, steady sounds get spots that come and go with the initial noise. What is least where
    the mean square is, at the expected velocity, is least there in the sum too.

    Args:
        error: `(batch, latent_channels, num_latent_frames, num_bins)`.
        patch_weight: Of the patches; 0 leaves the mean square.
    """
    loss = error.square().mean()
    for size in PATCH_SIZES if patch_weight else ():
        means = avg_pool2d(error, [min(size, extent) for extent in error.shape[2:]])
        loss = loss + patch_weight * size / 2 * means.square().mean()
    return loss


def train_ldm(settings: LDMSettings) -> None:
    """Trains the UNet to denoise the latent of the truth, given the latent of the low-passed input.

    Raises:
        As `train` and `find_recordings`; ValueError if the weights to start from were trained with another autoencoder.
    """
    accelerator = launch(settings)
    recordings, held_out = find_recordings(settings.data, settings.licences)
    feature_extractor = MelFeatureExtractor()
    vae = load_autoencoder(settings.vae).to(accelerator.device).eval().requires_grad_(False)
    if settings.initial:
        _check_initial(settings, vae)
    scheduler = build_scheduler()
    unet = _start(settings, vae.config.latent_channels).to(memory_format=torch.channels_last).train()
    num_timesteps = scheduler.config.num_train_timesteps
    scaling_factor = vae.config.scaling_factor

    def predict(noisy: Tensor, condition: Tensor, timesteps: Tensor) -> Tensor:
        with accelerator.autocast():
            return unet(torch.cat([noisy, condition], dim=1), timesteps, encoder_hidden_states=None).sample.float()

    def loss_of(batch: Batch, generator: torch.Generator) -> Tensor:
        mel, lowpassed = feature_extractor(torch.cat([batch["audio"], batch["lowpassed"]])).chunk(2)
        mel = torch.stack([continue_band(clip, feature_extractor.log_floor) for clip in mel])
        with torch.no_grad():
            clean, condition = encode(vae, torch.cat([mel, lowpassed])).chunk(2)
        clean = clean * scaling_factor
        generators = crop_generators(batch, settings.seed)
        draws = torch.stack([torch.rand((), generator=generator) for generator in generators]).to(clean.device)
        dropped = (draws < settings.condition_dropout)[:, None, None, None]
        condition = torch.where(dropped, UNCONDITIONAL_LATENT, condition) * scaling_factor
        # Spread over the schedule: less noise in the loss than independent draws.
        position = batch["index"].double() * GOLDEN_RATIO % 1
        # More of them near pure noise: neighbouring latents are alike, so what a clip is like as a whole (its level,
        # its band edge) still shows through noise that hides the details, and is decided there.
        timesteps = (position**TIMESTEP_BIAS * num_timesteps).long()
        noise = randn_tensor(clean.shape, generators, clean.device)
        noisy = scheduler.add_noise(clean, noise, timesteps)
        velocity = scheduler.get_velocity(clean, noise, timesteps)
        return patch_loss(predict(noisy, condition, timesteps) - velocity, settings.patch_weight)

    def preview(batch: Batch) -> dict[str, Tensor]:
        mel, lowpassed = feature_extractor(torch.cat([batch["audio"][:1], batch["lowpassed"][:1]])).chunk(2)
        condition = encode(vae, lowpassed) * scaling_factor
        latents = randn_tensor(condition.shape, torch.Generator().manual_seed(0), condition.device)
        sampler = build_scheduler()
        sampler.set_timesteps(PREVIEW_STEPS, condition.device)
        for timestep in sampler.timesteps:
            velocity = predict(latents, condition, timestep[None])
            latents = sampler.step(velocity, timestep, latents).prev_sample
        generated = vae.decode(latents / scaling_factor).sample
        return {"true": mel[0, 0], "given": lowpassed[0, 0], "generated": generated[0, 0]}

    degradation = DegradationShares(settings.shelf, settings.holes, settings.resampler, settings.quantisation)
    train(
        accelerator,
        unet,
        loss_of,
        training_crops(settings, recordings, degradation),
        held_out,
        settings,
        unet.save_pretrained,
        preview=preview,
        builds_on={"vae": vae},
    )


def _start(settings: LDMSettings, latent_channels: int) -> AudioLDM2UNet2DConditionModel:
    """The UNet that training begins with."""
    if settings.initial:
        return load_part(AudioLDM2UNet2DConditionModel, settings.initial)
    return build_official_unet(settings.official_width) if settings.official_width else build_unet(latent_channels)


def _check_initial(settings: LDMSettings, vae: Autoencoder) -> None:
    """Raises ValueError if the weights to start from are known to belong to another autoencoder.

    A run's `best/` says which it was trained with; in a pipeline's folder it is the one beside it.
    """
    initial = Path(settings.initial)
    trained_with, beside = read_trained_with(initial), initial.absolute().parent / "vae"
    if trained_with is not None:
        expected, source = trained_with.get("vae"), ""
    elif beside.with_name("model_index.json").is_file() and beside.is_dir():
        expected, source = fingerprint(load_autoencoder(beside)), f", {beside}"
    else:
        return
    if expected != (own := fingerprint(vae)):
        raise ValueError(
            f"initial={initial} was trained with another autoencoder (SHA-256 {str(expected)[:12]}{source}) than "
            f"vae={settings.vae} ({own[:12]}), whose latents mean something else: pass the one that it was trained "
            "with, or start without initial."
        )
