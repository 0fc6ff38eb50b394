"""Models that are known, used in ways beside the documented one."""

import pytest
import torch
from transformers import EncodecFeatureExtractor, MusicgenProcessor, TextToAudioPipeline

from audiosr_pipeline.adapters import with_super_resolution
from audiosr_pipeline.adapters.find import find_adapter
from tests.adapters.tiny import build_musicgen, build_t5_tokenizer, build_vits
from tests.adapters.tiny_speech import build_dia, build_seamless, build_vibevoice
from tests.signals import noise


@pytest.mark.parametrize(("build", "method"), [(build_vits, "forward"), (build_seamless, "generate")])
def test_a_method_alone_is_refused_for_its_object(build, method, tiny_pipeline):
    model = build()
    name = type(model).__name__
    with pytest.raises(
        ValueError, match=rf"{name}.{method} is a method of a class that is known, .* call model.{method}"
    ):
        with_super_resolution(getattr(model, method), tiny_pipeline, sampling_rate=16_000)


def test_audio_of_a_method_that_is_not_expected_to_give_it_is_said(tiny_pipeline):
    model = build_vits()
    type(model).speak = lambda self, ids: self(ids).waveform
    try:
        wrapped = with_super_resolution(model, tiny_pipeline)
        with pytest.warns(
            UserWarning, match="VitsModel.speak returned what looks like audio; .* behind __call__, forw"
        ):
            wrapped.speak(torch.tensor([[1, 2, 3, 4]]))
    finally:
        del type(model).speak


def test_the_codec_that_makes_the_audio_tells_its_rate():
    _, processor = build_dia()
    processor.feature_extractor.sampling_rate = 16_000
    assert find_adapter(processor).sampling_rate == 44_100


def test_where_nothing_was_spoken_none_comes_back(tiny_pipeline):
    # This text ends before it begins.
    ids = torch.tensor([[5, 6, 7, 8, 32]])
    wrapped = with_super_resolution(build_vibevoice(), tiny_pipeline)
    out = wrapped.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=24)
    assert list(out) == [None] and out.sampling_rate == 48_000 and out.reports == [None]


def test_a_compiled_model_is_known_as_the_model(tiny_pipeline):
    model = build_vits()
    compiled = torch.compile(model, backend="eager")
    adapter = find_adapter(compiled)
    assert adapter.name == "VitsModel" and adapter.sampling_rate == 16_000 and adapter.generator is compiled


def test_another_rate_than_the_published_one_is_said(tiny_pipeline):
    with pytest.warns(UserWarning, match="of the published checkpoints is 24000 Hz. It is taken to be at 16000 Hz"):
        with_super_resolution(build_vibevoice(), tiny_pipeline, sampling_rate=16_000)


def test_lengths_are_known_of_derived_models_behind_a_pipeline(tiny_pipeline):
    model = build_vits()
    model.__class__ = type("Finetuned", (type(model),), {})
    pipe = TextToAudioPipeline(model, tokenizer=build_t5_tokenizer())
    out = with_super_resolution(pipe, tiny_pipeline)(["rain on a tin roof", "wind"], batch_size=2)
    assert len(out[0]["audio"]) != len(out[1]["audio"])


def test_padded_audio_prompts_are_cut_by_a_mask_at_the_new_rate(tiny_pipeline):
    processor = MusicgenProcessor(
        EncodecFeatureExtractor(sampling_rate=32_000, padding_side="left"), build_t5_tokenizer()
    )
    prompts = [noise(length / 32_000, 32_000)[0] for length in (1_920, 960)]
    inputs = processor(audio=prompts, sampling_rate=32_000, text=["a", "b"], padding=True, return_tensors="pt")
    model, mask, settings = build_musicgen(), inputs["padding_mask"], {"do_sample": False, "max_new_tokens": 40}
    own = processor.batch_decode(model.generate(**inputs, **settings), padding_mask=mask)
    wrapped = with_super_resolution(model, tiny_pipeline)
    with pytest.warns(UserWarning, match=r"cuts that by a mask at .* scale_factor=48_000 / 32000\)\[:, 0\]"):
        audio = wrapped.generate(**inputs, **settings)
    # As the warning says.
    mask = torch.nn.functional.interpolate(mask[:, None].float(), scale_factor=48_000 / 32_000)[:, 0]
    new = processor.batch_decode(audio, padding_mask=mask)
    assert [clip.shape[-1] for clip in new] == [clip.shape[-1] * 3 // 2 for clip in own]
