"""Each generator as it is called, and where its audio is: what the adapters are tested on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from transformers import TextToAudioPipeline

from tests.adapters.tiny import (
    build_audioldm,
    build_audioldm2,
    build_fastspeech2,
    build_musicgen,
    build_stable_audio,
    build_t5_tokenizer,
)

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
        lengths: True length in samples of each of its clips; None if no clip is padded.
        takes_generator: Whether it has a parameter `generator`.
    """

    build: Callable[[], Any]
    call: Callable[..., Any]
    audio: Callable[[Any], Any]
    sampling_rate: int
    lengths: tuple[int, ...] | None = None
    takes_generator: bool = True


def text_to_audio(pipe: Any, texts: Any, **arguments: Any) -> Any:
    return pipe(texts, forward_params={"do_sample": False, "max_new_tokens": 80}, **arguments)


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
        lengths=(4_032, 1_664),
        takes_generator=False,
    ),
    "FastSpeech 2, tuple": Case(
        build_fastspeech2,
        lambda model, **kwargs: model(**TOKENS, return_dict=False, **kwargs),
        lambda out: out[-1],
        22_050,
        lengths=(4_032, 1_664),
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
}
