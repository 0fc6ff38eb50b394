"""The package's own pipelines that generate audio."""

from typing import Any

from typing_extensions import override

from audiosr_pipeline.adapters.adapter import Call
from audiosr_pipeline.adapters.diffusers_pipelines import DiffusersAdapter


class OwnAdapter(DiffusersAdapter):
    """`(batch, num_samples)`, and the rate beside it."""

    package = "audiosr_pipeline"

    @override
    def with_audio(self, output: Any, audio: Any, sampling_rate: int) -> Any:
        new = super().with_audio(output, audio, sampling_rate)
        # A tuple has the rate behind the audio.
        return (new[0], sampling_rate, *new[2:]) if isinstance(output, tuple) else new


class DAGAdapter(OwnAdapter):
    """At the pipeline's rate."""

    classes = ("DAGPipeline",)
    rates = ("sampling_rate",)
    own_rates = ("sampling_rate",)


class SRCgAudioAdapter(OwnAdapter):
    """At the rate that a call asks for."""

    classes = ("SRCgAudioPipeline",)

    @override
    def own_rate(self, call: Call) -> int | None:
        return call.arguments.get("sampling_rate", 48_000)


ADAPTERS = (DAGAdapter, SRCgAudioAdapter)
