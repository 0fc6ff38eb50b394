"""The pipeline of the official checkpoint's classes, made tiny."""

import torch
from diffusers import AutoencoderKL, DDIMScheduler
from torch import nn
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from tests.conftest import build_tiny_unet


def build_official_vae() -> AutoencoderKL:
    torch.manual_seed(1)
    return AutoencoderKL(
        in_channels=1,
        out_channels=1,
        latent_channels=16,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 4, 4),
        norm_num_groups=2,
        sample_size=256,
        scaling_factor=0.5,
    ).eval()


def build_official_vocoder() -> SpeechT5HifiGan:
    torch.manual_seed(2)
    vocoder = SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=256,
            sampling_rate=48_000,
            upsample_initial_channel=32,
            upsample_rates=[6, 5, 4, 2, 2],
            upsample_kernel_sizes=[12, 10, 8, 4, 4],
            resblock_kernel_sizes=[3],
            resblock_dilation_sizes=[[1, 3]],
            normalize_before=False,
        )
    ).eval()
    # As it is initialised, it is silent, and every comparison of its output holds.
    for module in vocoder.modules():
        if isinstance(module, (nn.Conv1d, nn.ConvTranspose1d)):
            nn.init.kaiming_normal_(module.weight)
    return vocoder


def build_official_pipeline(**settings) -> AudioSRPipeline:
    """As `build_tiny_pipeline`, but with guidance and eta, as the official checkpoint is used."""
    defaults = {"default_num_inference_steps": 2, "default_guidance_scale": 3.5, "default_eta": 1.0, "window_s": 1.28}
    scheduler = DDIMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    pipe = AudioSRPipeline(
        build_official_vae(),
        build_tiny_unet(),
        build_official_vocoder(),
        MelFeatureExtractor(),
        scheduler,
        **{**defaults, **settings},
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe
