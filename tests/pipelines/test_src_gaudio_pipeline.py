"""`SRCgAudioPipeline`: prompts, rates, guidance, seeds, saving, what it refuses."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler
from transformers import T5Config, T5EncoderModel

from audiosr_pipeline import SRCgAudioPipeline
from audiosr_pipeline.adapters import with_super_resolution
from audiosr_pipeline.models.src_gaudio import build_projection, build_unet, build_vae, build_vocoder
from tests.adapters.tiny import T5_SIZES, build_t5_tokenizer, make_loud

WIDTH = T5_SIZES["d_model"]


def build(rate_as_class: bool = False, rates: tuple[int, ...] = (16_000, 48_000)) -> SRCgAudioPipeline:
    """A pipeline of tiny random networks that hears its text and its rate."""
    torch.manual_seed(0)
    vocoders = {f"vocoder_{rate // 1_000}k": build_vocoder(rate, width=32).eval() for rate in rates}
    for vocoder in vocoders.values():
        make_loud(vocoder)
    unet = build_unet(64, WIDTH, rate_as_class)
    for module in unet.modules():
        if type(module).__name__ == "TimestepEmbedding":
            torch.nn.init.normal_(module.linear_2.weight)
    pipe = SRCgAudioPipeline(
        build_vae(32).eval(),
        T5EncoderModel(T5Config(**T5_SIZES)).eval(),
        build_t5_tokenizer(),
        unet.eval(),
        DDIMScheduler(1_000, 0.0015, 0.0195, "scaled_linear", clip_sample=False, steps_offset=1),
        None if rate_as_class else build_projection(WIDTH).eval(),
        **vocoders,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def pipe() -> SRCgAudioPipeline:
    """The rate is a token. Not to be changed by a test."""
    return build()


def generate(pipe, prompt="rain", seeds=(0,), **settings):
    """Clips of 0.05 s in two steps at 16 kHz."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    usual = {"num_inference_steps": 2, "audio_length_in_s": 0.05, "sampling_rate": 16_000, "generator": generators}
    return pipe(prompt, **{**usual, **settings})


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_a_prompt_becomes_a_clip_at_the_rate_and_of_the_length_asked_for(pipe, rate):
    output = generate(pipe, sampling_rate=rate)
    assert (output.audios.shape, output.sampling_rate) == ((1, rate // 20), rate)
    assert output.audios.dtype == np.float32 and np.abs(output.audios).max() > 1e-4


@pytest.mark.parametrize("rate_as_class", [False, True])
def test_the_unet_is_told_text_and_rate(rate_as_class):
    pipe = build(rate_as_class)
    latents = torch.randn(1, 8, 8, 16, generator=torch.Generator().manual_seed(0))
    timestep = torch.tensor(500)

    def predicted(prompt, rate):
        with torch.no_grad():
            return pipe.unet(latents, timestep, **pipe.encode_prompt([prompt], rate)).sample

    base = predicted("rain", 16_000)
    for prompt, rate in (("wind", 16_000), ("rain", 48_000)):
        # Twenty times the rounding of float32 at a prediction's size.
        assert (predicted(prompt, rate) - base).abs().max() > 2e-6 * base.abs().max()


def test_padding_changes_nothing(pipe):
    latents = torch.randn(1, 8, 8, 16, generator=torch.Generator().manual_seed(0))
    alone = pipe.encode_prompt(["rain"], 16_000)
    batch = {name: value[:1] for name, value in pipe.encode_prompt(["rain", "a longer text"], 16_000).items()}
    with torch.no_grad():
        first, second = (pipe.unet(latents, torch.tensor(500), **each).sample for each in (alone, batch))
    torch.testing.assert_close(first, second, atol=1e-4, rtol=1e-4)


def test_the_null_branch_is_the_empty_prompt_at_the_same_rate(pipe, monkeypatch):
    asked = []
    encode = SRCgAudioPipeline.encode_prompt
    monkeypatch.setattr(
        SRCgAudioPipeline, "encode_prompt", lambda self, *arguments: asked.append(arguments) or encode(self, *arguments)
    )
    generate(pipe, ["rain", "wind"], seeds=[0, 1], sampling_rate=48_000)
    generate(pipe, guidance_scale=1.0)
    assert asked == [(["rain", "wind", "", ""], 48_000), (["rain"], 16_000)]


def test_seed_guidance_and_latents_decide(pipe):
    clips = [generate(pipe).audios, generate(pipe, seeds=[1]).audios, generate(pipe, guidance_scale=1.0).audios]
    assert len({clip.tobytes() for clip in clips}) == 3
    assert np.array_equal(clips[0], generate(pipe).audios)
    noise = torch.randn(1, 8, 8, 16)
    assert np.array_equal(generate(pipe, latents=noise).audios, generate(pipe, latents=noise, seeds=[5]).audios)


def test_a_clip_alone_is_the_clip_in_a_batch(pipe):
    batch = generate(pipe, ["rain", "wind"], seeds=[1, 2]).audios
    alone = generate(pipe, "wind", seeds=[2]).audios[0]
    # Rounding of float32, which random networks amplify: relative to the clip's own size.
    np.testing.assert_allclose(batch[1], alone, atol=1e-3 * np.abs(alone).max())


def test_other_schedulers_and_callbacks(pipe):
    pipe = build()
    pipe.scheduler = DPMSolverMultistepScheduler.from_config(pipe.scheduler.config)
    seen = []
    generate(pipe, callback_on_step_end=lambda pipe, step, timestep, tensors: seen.append(tensors["latents"].shape))
    assert seen == [(1, 8, 8, 16)] * 2


def test_it_is_saved_and_loaded_with_the_vocoders_that_it_has(tmp_path):
    pipe = build(rates=(16_000,))
    pipe.save_pretrained(tmp_path)
    loaded = SRCgAudioPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    assert loaded.sampling_rates == (16_000,)
    assert np.array_equal(generate(loaded).audios, generate(pipe).audios)


def test_behind_it_super_resolution_takes_the_rate_of_the_call(pipe, tiny_pipeline):
    wrapped = with_super_resolution(pipe, tiny_pipeline)
    output = wrapped("rain", sampling_rate=16_000, num_inference_steps=2, audio_length_in_s=0.1)
    assert (output.audios.shape, output.sampling_rate) == ((1, 4_800), 48_000)
    assert output.reports[0].sampling_rate == 16_000


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"sampling_rate": 24_000}, "sampling_rate=24000; this model has vocoders for 16000, 48000"),
        ({"prompt": []}, "accepted are a text and a list of texts"),
        ({"prompt": [1]}, "accepted are a text and a list of texts"),
        ({"num_inference_steps": 0}, "num_inference_steps=0"),
        ({"guidance_scale": -1}, "guidance_scale=-1"),
        ({"eta": 2}, "eta=2"),
        ({"audio_length_in_s": 0}, "audio_length_in_s=0"),
        ({"audio_length_in_s": 1e30}, "seconds above 0, up to 3600"),
        ({"output_type": "latent"}, "output_type='latent'; accepted are np, pt"),
        ({"latents": torch.zeros(1, 8, 4, 16)}, r"needed is finite noise of shape \(1, 8, 8, 16\)"),
    ],
)
def test_what_cannot_be_is_refused(pipe, changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        generate(pipe, **changes)


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ({"vocoder_48k": None, "vocoder_16k": None}, "there is no vocoder"),
        ({"vocoder_24k": build_vocoder(16_000, 32)}, "vocoder_24k is one for 16000 Hz"),
        ({"projection_model": None}, "neither a projection_model nor a UNet"),
        ({"unet": build_unet(64, WIDTH, rate_as_class=True)}, "both a projection_model and a UNet"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(pipe, parts, complaint):
    with pytest.raises(ValueError, match=complaint):
        SRCgAudioPipeline(**{**pipe.components, **parts})


def test_an_autoencoder_of_other_patches_is_refused(pipe):
    vae = build_vae(32)
    vae.register_to_config(block_out_channels=(32,) * 8)
    with pytest.raises(ValueError, match="64 mel bins, of which the autoencoder makes patches of 128"):
        SRCgAudioPipeline(**{**pipe.components, "vae": vae})


def test_vocoders_of_other_mels_are_refused(pipe):
    other = build_vocoder(48_000, 32)
    other.config.model_in_dim = 256
    with pytest.raises(ValueError, match=r"the vocoders take \[64, 256\] mel bins"):
        SRCgAudioPipeline(**{**pipe.components, "vocoder_48k": other})
