"""Lets `DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, ...)` find the class."""

from audiosr_pipeline import AudioSRPipeline

__all__ = ["AudioSRPipeline"]
