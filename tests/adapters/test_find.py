"""Which generators are known, and what is said of the others."""

import functools

import pytest
from diffusers import AudioLDMPipeline
from torch import nn
from transformers import ClapModel, GPT2LMHeadModel, GPT2Model, TextToAudioPipeline

from audiosr_pipeline.adapters import read_output, with_super_resolution
from audiosr_pipeline.adapters.find import ADAPTERS, find_adapter
from tests.adapters.tiny import build_audioldm, build_audioldm2, build_fastspeech2, build_t5_tokenizer
from tests.signals import noise


def test_a_class_derived_from_a_known_one_is_known():
    class Mine(AudioLDMPipeline):
        pass

    assert find_adapter(Mine(**build_audioldm().components)).sampling_rate == 16_000


@pytest.mark.parametrize(
    "function",
    [lambda: None, functools.partial(print), print, noise],
    ids=["lambda", "partial", "built-in", "function"],
)
def test_any_function_may_be_a_generator(function):
    assert find_adapter(function).sampling_rate is None


def test_an_unknown_generator_is_told_what_is_known_and_how_it_goes_all_the_same(tiny_pipeline):
    class Vits(nn.Module):
        def forward(self, text):
            return noise(0.2, 16_000)

    with pytest.raises(ValueError, match="Vits is no generator that is known") as error:
        with_super_resolution(Vits(), tiny_pipeline)
    assert all(f"{name} ({package})" in str(error.value) for package, name in ADAPTERS)
    # As it says.
    generator = Vits()
    wrapped = with_super_resolution(lambda *args, **kwargs: (generator(*args, **kwargs), 16_000), tiny_pipeline)
    assert wrapped("rain")[0].shape == (1, 9_600)
    assert with_super_resolution(Vits(), tiny_pipeline, sampling_rate=16_000)("rain").shape == (1, 9_600)


def test_a_class_of_the_same_name_from_elsewhere_is_not_known():
    with pytest.raises(ValueError, match="AudioLDMPipeline is no generator that is known"):
        find_adapter(type("AudioLDMPipeline", (), {})())


def test_musicldm_is_said_to_be_broken():
    broken = type(
        "MusicLDMPipeline", (), {"__module__": "diffusers.pipelines", "text_encoder": object.__new__(ClapModel)}
    )
    with pytest.raises(ValueError, match="MusicLDMPipeline is broken under transformers 5"):
        find_adapter(broken())


def test_audioldm2_with_a_language_model_that_cannot_generate_is_explained(tmp_path):
    """The published checkpoints name GPT2Model."""
    generator = build_audioldm2()
    config = generator.language_model.config
    generator.language_model = GPT2Model(config)
    with pytest.raises(ValueError, match="GPT2LMHeadModel.from_pretrained"):
        find_adapter(generator)
    # The remedy keeps the weights.
    generator.language_model.save_pretrained(tmp_path)
    remedy = GPT2LMHeadModel.from_pretrained(tmp_path)
    assert (remedy.transformer.wte.weight == generator.language_model.wte.weight).all()
    generator.language_model = remedy
    assert find_adapter(generator).sampling_rate == 16_000
    assert remedy.config.max_new_tokens == config.max_new_tokens


def test_a_text_to_audio_pipeline_that_returns_a_spectrogram_is_explained():
    pipe = TextToAudioPipeline(build_fastspeech2(), tokenizer=build_t5_tokenizer())
    # What the error says, as long as it is true.
    assert pipe("rain")["audio"].shape[-1] == pipe.model.config.model_config.num_mel_bins
    with pytest.raises(ValueError, match="Pass the model itself"):
        find_adapter(pipe)


def test_arrays_from_elsewhere_need_no_generator():
    clips, sampling_rate = read_output(None, noise(0.1, 22_050), sampling_rate=22_050)
    assert sampling_rate == 22_050 and clips[0].shape == (2_205,)
