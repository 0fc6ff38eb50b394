"""The models of transformers that make audio."""

import math
import warnings
from typing import Any

from torch import nn
from typing_extensions import override

from audiosr_pipeline.adapters.adapter import Adapter, Call


class TransformersAdapter(Adapter):
    """A model whose `generate` returns audio."""

    package = "transformers"
    methods: tuple[str, ...] = ("generate",)


class MusicgenAdapter(TransformersAdapter):
    """A tensor `(batch, channels, num_samples)`, or an object with it as `sequences`."""

    classes = ("MusicgenForConditionalGeneration", "MusicgenMelodyForConditionalGeneration")
    rates = ("config.audio_encoder.sampling_rate",)
    attribute = "sequences"

    @override
    def check_call(self, call: Call) -> None:
        super().check_call(call)
        mask = call.arguments.get("padding_mask")
        if mask is not None and not (mask != 0).all():
            warnings.warn(
                "the audio prompts are padded, and the processor's batch_decode cuts that by a mask at the generator's "
                f"rate. Pass it one at 48 kHz: torch.nn.functional.interpolate(padding_mask[:, None].float(), "
                f"scale_factor=48_000 / {self.rate(call)})[:, 0].",
                stacklevel=4,
            )


class BarkAdapter(TransformersAdapter):
    """`(batch, num_samples)`, or that and the lengths with `return_output_lengths=True`."""

    classes = ("BarkModel",)
    rates = ("generation_config.sample_rate", "codec_model.config.sampling_rate")
    lengths = ("", 1)


class VitsAdapter(TransformersAdapter):
    """Padded to the longest of a batch; the true lengths come with it."""

    classes = ("VitsModel",)
    methods = ("__call__", "forward")
    rates = ("config.sampling_rate",)
    attribute = "waveform"
    lengths = ("sequence_lengths", 1)


class FastSpeech2Adapter(TransformersAdapter):
    """Padded to the longest; the rate is told nowhere: it is LJSpeech's, and so the published checkpoints'."""

    classes = ("FastSpeech2ConformerWithHifiGan",)
    methods = ("__call__", "forward")
    usual_rate = 22_050
    attribute, position = "waveform", -1

    @override
    def lengths_in(self, output: Any, call: Call) -> list[int]:
        # Behind each sentence that is shorter than the longest the vocoder synthesises its padding.
        durations = output[-4] if isinstance(output, tuple) else output.duration_outputs
        config = self.generator.config
        frames = (durations.float() * config.model_config.speaking_speed).round().sum(dim=1)
        return (frames * math.prod(config.vocoder_config.upsample_rates)).int().tolist()


class SpeechT5Adapter(TransformersAdapter):
    """With `vocoder=`, whose rate it is; with `return_output_lengths=True` the lengths too."""

    classes = ("SpeechT5ForTextToSpeech", "SpeechT5ForSpeechToSpeech")
    methods = ("generate_speech", "generate")
    lengths = ("", 1)
    no_audio = {"vocoder": ((None,), "it gives a spectrogram: pass vocoder=, such as a SpeechT5HifiGan")}

    @override
    def own_rate(self, call: Call) -> int | None:
        return getattr(getattr(call.arguments.get("vocoder"), "config", None), "sampling_rate", None)

    @override
    def lengths_in(self, output: Any, call: Call) -> list[int] | None:
        # The second of a tuple may be attentions too.
        is_told = isinstance(output, tuple) and isinstance(output[1], list)
        return [int(length) for length in output[1]] if is_told else None


class SeamlessAdapter(TransformersAdapter):
    """`(waveform, lengths)`, or an object with `return_intermediate_token_ids=True`."""

    classes = tuple(
        f"SeamlessM4T{version}{task}"
        for version in ("", "v2")
        for task in ("ForTextToSpeech", "ForSpeechToSpeech", "Model")
    )
    rates = ("config.sampling_rate",)
    attribute = "waveform"
    lengths = ("waveform_lengths", 1)
    no_audio = {"generate_speech": ((False,), "leave it out")}


class CsmAdapter(TransformersAdapter):
    """Audio at the codec's rate with `output_audio=True`, else codes."""

    classes = ("CsmForConditionalGeneration",)
    rates = ("config.codec_config.sampling_rate",)
    attribute = "audio"
    no_audio = {"output_audio": ((False, None), "it gives codes: pass output_audio=True")}


class MoshiAdapter(TransformersAdapter):
    """Text and audio; with `return_audio_waveforms=False` text alone."""

    classes = ("MoshiForConditionalGeneration",)
    rates = ("config.sampling_rate",)
    attribute = "audio_sequences"
    no_audio = {"return_audio_waveforms": ((False,), "leave it out")}


class VibeVoiceAdapter(TransformersAdapter):
    """A list of `(1, num_samples)`, or None for a text of which nothing was spoken."""

    classes = ("VibeVoiceForConditionalGeneration",)
    usual_rate = 24_000
    attribute = "audio"


class QwenOmniAdapter(TransformersAdapter):
    """`(token ids, audio)`; the processor's rate is that of what the model hears."""

    classes = ("Qwen2_5OmniForConditionalGeneration", "Qwen3OmniMoeForConditionalGeneration")
    usual_rate = 24_000
    position = 1
    no_audio = {
        "generation_mode": (("text", False), "leave it out"),
        "return_audio": ((False,), "leave it out"),
    }

    @override
    def check_call(self, call: Call) -> None:
        super().check_call(call)
        if not getattr(self.generator, "has_talker", True):
            raise ValueError(f"{self.name} has no talker, and so gives no audio: call its enable_talker() first.")

    @override
    def audio_in(self, output: Any) -> Any:
        return output[1] if isinstance(output, tuple) else None


class ProcessorAdapter(TransformersAdapter):
    """Processors that decode what their models generate: codes or latents."""

    classes: tuple[str, ...] = ("DiaProcessor", "HiggsAudioV2Processor")
    methods: tuple[str, ...] = ("decode", "batch_decode")
    # Of the codec, which makes the audio; the front end's is that of what the model hears.
    rates = ("audio_tokenizer.config.sampling_rate", "feature_extractor.sampling_rate")
    writers = ("save_audio",)

    @override
    def networks(self) -> list[nn.Module]:
        return [part for part in (getattr(self.generator, "audio_tokenizer", None),) if isinstance(part, nn.Module)]


class PocketTTSProcessorAdapter(ProcessorAdapter):
    """Of Gradium's Phonon too; its `batch_decode` gives text."""

    classes = ("PocketTTSProcessor",)
    methods = ("decode",)


class CodesAdapter(TransformersAdapter):
    """Models that generate codes or latents, which their processors decode."""

    classes = (
        "DiaForConditionalGeneration",
        "HiggsAudioV2ForConditionalGeneration",
        "PocketTTSForConditionalGeneration",
        "GradiumPhononTTSForConditionalGeneration",
    )

    @override
    def check(self) -> None:
        is_latent = self.name.startswith(("PocketTTS", "GradiumPhonon"))
        inputs = "**inputs, return_dict_in_generate=True" if is_latent else "**inputs"
        decode = "speech.decode(out.audio_latents, out.audio_latents_mask)" if is_latent else "speech.batch_decode(out)"
        raise ValueError(
            f"{self.name} generates {'latents' if is_latent else 'codes'}, which its processor decodes to audio. Put "
            "super-resolution behind the processor:\n"
            "    speech = with_super_resolution(processor, audiosr)\n"
            f"    out = model.generate({inputs})\n"
            f"    audio = {decode}"
        )


ADAPTERS = (
    MusicgenAdapter,
    BarkAdapter,
    VitsAdapter,
    FastSpeech2Adapter,
    SpeechT5Adapter,
    SeamlessAdapter,
    CsmAdapter,
    MoshiAdapter,
    VibeVoiceAdapter,
    QwenOmniAdapter,
    ProcessorAdapter,
    PocketTTSProcessorAdapter,
    CodesAdapter,
)
