"""Outputs by hand, in the form that their sources return (diffusers 0.42.1, transformers 5.23.0): of generators that
take too much to be built, and forms beside those that the tiny ones give."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers.modular_pipelines.modular_pipeline import PipelineState
from diffusers.pipelines.ltx2.pipeline_output import LTX2DFRPipelineOutput

from audiosr_pipeline.adapters import read_output, with_super_resolution
from tests.adapters.cases import CASES
from tests.signals import noise

STEREO = torch.from_numpy(np.concatenate([noise(0.1, 24_000, seed) for seed in (1, 2)]))
IDS = torch.arange(20)[None]


def at(sampling_rate: int, name: str = "sampling_rate") -> SimpleNamespace:
    """A component with a rate in its config."""
    return SimpleNamespace(config=SimpleNamespace(**{name: sampling_rate}))


def make(package: str, name: str, output, **attributes):
    """A generator of a class of that name, which returns an output."""

    def call(self, output_type=None, enable_sound=True, vocoder="any"):
        return output

    methods = dict.fromkeys(("__call__", "generate"), call)
    return type(name, (), {"__module__": f"{package}.pipelines", **methods, **attributes})()


# Package, class, its attributes, what it returns, where in it the audio is, and its rate.
BY_HAND = {
    "Cosmos 3 Omni, tuple with action": (
        "diffusers",
        "Cosmos3OmniPipeline",
        {"sound_tokenizer": at(32_000)},
        ([1, 2], STEREO, "action"),
        lambda out: out[1],
        32_000,
    ),
    "LTX-2 DFR, 48 kHz by bandwidth extension": (
        "diffusers",
        "LTX2DFRPipeline",
        {"vocoder": at(48_000, "output_sampling_rate"), "audio_sampling_rate": 16_000},
        LTX2DFRPipelineOutput(frames=[[1, 2]], audio=STEREO[None], keyframes=None, keyframe_positions=None),
        lambda out: out.audio,
        48_000,
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_output_made_by_hand(name, tiny_pipeline):
    package, cls, attributes, output, audio_in, sampling_rate = BY_HAND[name]
    generator = make(package, cls, output, **attributes)
    before = audio_in(output)
    clips, rate = read_output(generator, output)
    assert rate == sampling_rate
    wrapped = with_super_resolution(generator, tiny_pipeline, on_full_band="run")
    out = wrapped()
    assert isinstance(out, type(output)) and out.sampling_rate == 48_000
    new = audio_in(out)
    assert isinstance(new, type(before))
    for clip, audio in zip(clips, [new] if len(clips) == 1 else new, strict=True):
        assert audio.shape[-1] == round(clip.shape[-1] * 48_000 / sampling_rate)
    assert [report.num_channels for report in out.reports] == [len(np.atleast_2d(clip)) for clip in clips]
    # The rest of it is untouched.
    if isinstance(output, tuple):
        assert [item is other for item, other in zip(out, output, strict=True)].count(False) == 1
    for kept in ("frames", "video"):
        assert getattr(out, kept, None) is getattr(output, kept, None)


@pytest.mark.parametrize(
    ("name", "attributes", "output"),
    [
        ("BarkModel", {"generation_config": SimpleNamespace(sample_rate=24_000)}, (STEREO, [2_400, 1_000])),
        ("SpeechT5ForTextToSpeech", {}, (STEREO, [2_400, 1_000])),
        ("SpeechT5ForTextToSpeech", {}, (STEREO, [2_400, 1_000], "cross attentions")),
        ("SeamlessM4TForTextToSpeech", {"config": at(24_000).config}, (STEREO, torch.tensor([2_400, 1_000]))),
        (
            "SeamlessM4Tv2Model",
            {"config": at(24_000).config},
            SimpleNamespace(waveform=STEREO, waveform_lengths=torch.tensor([2_400, 1_000]), sequences=IDS),
        ),
        ("VitsModel", {"config": at(24_000).config}, (STEREO, torch.tensor([2_400, 1_000]), None)),
    ],
)
def test_clips_of_a_batch_have_the_lengths_beside_it(name, attributes, output, tiny_pipeline):
    model = make("transformers", name, output, **attributes)
    clips, _ = read_output(model, output, None if attributes else 24_000)
    assert [clip.shape for clip in clips] == [(2_400,), (1_000,)]
    wrapped = with_super_resolution(model, tiny_pipeline, sampling_rate=None if attributes else 24_000)
    out = (wrapped if name == "VitsModel" else wrapped.generate)()
    audio = out[0] if isinstance(out, tuple) else out.waveform
    lengths = out[1] if isinstance(out, tuple) else out.waveform_lengths
    assert [int(length) for length in lengths] == [4_800, 2_000]
    assert audio.shape == (2, 4_800) and audio[1, 1_900].abs() > 0 and not audio[1, 2_000:].any()


def test_attributes_that_say_the_rate_of_the_audio_are_those_of_the_output(tiny_pipeline):
    wrapped = with_super_resolution(CASES["Kandinsky 6"].build(), tiny_pipeline)
    assert wrapped.audio_sample_rate == wrapped.sampling_rate == wrapped.sample_rate == 48_000
    assert wrapped.generator.audio_sample_rate == 44_100


def test_token_ids_alone_are_no_audio(tiny_pipeline):
    model = make("transformers", "Qwen2_5OmniForConditionalGeneration", IDS, has_talker=True)
    with pytest.raises(ValueError, match="there is no audio in it") as error:
        with_super_resolution(model, tiny_pipeline).generate()
    assert error.value.output is IDS


@pytest.mark.parametrize("name", ["LTX-2, modular", "Cosmos 3, modular", "MiniMax H3, modular"])
def test_a_state_holds_the_same_by_attribute_and_by_value(name, tiny_pipeline):
    case = CASES[name]
    out = case.call(with_super_resolution(case.build(), tiny_pipeline, on_full_band="run"))
    assert isinstance(out, PipelineState)
    attribute = "sound" if "Cosmos" in name else "audio"
    assert getattr(out, attribute) is out.get(attribute) is out.values[attribute]
    assert out.sampling_rate == out.get("sampling_rate") == 48_000
    assert out.get("reports") is out.reports and out.get("original") is out.original


def test_a_state_of_an_unknown_modular_pipeline_holds_the_same_too(tiny_pipeline):
    state = PipelineState()
    state.set("audios", STEREO[None])
    out = with_super_resolution(lambda: state, tiny_pipeline, sampling_rate=24_000)()
    assert out.audios is out.get("audios") and out.audios.shape == (1, 2, 4_800) and out.get("sampling_rate") == 48_000
    assert state.audios is state.get("audios") is not out.audios


def test_frames_of_a_video_are_untouched(tiny_pipeline):
    case = CASES["LTX-2"]
    generator = case.build()
    alone = case.call(generator, generator=torch.Generator().manual_seed(0))
    out = case.call(with_super_resolution(generator, tiny_pipeline), generator=torch.Generator().manual_seed(0))
    assert torch.equal(out.frames, alone.frames)
    assert out.audio.shape == (2, 2, 2 * alone.audio.shape[-1]) and out.sampling_rate == 48_000


def test_texts_in_one_batch_have_the_lengths_that_the_model_tells(tiny_pipeline):
    case = CASES["text-to-audio, a batch of unequal lengths"]
    pipe = case.build()
    out = case.call(with_super_resolution(pipe, tiny_pipeline))
    padded = [len(item["audio"]) for item in case.call(pipe)]
    lengths = [len(item["audio"]) for item in out]
    assert padded[0] == padded[1] and lengths[0] != lengths[1] and lengths == [len(item["original"]) for item in out]
    # Nothing of it stays with the pipeline.
    assert not pipe.model._forward_hooks
