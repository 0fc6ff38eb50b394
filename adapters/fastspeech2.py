"""FastSpeech 2 of transformers: `.waveform` `(batch, num_samples)`, padded to the longest, the rate nowhere."""

import math
from typing import Any

from audiosr_pipeline.adapters.adapter import Adapter
from audiosr_pipeline.pipelines.inputs import Clip, load_clips

# That of LJSpeech, and so of the published checkpoints.
SAMPLING_RATE = 22_050


class FastSpeech2Adapter(Adapter):
    """transformers `FastSpeech2ConformerWithHifiGan`, at 22.05 kHz unless another rate is passed."""

    attribute = "waveform"
    position = -1

    def agreed_rate(self, own_rate: int | None, sampling_rate: int | None) -> int:
        return super().agreed_rate(own_rate, sampling_rate) or SAMPLING_RATE

    def load(self, output: Any) -> list[Clip]:
        # Behind each sentence that is shorter than the longest the vocoder synthesises its padding.
        durations = output[-4] if isinstance(output, tuple) else output.duration_outputs
        config = self.generator.config
        frames = (durations.float() * config.model_config.speaking_speed).round().sum(dim=1)
        lengths = (frames * math.prod(config.vocoder_config.upsample_rates)).int().tolist()
        waveforms = zip(self.audio_in(output), lengths, strict=True)
        return load_clips([waveform[:length] for waveform, length in waveforms], self.sampling_rate)
