"""A real pipeline of tiny random components, and signals to feed it."""

import os
from pathlib import Path

import pytest
import torch
from diffusers import AudioLDM2UNet2DConditionModel, AutoencoderDC

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.models.envelope_predictor import EnvelopePredictor
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.vocoder import ISTFTVocoder
from audiosr_pipeline.training.ldm import build_scheduler
from audiosr_pipeline.training.vae import build_autoencoder, initialise_from_components
from tests.official import recipe_checkpoint

# Tiny networks are several times slower on two threads than on one. The variable is for processes that tests start.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


def build_tiny_vae() -> AutoencoderDC:
    """A real autoencoder: 16 random orthogonal directions of mel patches."""
    generator = torch.Generator().manual_seed(1)
    directions = torch.linalg.qr(torch.randn(64, 64, generator=generator)).Q[:16]
    vae = build_autoencoder()
    initialise_from_components(vae, directions, torch.ones(16), mel_mean=-7.0)
    return vae.eval()


def build_tiny_unet() -> AudioLDM2UNet2DConditionModel:
    """A random UNet of the real class, with two levels."""
    torch.manual_seed(0)
    return AudioLDM2UNet2DConditionModel(
        sample_size=32,
        in_channels=32,
        out_channels=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=[[None, None]] * 2,
        attention_head_dim=(1, 2),
        transformer_layers_per_block=1,
    ).eval()


def build_tiny_envelope_predictor() -> EnvelopePredictor:
    """One that expects levels some dB below the input's, with a random course."""
    torch.manual_seed(2)
    return EnvelopePredictor(hidden_size=8, intermediate_size=8, dilations=(1, 2), level_frames=9).eval()


def build_tiny_pipeline(**settings) -> AudioSRPipeline:
    """The pipeline, silent about its progress: two steps, no guidance, windows of 1.28 s unless `settings` differ."""
    torch.manual_seed(0)
    vocoder = ISTFTVocoder(hidden_size=16, intermediate_size=32, num_layers=2).eval()
    defaults = {"default_num_inference_steps": 2, "default_guidance_scale": 1.0, "default_eta": 0.0, "window_s": 1.28}
    defaults["envelope_predictor"] = build_tiny_envelope_predictor()
    pipe = AudioSRPipeline(
        build_tiny_vae(),
        build_tiny_unet(),
        vocoder,
        MelFeatureExtractor(),
        build_scheduler(),
        **{**defaults, **settings},
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="session")
def tiny_pipeline() -> AudioSRPipeline:
    """Not to be changed by a test."""
    return build_tiny_pipeline()


@pytest.fixture(scope="session")
def official_checkpoint(tmp_path_factory) -> Path:
    """A `pytorch_model.bin` in the official form, with a narrow model's weights."""
    path = tmp_path_factory.mktemp("official") / "pytorch_model.bin"
    torch.save({"state_dict": recipe_checkpoint()}, path)
    return path
