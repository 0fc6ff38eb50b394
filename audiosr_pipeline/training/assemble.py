"""Puts trained components together into a pipeline folder."""

import torch
from diffusers import AudioLDM2UNet2DConditionModel

from audiosr_pipeline.models.envelope_predictor import EnvelopePredictor
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.pipelines.audiosr import AudioSRPipeline
from audiosr_pipeline.pipelines.weight_checks import load_part
from audiosr_pipeline.training.ldm import build_scheduler
from audiosr_pipeline.training.parts import check_trained_with
from audiosr_pipeline.training.saving import saving
from audiosr_pipeline.training.settings import AssemblySettings
from audiosr_pipeline.training.vae import load_autoencoder
from audiosr_pipeline.training.vocoder import load_vocoder
from audiosr_pipeline.writing import new_folder


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
            vocoder=load_vocoder(settings.vocoder, dtype=torch.float16),
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
