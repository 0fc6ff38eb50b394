"""Stable Audio of diffusers: `.audios` `(batch, channels, num_samples)`, not bounded, the rate in the VAE's config."""

from audiosr_pipeline.adapters.adapter import Adapter


class StableAudioAdapter(Adapter):
    """diffusers `StableAudioPipeline`."""

    def own_sampling_rate(self) -> int:
        return self.generator.vae.config.sampling_rate
