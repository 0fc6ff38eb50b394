"""Lets `DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, ...)` find the class."""

from audiosr_pipeline import DAGPipeline

__all__ = ["DAGPipeline"]
