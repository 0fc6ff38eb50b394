"""Audio super-resolution to 48 kHz as a diffusers pipeline."""

from pathlib import Path

from audiosr_pipeline.pipelines.audiosr import AudioSRPipeline
from audiosr_pipeline.pipelines.outputs import AudioSRPipelineOutput, AudioSRReport
from audiosr_pipeline.version import __version__

__all__ = ["AudioSRPipeline", "AudioSRPipelineOutput", "AudioSRReport", "__version__"]

# An installed package holds its adapters; in a checkout they stand beside it.
if not (Path(__file__).parent / "adapters").is_dir():
    __path__.append(str(Path(__file__).parents[1]))
