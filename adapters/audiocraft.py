"""audiocraft: `(batch, channels, num_samples)`, or that and the tokens; the rate is the model's `sample_rate`."""

from torch import nn
from typing_extensions import override

from audiosr_pipeline.adapters.adapter import Adapter


class AudiocraftAdapter(Adapter):
    """A model that is no `nn.Module` itself, but holds some."""

    package = "audiocraft"
    classes = ("MusicGen", "AudioGen")
    methods = (
        "generate",
        "generate_unconditional",
        "generate_continuation",
        "generate_with_chroma",
        "generate_audio",
    )
    rates = ("sample_rate",)

    @override
    def networks(self) -> list[nn.Module]:
        # A conditioner keeps its T5 out of sight of `nn.Module`, and so of the language model's `to`.
        conditioners = self.generator.lm.condition_provider.conditioners.values()
        hidden = [vars(conditioner)["t5"] for conditioner in conditioners if "t5" in vars(conditioner)]
        return [self.generator.lm, self.generator.compression_model, *hidden]
