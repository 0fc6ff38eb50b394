"""AudioLDM, AudioLDM 2, MusicLDM of diffusers: `.audios` `(batch, num_samples)`, the rate in the vocoder's config."""

from audiosr_pipeline.adapters.adapter import Adapter


class AudioLDMAdapter(Adapter):
    """diffusers `AudioLDMPipeline`, which is deprecated there but works."""

    def own_sampling_rate(self) -> int:
        return self.generator.vocoder.config.sampling_rate


class AudioLDM2Adapter(AudioLDMAdapter):
    """diffusers `AudioLDM2Pipeline`."""

    def check(self) -> None:
        # The published checkpoints name the class GPT2Model, which can't generate any more (diffusers issue 12630).
        if not hasattr(self.generator.language_model, "_update_model_kwargs_for_generation"):
            raise ValueError(
                "AudioLDM2Pipeline can't generate with a GPT2Model as its language_model under transformers 5. Load it "
                "as GPT2LMHeadModel:\n"
                '    language_model = GPT2LMHeadModel.from_pretrained(checkpoint, subfolder="language_model")\n'
                "    generator = AudioLDM2Pipeline.from_pretrained(checkpoint, language_model=language_model)"
            )


class MusicLDMAdapter(AudioLDMAdapter):
    """diffusers `MusicLDMPipeline`, which is deprecated there and broken with the CLAP of transformers 5."""

    def check(self) -> None:
        if type(self.generator.text_encoder).__module__.startswith("transformers."):
            raise ValueError(
                "MusicLDMPipeline is broken under transformers 5: it takes the output object of "
                "ClapModel.get_text_features for a tensor, and diffusers no longer maintains it. Use AudioLDM2Pipeline "
                "or MusicGen."
            )
