"""Each generator as it is called, and where its audio is: what the adapters are tested on."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import torch
from diffusers import (
    LTX2ConditionPipeline,
    LTX2ImageToVideoPipeline,
    LTX2InContextPipeline,
    StableAudio3AudioToAudioPipeline,
    StableAudio3InpaintPipeline,
)
from diffusers.modular_pipelines.echo.decoders import EchoAudioDecoderStep
from diffusers.pipelines.deprecated.spectrogram_diffusion import pipeline_spectrogram_diffusion
from transformers import GPT2Model, SpeechT5ForSpeechToSpeech, SpeechT5HifiGan, TextToAudioPipeline

from tests.adapters.tiny import (
    build_audioldm,
    build_audioldm2,
    build_fastspeech2,
    build_musicgen,
    build_stable_audio,
    build_t5_tokenizer,
    build_vits,
    tiny_vocoder,
)
from tests.adapters.tiny_omni import (
    build_higgs_processor,
    build_pocket_tts,
    build_qwen2_5_omni,
    build_qwen3_omni,
)
from tests.adapters.tiny_pipelines import (
    build_ace_step,
    build_audio_diffusion,
    build_dance_diffusion,
    build_longcat,
    build_ltx2,
    build_modular_cosmos3,
    build_modular_h3,
    build_modular_ltx2,
    build_modular_music3,
    build_musicldm,
    build_spectrogram_diffusion,
    build_stable_audio_3,
)
from tests.adapters.tiny_speech import (
    build_bark,
    build_csm,
    build_dia,
    build_moshi,
    build_musicgen_melody,
    build_seamless,
    build_speecht5,
    build_vibevoice,
)
from tests.adapters.tiny_video import build_cosmos3, build_kandinsky6, build_ltx2_dfr, build_ltx2_refine

# Two token sequences, the second padded.
TOKENS = {
    "input_ids": torch.tensor([[5, 6, 7, 8, 9], [5, 6, 7, 0, 0]]),
    "attention_mask": torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
}


@dataclass(frozen=True)
class Case:
    """One generator and one way of calling it.

    Args:
        build: Makes the generator.
        call: Calls it, or what is called like it; with keyword arguments beside.
        audio: The audio in what it returns.
        sampling_rate: Its rate in Hz.
        lengths: True length in samples of each of its clips in what it returns; None if no clip is padded.
        takes_generator: Whether it has a parameter `generator`.
        read_rate: What `read_output` must be told, where a call tells more than the output.
    """

    build: Callable[[], Any]
    call: Callable[..., Any]
    audio: Callable[[Any], Any]
    sampling_rate: int
    lengths: Callable[[Any], Any] | None = None
    takes_generator: bool = True
    read_rate: int | None = None


def text_to_audio(pipe: Any, texts: Any, **arguments: Any) -> Any:
    return pipe(texts, forward_params={"do_sample": False, "max_new_tokens": 80}, **arguments)


def with_gpt2_model():
    """AudioLDM 2 as its published checkpoints are loaded: they name GPT2Model."""
    pipe = build_audioldm2()
    language_model = GPT2Model(pipe.language_model.config).eval()
    language_model.load_state_dict(pipe.language_model.transformer.state_dict())
    pipe.language_model = language_model
    return pipe


@functools.cache
def dia_codes() -> torch.Tensor:
    """What Dia's model generates for its processor to decode."""
    model, processor = build_dia()
    inputs = processor(text=["[S1] rain", "[S1] wind and so"], padding=True, return_tensors="pt")
    return model.generate(**inputs, max_new_tokens=60, do_sample=False)


@functools.cache
def speecht5_vocoder() -> SpeechT5HifiGan:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return tiny_vocoder()


def ltx2(pipe: Any, **arguments: Any) -> Any:
    """Every kind of guidance off."""
    settings = {"guidance_scale": 1.0, "stg_scale": 0.0, "modality_scale": 1.0}
    settings |= {f"audio_{name}": value for name, value in settings.items()}
    return pipe(
        prompt=["rain", "wind"],
        height=32,
        width=32,
        num_frames=17,
        num_inference_steps=1,
        max_sequence_length=16,
        use_cross_timestep=False,
        output_type="pt",
        **settings,
        **arguments,
    )


DFR = {
    "prompt": "rain",
    "height": 32,
    "width": 32,
    "num_frames": 25,
    "max_sequence_length": 16,
    "use_cross_timestep": False,
}


@functools.cache
def dfr_latents() -> dict[str, Any]:
    """What the first of LTX-2's DFR pipelines makes for the second to refine."""
    out = build_ltx2_dfr()(**DFR, sigmas=[1.0], output_type="latent")
    return {
        "latents": out.frames,
        "audio_latents": out.audio,
        "keyframes_latents": out.keyframes,
        "keyframe_positions": out.keyframe_positions,
    }


def kandinsky6(pipe: Any, **arguments: Any) -> Any:
    return pipe(
        prompt_embeds=fixed((2, 6, 16)),
        pooled_prompt_embeds=fixed((2, 16)),
        height=32,
        width=32,
        num_frames=5,
        num_inference_steps=1,
        guidance_scale=1.0,
        **arguments,
    )


def cosmos3(pipe: Any, **arguments: Any) -> Any:
    return pipe(
        "rain",
        num_frames=5,
        height=32,
        width=32,
        num_inference_steps=1,
        guidance_scale=1.0,
        enable_sound=True,
        output_type="pt",
        **arguments,
    )


def qwen2_5_omni(model: Any, num_texts: int, **arguments: Any) -> Any:
    return model.generate(
        input_ids=torch.tensor([[5, 6, 7, 8], [5, 6, 7, 9]])[:num_texts],
        attention_mask=torch.ones(num_texts, 4, dtype=torch.long),
        thinker_max_new_tokens=4,
        talker_max_new_tokens=24,
        talker_eos_token_id=[34],
        **arguments,
    )


def higgs_codes() -> torch.Tensor:
    """As its model generates them: codes between those that begin and end a stream, the second text's end earlier."""
    codes = torch.randint(64, (2, 30, 4), generator=torch.Generator().manual_seed(1))
    codes[:, 0], codes[:, -1], codes[1, 20:] = 64, 65, 65
    return codes


@functools.cache
def pocket_latents() -> Any:
    """What Pocket TTS' model generates for its processor to decode."""
    model, _ = build_pocket_tts()
    ids = torch.tensor([[5, 6, 7, 31], [5, 6, 8, 31]])
    return model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        frames_after_eos=torch.tensor([2, 2]),
        max_new_tokens=4,
        return_dict_in_generate=True,
    )


def spectrogram_diffusion(pipe: Any, **arguments: Any) -> Any:
    """Two passages of notes; onnxruntime, which the pipeline wants to be installed, has no part in it here."""
    notes = [[1, 2, 3] + 29 * [0], [4, 5] + 30 * [0]]
    with mock.patch.object(pipeline_spectrogram_diffusion, "is_onnx_available", return_value=True):
        return pipe(notes, num_inference_steps=2, **arguments)


def stable_audio_3(pipe: Any, **arguments: Any) -> Any:
    return pipe(["rain", "wind"], duration=0.2, num_inference_steps=1, **arguments)


def fixed(shape: tuple[int, ...]) -> torch.Tensor:
    """The same noise at each call."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def seamless(name: str, num_clips: int = 2) -> Case:
    """A model of SeamlessM4T, from text or from the features of speech. Of one clip its length has no axis."""
    speech = {"input_features": fixed((2, 20, 8)), "attention_mask": torch.ones(2, 20, dtype=torch.long)}
    inputs = speech if "SpeechToSpeech" in name else TOKENS
    inputs = {key: value[:num_clips] for key, value in inputs.items()}
    return Case(
        lambda: build_seamless(name),
        lambda model, **kwargs: model.generate(**inputs, tgt_lang="eng", **kwargs),
        lambda out: out[0],
        16_000,
        lengths=lambda out: out[1].reshape(-1).tolist(),
        takes_generator=False,
    )


SPEECH_T5 = {"speaker_embeddings": fixed((2, 8)), "maxlenratio": 5.0}

CASES = {
    "AudioLDM": Case(
        build_audioldm,
        lambda pipe, **kwargs: pipe(["rain", "wind"], num_inference_steps=2, audio_length_in_s=0.3, **kwargs),
        lambda out: out.audios,
        16_000,
    ),
    "AudioLDM, two tensors per prompt": Case(
        build_audioldm,
        lambda pipe, **kwargs: pipe(
            "rain",
            num_inference_steps=2,
            audio_length_in_s=0.3,
            num_waveforms_per_prompt=2,
            output_type="pt",
            **kwargs,
        ),
        lambda out: out.audios,
        16_000,
    ),
    "AudioLDM, tuple": Case(
        build_audioldm,
        lambda pipe, **kwargs: pipe("rain", num_inference_steps=2, audio_length_in_s=0.3, return_dict=False, **kwargs),
        lambda out: out[0],
        16_000,
    ),
    "AudioLDM 2, two per prompt": Case(
        build_audioldm2,
        lambda pipe, **kwargs: pipe(
            "rain", num_inference_steps=2, audio_length_in_s=0.3, num_waveforms_per_prompt=2, **kwargs
        ),
        lambda out: out.audios,
        16_000,
    ),
    "Stable Audio": Case(
        build_stable_audio,
        lambda pipe, **kwargs: pipe("rain", num_inference_steps=2, audio_end_in_s=0.3, **kwargs),
        lambda out: out.audios,
        44_100,
    ),
    "MusicGen": Case(
        build_musicgen,
        lambda model, **kwargs: model.generate(**TOKENS, do_sample=False, **kwargs),
        lambda out: out,
        32_000,
        takes_generator=False,
    ),
    "MusicGen, stereo": Case(
        lambda: build_musicgen(num_channels=2),
        lambda model, **kwargs: model.generate(**TOKENS, do_sample=False, return_dict_in_generate=True, **kwargs),
        lambda out: out.sequences,
        32_000,
        takes_generator=False,
    ),
    "FastSpeech 2": Case(
        build_fastspeech2,
        lambda model, **kwargs: model(**TOKENS, **kwargs),
        lambda out: out.waveform,
        22_050,
        lengths=lambda out: (4_032, 1_664),
        takes_generator=False,
    ),
    "FastSpeech 2, tuple": Case(
        build_fastspeech2,
        lambda model, **kwargs: model(**TOKENS, return_dict=False, **kwargs),
        lambda out: out[-1],
        22_050,
        lengths=lambda out: (4_032, 1_664),
        takes_generator=False,
    ),
    "text-to-audio": Case(
        lambda: TextToAudioPipeline(build_musicgen(), tokenizer=build_t5_tokenizer()),
        lambda pipe, **kwargs: text_to_audio(pipe, "rain", **kwargs),
        lambda out: out["audio"],
        32_000,
        takes_generator=False,
    ),
    "text-to-audio, stereo": Case(
        lambda: TextToAudioPipeline(build_musicgen(num_channels=2), tokenizer=build_t5_tokenizer()),
        lambda pipe, **kwargs: text_to_audio(pipe, "rain", **kwargs),
        lambda out: out["audio"],
        32_000,
        takes_generator=False,
    ),
    "AudioLDM 2, GPT2Model": Case(
        with_gpt2_model,
        lambda pipe, **kwargs: pipe("rain", num_inference_steps=1, audio_length_in_s=0.3, **kwargs),
        lambda out: out.audios,
        16_000,
    ),
    "MusicLDM, two per prompt": Case(
        build_musicldm,
        lambda pipe, **kwargs: pipe(
            "rain", num_inference_steps=1, audio_length_in_s=0.3, num_waveforms_per_prompt=2, **kwargs
        ),
        lambda out: out.audios,
        16_000,
    ),
    "LongCat-AudioDiT": Case(
        build_longcat,
        lambda pipe, **kwargs: pipe(["rain", "wind"], audio_duration_s=0.2, num_inference_steps=1, **kwargs),
        lambda out: out.audios,
        24_000,
    ),
    "LongCat-AudioDiT, tuple": Case(
        build_longcat,
        lambda pipe, **kwargs: pipe(
            "rain", audio_duration_s=0.2, num_inference_steps=1, return_dict=False, output_type="pt", **kwargs
        ),
        lambda out: out[0],
        24_000,
    ),
    "ACE-Step": Case(
        build_ace_step,
        lambda pipe, **kwargs: pipe("rain", lyrics="", audio_duration=0.2, num_inference_steps=1, **kwargs),
        lambda out: out.audios,
        48_000,
    ),
    "Stable Audio 3": Case(build_stable_audio_3, stable_audio_3, lambda out: out.audios, 44_100),
    "Stable Audio 3, audio to audio": Case(
        lambda: build_stable_audio_3(StableAudio3AudioToAudioPipeline),
        lambda pipe, **kwargs: stable_audio_3(pipe, audio=fixed((2, 2, 9_000)), **kwargs),
        lambda out: out.audios,
        44_100,
    ),
    "Stable Audio 3, inpainting": Case(
        lambda: build_stable_audio_3(StableAudio3InpaintPipeline),
        lambda pipe, **kwargs: stable_audio_3(
            pipe, audio=fixed((2, 2, 9_000)), mask_start_seconds=0.05, mask_end_seconds=0.1, **kwargs
        ),
        lambda out: out.audios,
        44_100,
    ),
    "LTX-2": Case(build_ltx2, ltx2, lambda out: out.audio, 24_000),
    "LTX-2, tuple": Case(
        build_ltx2, lambda pipe, **kwargs: ltx2(pipe, return_dict=False, **kwargs), lambda out: out[1], 24_000
    ),
    "LTX-2, image to video": Case(
        lambda: build_ltx2(LTX2ImageToVideoPipeline),
        lambda pipe, **kwargs: ltx2(pipe, image=torch.zeros(2, 3, 32, 32), image_crf=0, **kwargs),
        lambda out: out.audio,
        24_000,
    ),
    "LTX-2, condition": Case(lambda: build_ltx2(LTX2ConditionPipeline), ltx2, lambda out: out.audio, 24_000),
    "LTX-2, in context": Case(lambda: build_ltx2(LTX2InContextPipeline), ltx2, lambda out: out.audio, 24_000),
    "LTX-2 DFR": Case(
        build_ltx2_dfr,
        lambda pipe, **kwargs: pipe(**DFR, sigmas=[1.0], output_type="pt", **kwargs),
        lambda out: out.audio,
        24_000,
    ),
    "LTX-2 DFR, temporal refinement": Case(
        build_ltx2_refine,
        lambda pipe, **kwargs: pipe(**DFR, **dfr_latents(), sigmas=[0.9], output_type="pt", **kwargs),
        lambda out: out.audio,
        24_000,
    ),
    "Kandinsky 6": Case(
        build_kandinsky6,
        lambda pipe, **kwargs: kandinsky6(pipe, output_type="pt", **kwargs),
        lambda out: out.audio,
        44_100,
    ),
    "Kandinsky 6, arrays in a tuple": Case(
        build_kandinsky6,
        lambda pipe, **kwargs: kandinsky6(pipe, output_type="np", return_dict=False, **kwargs),
        lambda out: out[1],
        44_100,
    ),
    "Cosmos 3 Omni": Case(build_cosmos3, cosmos3, lambda out: out.sound, 48_000),
    "LTX-2, modular": Case(
        build_modular_ltx2,
        lambda pipe, **kwargs: pipe(audio_latents=fixed((2, 10, 4)), audio_num_frames=10, **kwargs),
        lambda out: out.audio,
        24_000,
        takes_generator=False,
    ),
    "Echo, modular, one value": Case(
        lambda: build_modular_ltx2(EchoAudioDecoderStep),
        lambda pipe, **kwargs: pipe(audio_latents=fixed((1, 2, 10, 2)), output="audio", **kwargs),
        lambda out: out,
        24_000,
        takes_generator=False,
    ),
    "Cosmos 3, modular": Case(
        build_modular_cosmos3,
        lambda pipe, **kwargs: pipe(sound_latents=fixed((8, 200)), **kwargs),
        lambda out: out.sound,
        48_000,
        takes_generator=False,
    ),
    "MiniMax H3, modular": Case(
        build_modular_h3,
        lambda pipe, **kwargs: pipe(audio_latents=fixed((2, 4, 200)), **kwargs),
        lambda out: out.audio,
        32_000,
        takes_generator=False,
    ),
    "MiniMax Music 3, modular, several values": Case(
        build_modular_music3,
        lambda pipe, **kwargs: pipe(latent_chunks=[fixed((1, 8, 20))], output=["audios", "latent_chunks"], **kwargs),
        lambda out: out["audios"],
        44_100,
        takes_generator=False,
    ),
    "Dance Diffusion": Case(
        build_dance_diffusion,
        lambda pipe, **kwargs: pipe(batch_size=2, num_inference_steps=2, audio_length_in_s=0.2, **kwargs),
        lambda out: out.audios,
        16_000,
    ),
    "Audio Diffusion": Case(
        build_audio_diffusion,
        lambda pipe, **kwargs: pipe(batch_size=2, steps=1, **kwargs),
        lambda out: out.audios,
        22_050,
    ),
    "Audio Diffusion, tuple": Case(
        build_audio_diffusion,
        lambda pipe, **kwargs: pipe(batch_size=2, steps=1, return_dict=False, **kwargs),
        lambda out: out[1][1],
        22_050,
    ),
    "Spectrogram Diffusion": Case(build_spectrogram_diffusion, spectrogram_diffusion, lambda out: out.audios, 16_000),
    "MusicGen Melody": Case(
        build_musicgen_melody,
        lambda model, **kwargs: model.generate(**TOKENS, do_sample=False, **kwargs),
        lambda out: out,
        32_000,
        takes_generator=False,
    ),
    "Bark": Case(
        build_bark,
        lambda model, **kwargs: model.generate(TOKENS["input_ids"][:1, :4].repeat(1, 4), **kwargs),
        lambda out: out,
        24_000,
        takes_generator=False,
    ),
    "Bark, with lengths": Case(
        build_bark,
        lambda model, **kwargs: model.generate(
            TOKENS["input_ids"][:, :4].repeat(1, 4), return_output_lengths=True, semantic_min_eos_p=0.1, **kwargs
        ),
        lambda out: out[0],
        24_000,
        lengths=lambda out: out[1],
        takes_generator=False,
    ),
    "VITS": Case(
        build_vits,
        lambda model, **kwargs: model(**TOKENS, **kwargs),
        lambda out: out.waveform,
        16_000,
        lengths=lambda out: out.sequence_lengths.tolist(),
        takes_generator=False,
    ),
    "VITS, tuple": Case(
        build_vits,
        lambda model, **kwargs: model(**TOKENS, return_dict=False, **kwargs),
        lambda out: out[0],
        16_000,
        lengths=lambda out: out[1].tolist(),
        takes_generator=False,
    ),
    "SpeechT5": Case(
        build_speecht5,
        lambda model, **kwargs: model.generate_speech(**TOKENS, **SPEECH_T5, vocoder=speecht5_vocoder(), **kwargs),
        lambda out: out,
        16_000,
        takes_generator=False,
        read_rate=16_000,
    ),
    "SpeechT5, with lengths": Case(
        build_speecht5,
        lambda model, **kwargs: model.generate(
            **TOKENS, **SPEECH_T5, vocoder=speecht5_vocoder(), return_output_lengths=True, **kwargs
        ),
        lambda out: out[0],
        16_000,
        lengths=lambda out: out[1],
        takes_generator=False,
        read_rate=16_000,
    ),
    "SpeechT5, speech to speech": Case(
        lambda: build_speecht5(SpeechT5ForSpeechToSpeech),
        lambda model, **kwargs: model.generate_speech(
            fixed((2, 3_000)),
            speaker_embeddings=SPEECH_T5["speaker_embeddings"],
            maxlenratio=0.2,
            vocoder=speecht5_vocoder(),
            **kwargs,
        ),
        lambda out: out,
        16_000,
        takes_generator=False,
        read_rate=16_000,
    ),
    "SeamlessM4T": seamless("SeamlessM4TForTextToSpeech"),
    "SeamlessM4T, speech to speech": seamless("SeamlessM4TForSpeechToSpeech"),
    "SeamlessM4T, every task": seamless("SeamlessM4TModel"),
    "SeamlessM4T v2, speech to speech": seamless("SeamlessM4Tv2ForSpeechToSpeech"),
    "SeamlessM4T v2, every task": seamless("SeamlessM4Tv2Model"),
    "SeamlessM4T v2": seamless("SeamlessM4Tv2ForTextToSpeech"),
    "SeamlessM4T, one text": seamless("SeamlessM4TForTextToSpeech", num_clips=1),
    "SeamlessM4T v2, one text": seamless("SeamlessM4Tv2ForTextToSpeech", num_clips=1),
    "SeamlessM4T v2, one recording": seamless("SeamlessM4Tv2ForSpeechToSpeech", num_clips=1),
    "SeamlessM4T v2, with tokens": Case(
        build_seamless,
        lambda model, **kwargs: model.generate(**TOKENS, tgt_lang="eng", return_intermediate_token_ids=True, **kwargs),
        lambda out: out.waveform,
        16_000,
        lengths=lambda out: out.waveform_lengths.tolist(),
        takes_generator=False,
    ),
    "CSM": Case(
        build_csm,
        lambda model, **kwargs: model.generate(
            **TOKENS, output_audio=True, max_new_tokens=12, do_sample=False, depth_decoder_do_sample=False, **kwargs
        ),
        lambda out: out,
        24_000,
        takes_generator=False,
    ),
    "Moshi": Case(
        build_moshi,
        lambda model, **kwargs: model.generate(max_new_tokens=12, do_sample=False, **kwargs),
        lambda out: out.audio_sequences,
        24_000,
        takes_generator=False,
    ),
    "Dia, its processor": Case(
        lambda: build_dia()[1],
        lambda processor, **kwargs: processor.batch_decode(dia_codes(), **kwargs),
        lambda out: out,
        44_100,
        takes_generator=False,
    ),
    "Higgs Audio 2, its processor": Case(
        build_higgs_processor,
        lambda processor, **kwargs: processor.batch_decode(higgs_codes(), **kwargs),
        lambda out: out,
        24_000,
        takes_generator=False,
    ),
    "Pocket TTS, its processor": Case(
        lambda: build_pocket_tts()[1],
        lambda processor, **kwargs: processor.decode(
            pocket_latents().audio_latents, pocket_latents().audio_latents_mask, **kwargs
        ),
        lambda out: out,
        24_000,
        takes_generator=False,
    ),
    "Qwen 2.5 Omni": Case(
        build_qwen2_5_omni,
        lambda model, **kwargs: qwen2_5_omni(model, 1, **kwargs),
        lambda out: out[1],
        24_000,
        takes_generator=False,
    ),
    "Qwen 2.5 Omni, several": Case(
        build_qwen2_5_omni,
        lambda model, **kwargs: qwen2_5_omni(model, 2, **kwargs),
        lambda out: out[1],
        24_000,
        takes_generator=False,
    ),
    "Qwen 3 Omni": Case(
        build_qwen3_omni,
        lambda model, **kwargs: model.generate(
            input_ids=torch.tensor([[30, 31, 5, 6, 33, 30, 32]]),
            thinker_max_new_tokens=6,
            thinker_eos_token_id=33,
            talker_max_new_tokens=12,
            **kwargs,
        ),
        lambda out: out[1],
        24_000,
        takes_generator=False,
    ),
    "VibeVoice": Case(
        build_vibevoice,
        # The second text ends before it begins.
        lambda model, **kwargs: model.generate(
            input_ids=torch.tensor([[5, 6, 7, 8, 31], [5, 6, 7, 8, 32]]),
            attention_mask=torch.ones(2, 5, dtype=torch.long),
            max_new_tokens=24,
            **kwargs,
        ),
        lambda out: [audio for audio in out if audio is not None],
        24_000,
        takes_generator=False,
    ),
    "text-to-audio, SeamlessM4T": Case(
        lambda: TextToAudioPipeline(build_seamless(), tokenizer=build_t5_tokenizer()),
        lambda pipe, **kwargs: pipe("rain", forward_params={"tgt_lang": "eng"}, **kwargs),
        lambda out: out["audio"],
        16_000,
        takes_generator=False,
    ),
    "text-to-audio, a batch of unequal lengths": Case(
        lambda: TextToAudioPipeline(build_vits(), tokenizer=build_t5_tokenizer()),
        lambda pipe, **kwargs: pipe(["rain on a tin roof", "wind"], batch_size=2, **kwargs),
        lambda out: [item["audio"] for item in out],
        16_000,
        takes_generator=False,
    ),
}
