"""Lets `DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, ...)` find the class."""

from audiosr_pipeline import AudioSRPipeline

# diffusers runs the files of all such folders in one module, and wants a single class in it.
for other in [each for each, value in globals().items() if isinstance(value, type) and value is not AudioSRPipeline]:
    del globals()[other]

__all__ = ["AudioSRPipeline"]
