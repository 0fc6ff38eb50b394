"""Puts trained components together into a pipeline folder."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from diffusers import AudioLDM2UNet2DConditionModel

from audiosr_pipeline.models.envelope_predictor import EnvelopePredictor
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.pipelines.audiosr import AudioSRPipeline
from audiosr_pipeline.training.ldm import build_scheduler
from audiosr_pipeline.training.parts import check_trained_with, load_part
from audiosr_pipeline.training.saving import saving
from audiosr_pipeline.training.settings import setting
from audiosr_pipeline.training.vae import load_autoencoder
from audiosr_pipeline.training.vocoder import load_any_vocoder
from audiosr_pipeline.writing import new_folder


@dataclass(frozen=True, kw_only=True)
class AssemblySettings:
    """Where the components are, and the settings that the pipeline gets by default."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "mini": {},
        "paper": {"num_inference_steps": 50, "guidance_scale": 3.5, "window_s": 5.12},
    }

    vae: str = setting("runs/vae/best", "folder of the trained autoencoder")
    ldm: str = setting("runs/ldm/best", "folder of the trained UNet")
    vocoder: str = setting("runs/vocoder/best", "folder of the trained vocoder")
    envelope: str = setting("", "folder of the trained envelope predictor; none: the envelope is the UNet's own")
    output: str = setting("runs/audiosr", "folder of the pipeline")
    num_inference_steps: int = setting(4, "denoising steps")
    guidance_scale: float = setting(1.0, "weight of the guidance")
    eta: float = setting(1.0, "noise added in each step, 0 to 1")
    window_s: float = setting(10.24, "what the UNet sees at a time, in seconds; its training's crops may be shorter")


def assemble(settings: AssemblySettings) -> None:
    """Writes the pipeline to `settings.output`; all but the autoencoder in half precision, which loads as single.

    Raises:
        OSError: If a component can't be read, `settings.output` is there and not empty, or can't be written.
        ValueError: If the UNet was trained with another autoencoder, or a component isn't whole.
    """
    with new_folder(settings.output) as folder:
        vae = load_autoencoder(settings.vae)
        check_trained_with(settings.ldm, vae=vae)
        envelope = None
        if settings.envelope:
            envelope = load_part(EnvelopePredictor, settings.envelope, dtype=torch.float16)
        pipe = AudioSRPipeline(
            vae=vae,
            unet=load_part(AudioLDM2UNet2DConditionModel, settings.ldm, dtype=torch.float16),
            vocoder=load_any_vocoder(settings.vocoder, dtype=torch.float16),
            feature_extractor=MelFeatureExtractor(),
            scheduler=build_scheduler(),
            envelope_predictor=envelope,
            default_num_inference_steps=settings.num_inference_steps,
            default_guidance_scale=settings.guidance_scale,
            default_eta=settings.eta,
            window_s=settings.window_s,
        )
        with saving(settings.output):
            pipe.save_pretrained(folder)
