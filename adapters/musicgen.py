"""MusicGen of transformers: `generate` returns `(batch, channels, num_samples)`, the rate is in the codec's config."""

from audiosr_pipeline.adapters.adapter import Adapter


class MusicgenAdapter(Adapter):
    """transformers `MusicgenForConditionalGeneration`."""

    methods = ("generate",)
    attribute = "sequences"

    def own_sampling_rate(self) -> int:
        return self.generator.config.audio_encoder.sampling_rate
