"""The package's own pipelines that generate audio."""

from typing import Any

from typing_extensions import override

from audiosr_pipeline.adapters.diffusers_pipelines import DiffusersAdapter


class OwnAdapter(DiffusersAdapter):
    """`(batch, num_samples)` at the pipeline's rate, which its output tells too."""

    package = "audiosr_pipeline"
    classes = ("DAGPipeline",)
    rates = ("sampling_rate",)
    own_rates = ("sampling_rate",)

    @override
    def with_audio(self, output: Any, audio: Any, sampling_rate: int) -> Any:
        new = super().with_audio(output, audio, sampling_rate)
        # A tuple has the rate behind the audio.
        return (new[0], sampling_rate, *new[2:]) if isinstance(output, tuple) else new


ADAPTERS = (OwnAdapter,)
