"""Which generators are known, and what is said of the others."""

import functools
import json

import diffusers
import pytest
import transformers
from diffusers import AudioLDM2Pipeline, AudioLDMPipeline
from torch import nn
from transformers import TextToAudioPipeline

from audiosr_pipeline.adapters import read_output, with_super_resolution
from audiosr_pipeline.adapters.find import ADAPTERS, find_adapter
from tests.adapters.cases import CASES
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
    assert all(name in str(error.value) for _, name in ADAPTERS)
    # As it says.
    generator = Vits()
    wrapped = with_super_resolution(lambda *args, **kwargs: (generator(*args, **kwargs), 16_000), tiny_pipeline)
    assert wrapped("rain")[0].shape == (1, 9_600)
    assert with_super_resolution(Vits(), tiny_pipeline, sampling_rate=16_000)("rain").shape == (1, 9_600)


def test_a_class_of_the_same_name_from_elsewhere_is_not_known():
    with pytest.raises(ValueError, match="AudioLDMPipeline is no generator that is known"):
        find_adapter(type("AudioLDMPipeline", (), {})())


def test_classes_are_those_of_the_libraries():
    for package, library in (("diffusers", diffusers), ("transformers", transformers)):
        names = [name for owner, name in ADAPTERS if owner == package]
        assert len(names) > 20 and [name for name in names if not hasattr(library, name)] == []


def test_audioldm2_as_published_is_loaded_and_called_without_more(tmp_path, tiny_pipeline):
    """Its checkpoints name GPT2Model, which transformers 5 has no generation for."""
    CASES["AudioLDM 2, GPT2Model"].build().save_pretrained(tmp_path)
    assert json.loads((tmp_path / "model_index.json").read_text())["language_model"] == ["transformers", "GPT2Model"]
    generator = AudioLDM2Pipeline.from_pretrained(tmp_path)
    out = CASES["AudioLDM 2, GPT2Model"].call(with_super_resolution(generator, tiny_pipeline))
    assert out.audios.shape == (1, 14_400)
    # What was missing was there for the call alone.
    assert not hasattr(generator.language_model, "_update_model_kwargs_for_generation")
    assert "score_waveforms" not in vars(generator)


@pytest.mark.parametrize("enable_fusion", [False, True])
@pytest.mark.parametrize("truncation", ["rand_trunc", "fusion"])
def test_clap_ranks_whatever_its_kind(enable_fusion, truncation, tiny_pipeline, recwarn):
    generator = build_audioldm2(enable_fusion=enable_fusion)
    generator.feature_extractor.truncation = truncation
    out = CASES["AudioLDM 2, two per prompt"].call(with_super_resolution(generator, tiny_pipeline))
    assert out.audios.shape == (2, 14_400)
    assert not [warning for warning in recwarn if "CLAP" in str(warning.message)]


def test_waveforms_that_clap_cannot_rank_are_not_lost(tiny_pipeline):
    generator = build_audioldm2()

    def fail(*args, **kwargs):
        raise RuntimeError("no such input")

    generator.text_encoder.forward = fail
    with pytest.warns(UserWarning, match="CLAP couldn't rank the waveforms .RuntimeError: no such input"):
        out = CASES["AudioLDM 2, two per prompt"].call(with_super_resolution(generator, tiny_pipeline))
    assert out.audios.shape == (2, 14_400)


def test_a_text_to_audio_pipeline_that_returns_token_ids_is_explained():
    omni = type("Qwen2_5OmniForConditionalGeneration", (), {})()
    pipe = object.__new__(TextToAudioPipeline)
    pipe.model = omni
    with pytest.raises(ValueError, match="returns the token ids of Qwen2_5OmniForConditionalGeneration as audio"):
        find_adapter(pipe)


def test_a_text_to_audio_pipeline_that_returns_a_spectrogram_is_explained():
    pipe = TextToAudioPipeline(build_fastspeech2(), tokenizer=build_t5_tokenizer())
    # What the error says, as long as it is true.
    assert pipe("rain")["audio"].shape[-1] == pipe.model.config.model_config.num_mel_bins
    with pytest.raises(ValueError, match="Pass the model itself"):
        find_adapter(pipe)


def test_arrays_from_elsewhere_need_no_generator():
    clips, sampling_rate = read_output(None, noise(0.1, 22_050), sampling_rate=22_050)
    assert sampling_rate == 22_050 and clips[0].shape == (2_205,)
