"""Puts trained components together into a pipeline folder."""

from dataclasses import dataclass

import torch
from diffusers import AudioLDM2UNet2DConditionModel, AutoencoderDC

from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.vocoder import ISTFTVocoder
from audiosr_pipeline.pipelines.audiosr import AudioSRPipeline
from audiosr_pipeline.training.ldm import build_scheduler


@dataclass(frozen=True, kw_only=True)
class AssemblySettings:
    """Where the components are, and the settings that the pipeline gets by default."""

    vae: str = "runs/vae/best"
    ldm: str = "runs/ldm/best"
    vocoder: str = "runs/vocoder/best"
    output: str = "runs/audiosr-mini"
    num_inference_steps: int = 10
    guidance_scale: float = 1.0
    eta: float = 1.0
    window_s: float = 2.56


def assemble(settings: AssemblySettings) -> None:
    """Writes the pipeline to `settings.output`; the UNet and the vocoder in half precision, which loads as single."""
    pipe = AudioSRPipeline(
        vae=AutoencoderDC.from_pretrained(settings.vae),
        unet=AudioLDM2UNet2DConditionModel.from_pretrained(settings.ldm, dtype=torch.float16),
        vocoder=ISTFTVocoder.from_pretrained(settings.vocoder, dtype=torch.float16),
        feature_extractor=MelFeatureExtractor(),
        scheduler=build_scheduler(),
        default_num_inference_steps=settings.num_inference_steps,
        default_guidance_scale=settings.guidance_scale,
        default_eta=settings.eta,
        window_s=settings.window_s,
    )
    pipe.save_pretrained(settings.output)
