"""Audio super-resolution to 48 kHz as a diffusers pipeline.

The classes are imported when they are asked for, because torch takes seconds.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiosr_pipeline.version import __version__

if TYPE_CHECKING:
    from audiosr_pipeline.pipelines.audiosr import AudioSRPipeline
    from audiosr_pipeline.pipelines.dag import DAGPipeline
    from audiosr_pipeline.pipelines.outputs import AudioSRPipelineOutput, AudioSRReport
    from audiosr_pipeline.pipelines.src_gaudio import SRCgAudioPipeline
    from audiosr_pipeline.streaming import StreamingAudioSR

__all__ = [
    "AudioSRPipeline",
    "AudioSRPipelineOutput",
    "AudioSRReport",
    "DAGPipeline",
    "SRCgAudioPipeline",
    "StreamingAudioSR",
    "__version__",
]

MODULES = {
    "AudioSRPipeline": "audiosr_pipeline.pipelines.audiosr",
    "AudioSRPipelineOutput": "audiosr_pipeline.pipelines.outputs",
    "AudioSRReport": "audiosr_pipeline.pipelines.outputs",
    "DAGPipeline": "audiosr_pipeline.pipelines.dag",
    "SRCgAudioPipeline": "audiosr_pipeline.pipelines.src_gaudio",
    "StreamingAudioSR": "audiosr_pipeline.streaming",
}

# An installed package holds its adapters; in a checkout they stand beside it.
if not (Path(__file__).parent / "adapters").is_dir():
    __path__.append(str(Path(__file__).parents[1]))


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
