"""transformers' text-to-audio pipeline: a dict with `audio` and `sampling_rate`, or a list of them."""

from typing import Any

import numpy as np
from torch import nn

from audiosr_pipeline.adapters.adapter import Adapter
from audiosr_pipeline.pipelines.inputs import Clip, load_clips


class TextToAudioAdapter(Adapter):
    """transformers `pipeline("text-to-audio")`, with any model."""

    def check(self) -> None:
        if type(self.generator.model).__name__ == "FastSpeech2ConformerWithHifiGan":
            raise ValueError(
                "transformers' text-to-audio pipeline returns the spectrogram of FastSpeech2ConformerWithHifiGan, not "
                "its waveform. Pass the model itself: with_super_resolution(pipeline.model, audiosr)."
            )

    def own_sampling_rate(self) -> int | None:
        return self.generator.sampling_rate

    def networks(self) -> list[nn.Module]:
        return [part for part in (self.generator.model, self.generator.vocoder) if part is not None]

    def load(self, output: Any) -> list[Clip]:
        items = output if isinstance(output, list) else [output]
        return load_clips([item["audio"] for item in items], self.sampling_rate)

    def replace(
        self, output: Any, audios: list[np.ndarray], original: list[np.ndarray], sampling_rate: int, reports: list[Any]
    ) -> Any:
        items = output if isinstance(output, list) else [output]
        replaced = [
            {**item, "audio": audio, "sampling_rate": sampling_rate, "original": before, "reports": [report]}
            for item, audio, before, report in zip(items, audios, original, reports, strict=True)
        ]
        return replaced if isinstance(output, list) else replaced[0]
