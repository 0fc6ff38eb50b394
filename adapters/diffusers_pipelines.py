"""The pipelines of diffusers that make audio."""

import functools
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from transformers.generation import GenerationMixin
from typing_extensions import override

from audiosr_pipeline.adapters.adapter import Adapter, Call


class DiffusersAdapter(Adapter):
    """A pipeline with audio in `.audios`, `(batch, num_samples)` or `(batch, channels, num_samples)`."""

    package = "diffusers"


class ModularAdapter(DiffusersAdapter):
    """A modular pipeline: its inputs are those of its blocks, and it returns its state or what `output=` names."""

    @override
    def check_call(self, call: Call) -> None:
        wanted = call.arguments.get("output")
        if wanted is not None and self.attribute not in ([wanted] if isinstance(wanted, str) else wanted):
            raise ValueError(f'output={wanted!r} leaves out the audio; leave it out, or name "{self.attribute}" in it.')
        values = getattr(call.arguments.get("state"), "values", {})
        # Blocks that don't ask whether there shall be audio make it.
        unasked = dict.fromkeys(set(self.no_audio) - self.inputs(), True)
        super().check_call(Call(call.method, {**unasked, **values, **call.arguments}))

    @override
    def takes_generator(self, method: Callable[..., Any]) -> bool:
        return "generator" in self.inputs()

    def inputs(self) -> set[str]:
        """What the blocks take."""
        return {block_input.name for block_input in self.generator.blocks.inputs}


class AudioLDMAdapter(DiffusersAdapter):
    """`(batch, num_samples)` at the vocoder's rate."""

    classes: tuple[str, ...] = ("AudioLDMPipeline",)
    rates = ("vocoder.config.sampling_rate",)


class RankedAdapter(AudioLDMAdapter):
    """AudioLDM 2 and MusicLDM rank waveforms by CLAP; what transformers 5 lacks for them is there during the call."""

    classes = ("AudioLDM2Pipeline", "MusicLDMPipeline")

    @override
    @contextmanager
    def around(self, call: Call) -> Iterator[None]:
        clap, language_model = self.generator.text_encoder, getattr(self.generator, "language_model", None)
        with ExitStack() as stack:
            # The published checkpoints name GPT2Model, which isn't a GenerationMixin any more (diffusers issue 12630).
            if language_model is not None and not hasattr(language_model, "_update_model_kwargs_for_generation"):
                update = GenerationMixin._update_model_kwargs_for_generation
                stack.enter_context(
                    replaced(
                        language_model, "_update_model_kwargs_for_generation", types.MethodType(update, language_model)
                    )
                )
            if hasattr(clap, "get_text_features"):
                stack.enter_context(replaced(clap, "get_text_features", pooled(clap.get_text_features)))
                stack.callback(clap.register_forward_pre_hook(fit_to_clap, with_kwargs=True).remove)
            score = in_any_case(self.generator.score_waveforms)
            stack.enter_context(replaced(self.generator, "score_waveforms", score))
            yield


class StableAudioAdapter(DiffusersAdapter):
    """`(batch, channels, num_samples)` at the autoencoder's rate."""

    classes = (
        "StableAudioPipeline",
        "StableAudio3Pipeline",
        "StableAudio3AudioToAudioPipeline",
        "StableAudio3InpaintPipeline",
    )
    rates = ("vae.config.sampling_rate",)


class AceStepAdapter(DiffusersAdapter):
    """`(batch, channels, num_samples)` at the autoencoder's rate or, if it tells none, at the pipeline's."""

    classes = ("AceStepPipeline",)
    rates = ("vae.config.sampling_rate", "sample_rate")


class LongCatAdapter(DiffusersAdapter):
    """`(batch, channels, num_samples)` at the rate that the pipeline tells."""

    classes = ("LongCatAudioDiTPipeline",)
    rates = ("sample_rate",)


class LTX2Adapter(DiffusersAdapter):
    """Video with sound; the pipeline's `audio_sampling_rate` is that of the mel autoencoder, not of the audio."""

    classes = (
        "LTX2Pipeline",
        "LTX2ImageToVideoPipeline",
        "LTX2ConditionPipeline",
        "LTX2InContextPipeline",
        "LTX2DFRPipeline",
        "LTX2DFRTemporalRefinePipeline",
    )
    rates = ("vocoder.config.output_sampling_rate",)
    attribute, position = "audio", 1


class LTX2ModularAdapter(ModularAdapter):
    """Video with sound of a modular pipeline, at the vocoder's output rate."""

    classes = ("LTX2ModularPipeline", "EchoModularPipeline")
    rates = ("vocoder.config.output_sampling_rate",)
    attribute = "audio"


class Kandinsky6Adapter(DiffusersAdapter):
    """Video with sound, which is the second of a tuple; users save it with the pipeline's `audio_sample_rate`."""

    classes = ("Kandinsky6TI2VAPipeline",)
    rates = ("audio_vae.config.sample_rate", "audio_sample_rate")
    attribute, position = "audio", 1
    no_audio = {"sample_audio": ((False,), "leave it out")}
    own_rates = ("audio_sample_rate",)


class Cosmos3Adapter(DiffusersAdapter):
    """Video with sound in one clip, `(channels, num_samples)`."""

    classes = ("Cosmos3OmniPipeline",)
    rates = ("sound_tokenizer.config.sampling_rate",)
    attribute, position, is_one_clip = "sound", 1, True
    no_audio = {"enable_sound": ((False, None), "pass enable_sound=True")}


class Cosmos3ModularAdapter(ModularAdapter, Cosmos3Adapter):
    """Cosmos 3 as a modular pipeline; users save its sound with `sound_sampling_rate`."""

    classes = ("Cosmos3OmniModularPipeline",)
    own_rates = ("sound_sampling_rate",)


class MiniMaxH3Adapter(ModularAdapter):
    """Video with sound of a modular pipeline; users save it with `audio_sampling_rate`."""

    classes = ("MiniMaxH3ModularPipeline",)
    rates = ("audio_vae.config.sampling_rate",)
    attribute = "audio"
    own_rates = ("audio_sampling_rate",)


class MiniMaxMusic3Adapter(ModularAdapter):
    """Music of a modular pipeline, at the vocoder's rate."""

    classes = ("MiniMaxMusic3ModularPipeline",)
    rates = ("vocoder.config.sampling_rate",)


class DanceDiffusionAdapter(DiffusersAdapter):
    """`(batch, channels, num_samples)` at the UNet's rate."""

    classes = ("DanceDiffusionPipeline",)
    rates = ("unet.config.sample_rate",)


class AudioDiffusionAdapter(DiffusersAdapter):
    """Spectrograms as images, and their audio; a tuple is `(images, (sampling_rate, audios))`."""

    classes = ("AudioDiffusionPipeline",)
    rates = ("mel.config.sample_rate",)
    position = 1

    @override
    def audio_in(self, output: Any) -> Any:
        return output[1][1] if isinstance(output, tuple) else super().audio_in(output)

    @override
    def with_audio(self, output: Any, audio: Any, sampling_rate: int) -> Any:
        if isinstance(output, tuple):
            return output[0], (sampling_rate, audio)
        return super().with_audio(output, audio, sampling_rate)


class SpectrogramDiffusionAdapter(DiffusersAdapter):
    """Notes to audio; the rate is told nowhere, that of the published checkpoint is 16 kHz.

    What its encoders had of transformers 4 is there during the call.
    """

    classes = ("SpectrogramDiffusionPipeline",)
    usual_rate = 16_000

    @override
    @contextmanager
    def around(self, call: Call) -> Iterator[None]:
        with ExitStack() as stack:
            for name in ("notes_encoder", "continuous_encoder"):
                encoder = getattr(self.generator, name, None)
                if encoder is not None and not hasattr(encoder, "get_extended_attention_mask"):
                    extend = functools.partial(extended_attention_mask, encoder)
                    stack.enter_context(replaced(encoder, "get_extended_attention_mask", extend))
            yield


class SilentAdapter(DiffusersAdapter):
    """Pipelines for video beside those above, without audio."""

    classes = (
        "LTX2HDRPipeline",
        "LTX2LatentUpsamplePipeline",
        "LTX2VideoDiffusionDecodePipeline",
        "Kandinsky6SRPipeline",
    )

    @override
    def check(self) -> None:
        raise ValueError(f"{self.name} returns video without audio: there is nothing to take to 48 kHz.")


ADAPTERS = (
    AudioLDMAdapter,
    RankedAdapter,
    StableAudioAdapter,
    AceStepAdapter,
    LongCatAdapter,
    LTX2Adapter,
    LTX2ModularAdapter,
    Kandinsky6Adapter,
    Cosmos3Adapter,
    Cosmos3ModularAdapter,
    MiniMaxH3Adapter,
    MiniMaxMusic3Adapter,
    DanceDiffusionAdapter,
    AudioDiffusionAdapter,
    SpectrogramDiffusionAdapter,
    SilentAdapter,
)


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Within the block an object, not its class, has another attribute."""
    vars(owner)[name] = value
    try:
        yield
    finally:
        vars(owner).pop(name, None)


def extended_attention_mask(encoder: Any, attention_mask: torch.Tensor, input_shape: tuple[int, ...]) -> torch.Tensor:
    """What is added to attention scores: `(batch, 1, 1, length)` of a mask `(batch, length)`, 0 where it is True."""
    hidden = ~attention_mask[:, None, None, :].bool()
    return hidden.to(encoder.dtype) * torch.finfo(encoder.dtype).min


def pooled(get_text_features: Callable[..., Any]) -> Callable[..., Any]:
    """CLAP's text features as a tensor, which transformers 5 returns in an object."""

    def get_pooled(*args: Any, **kwargs: Any) -> Any:
        features = get_text_features(*args, **kwargs)
        return getattr(features, "pooler_output", features)

    return get_pooled


def fit_to_clap(clap: Any, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """The spectrograms that the pipeline passes to CLAP, as the CLAP at hand takes them.

    A CLAP with fusion must be told which clips are longer than ten seconds, of which it sees extracts beside the whole;
    one without takes the whole alone.
    """
    features = kwargs.get("input_features")
    if features is not None and clap.config.audio_config.enable_fusion:
        kwargs.setdefault("is_longer", torch.zeros(len(features), 1, dtype=torch.bool))
    elif features is not None:
        kwargs["input_features"] = features[:, :1]
    return args, kwargs


def in_any_case(score_waveforms: Callable[..., Any]) -> Callable[..., Any]:
    """The ranking of waveforms; if it fails, they are returned as they are, with a warning."""

    def score(text: Any, audio: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return score_waveforms(text, audio, *args, **kwargs)
        except Exception as error:
            warnings.warn(
                f"CLAP couldn't rank the waveforms ({type(error).__name__}: {error}): they are in the order in which "
                "they were generated.",
                stacklevel=2,
            )
            return audio

    return score
