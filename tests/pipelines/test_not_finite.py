"""Nothing is returned that isn't finite, or by far too loud; the error names what may be the cause."""

import numpy as np
import pytest
import torch
from diffusers import (
    CogVideoXDPMScheduler,
    DDIMInverseScheduler,
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2AncestralDiscreteScheduler,
    PNDMScheduler,
    RePaintScheduler,
    UniPCMultistepScheduler,
)

from audiosr_pipeline.training.ldm import build_scheduler
from tests.conftest import build_tiny_pipeline
from tests.pipelines.stubs import KnownVelocity, Playback, seeded
from tests.signals import noise

AUDIO = noise(0.3, 16_000)[0]
# The scheduler of the pipeline that is tried here.
TRAINED = build_scheduler().config


@pytest.fixture
def pipe():
    return build_tiny_pipeline(envelope_predictor=None)


@pytest.mark.parametrize("scheduler", [HeunDiscreteScheduler, KDPM2AncestralDiscreteScheduler])
@pytest.mark.parametrize("output_type", ["np", "latent"])
def test_a_scheduler_that_fails_is_named(pipe, scheduler, output_type):
    """From zero terminal SNR they divide by nothing."""
    pipe.scheduler = scheduler.from_config(pipe.scheduler.config)
    with pytest.raises(ValueError, match=scheduler.__name__):
        pipe(AUDIO, 16_000, num_inference_steps=4, generator=seeded(), output_type=output_type)


@pytest.mark.parametrize("num_inference_steps", [1, 2, 3, 4, 7, 20])
def test_pndm_gives_audio_or_says_that_the_steps_are_too_few(pipe, num_inference_steps):
    pipe.scheduler = PNDMScheduler.from_config(pipe.scheduler.config)
    try:
        out = pipe(AUDIO, 16_000, num_inference_steps=num_inference_steps, generator=seeded())
    except ValueError as error:
        assert num_inference_steps < 4 and f"PNDMScheduler can't make num_inference_steps={num_inference_steps}" in str(
            error
        )
    else:
        assert np.isfinite(out.audios).all() and out.reports[0].peak < 5


@pytest.mark.parametrize(
    ("scheduler", "message"),
    [
        (DPMSolverMultistepScheduler(), "has prediction_type='epsilon', but the UNet predicts v"),
        (FlowMatchEulerDiscreteScheduler(), "FlowMatchEulerDiscreteScheduler can't be used: it has no"),
        (DDIMInverseScheduler.from_config(TRAINED), "doesn't go from noise to audio"),
        (CogVideoXDPMScheduler.from_config(TRAINED), "its step asks for .*timestep_back"),
        (RePaintScheduler.from_config(TRAINED), "its step asks for original_image"),
        (DDPMScheduler.from_config(TRAINED, variance_type="learned_range"), "DDPMScheduler fails at timestep 999"),
        (DDIMScheduler.from_config(TRAINED, clip_sample=True), "has clip_sample=True, which cuts off"),
        (UniPCMultistepScheduler.from_config(TRAINED, thresholding=True), "has thresholding=True, which cuts off"),
        (UniPCMultistepScheduler.from_config(TRAINED, use_flow_sigmas=True), "has use_flow_sigmas=True"),
        (EulerDiscreteScheduler.from_config(TRAINED, timestep_type="continuous"), 'has timestep_type="continuous"'),
        (EulerDiscreteScheduler(prediction_type="v_prediction"), "has another noise schedule .* make it by"),
        (DDIMScheduler.from_config(TRAINED, num_train_timesteps=500), "has another noise schedule"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_a_scheduler_for_another_purpose_is_refused(pipe, scheduler, message):
    pipe.scheduler = scheduler
    with pytest.raises(ValueError, match=message):
        pipe(AUDIO, 16_000)


def test_a_guidance_that_goes_too_far_is_named(pipe):
    pipe.unet = KnownVelocity(pipe.unet.config, lambda latents, condition, timestep: 3e30 * condition)
    with pytest.raises(
        ValueError, match=r"the unet predicts NaN .* guidance_scale=1e\+20 \(the checkpoint's own is 1\)"
    ):
        pipe(AUDIO, 16_000, guidance_scale=1e20)
    pipe.unet.velocity = lambda latents, condition, timestep: condition
    with pytest.raises(ValueError, match=r"the denoised latents reach .* guidance_scale=10000 "):
        pipe(AUDIO, 16_000, guidance_scale=1e4)


@pytest.mark.parametrize("part", ["vae", "vocoder"])
def test_a_network_that_fails_is_named(pipe, part):
    if part == "vocoder":
        pipe.vocoder = Playback(np.full((1, 14_400), np.nan, np.float32))
    else:
        for parameter in pipe.vae.parameters():
            parameter.data.fill_(float("nan"))
    with pytest.raises(ValueError, match=f"the .*{part}.* NaN or infinite values .* the checkpoint's weights"):
        pipe(AUDIO, 16_000)


@pytest.mark.parametrize(
    ("latents", "message"),
    [
        (torch.full((1, 16, 6, 32), float("nan")), "latents hold NaN or infinite values"),
        (torch.full((1, 16, 6, 32), float("inf")), "latents hold NaN or infinite values"),
        (torch.zeros(1, 16, 4, 32, dtype=torch.int64), "latents are a tensor of torch.int64 on cpu; accepted is"),
        (torch.zeros(1, 16, 4, 32, device="meta"), "latents are a tensor of torch.float32 on meta"),
        (np.zeros((1, 16, 6, 32)), "latents are a ndarray; accepted is a tensor of floats"),
        (torch.full((1, 16, 6, 32), 1e30), "the latents that were passed"),
    ],
    ids=["nan", "inf", "integers", "meta", "array", "huge"],
)
def test_latents_that_are_no_noise_are_refused(pipe, latents, message):
    with pytest.raises(ValueError, match=message):
        pipe(AUDIO, 16_000, latents=latents)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (torch.zeros(1, 16, 6, 32), "the callback returned a Tensor; accepted are a dict of tensors and None"),
        ({"latents": torch.zeros(1, 16, 6, 31)}, r"returned latents that are \(1, 16, 6, 31\); needed is shape"),
        ({"latents": None}, "returned latents that are a NoneType"),
        ({"latents": torch.full((1, 16, 6, 32), torch.nan)}, "returned latents that hold NaN"),
    ],
    ids=["no dict", "shape", "none", "nan"],
)
def test_a_callback_that_returns_what_cannot_be_used_is_named(pipe, returned, message):
    with pytest.raises(ValueError, match=message):
        pipe(AUDIO, 16_000, callback_on_step_end=lambda *_: returned)


def test_a_callback_may_return_none(pipe):
    expected = pipe(AUDIO, 16_000, generator=seeded()).audios
    for returned in (None, {}):
        out = pipe(AUDIO, 16_000, generator=seeded(), callback_on_step_end=lambda *_, value=returned: value)
        assert np.array_equal(out.audios, expected)


@pytest.mark.parametrize(("miss_db", "is_noted"), [(0, False), (10, False), (17, True)])
def test_a_model_that_misses_the_band_that_is_known_is_noted(pipe, monkeypatch, miss_db, is_noted):
    """It makes the input's own band anew too; as a rule it misses it by 2-5 dB."""
    given, encode = [], pipe.encode
    monkeypatch.setattr(pipe, "encode", lambda mel: given.append(mel) or encode(mel))
    monkeypatch.setattr(pipe, "decode", lambda latents: given[-1] + miss_db * np.log(10) / 20)
    (report,) = pipe(AUDIO, 16_000, guidance_scale=3.5).reports
    notes = [note for note in report.notes if "own band misses it" in note]
    assert len(notes) == is_noted
    assert all("by 17 dB" in note and "guidance_scale=3.5 (the checkpoint's own is 1)" in note for note in notes)


def test_a_new_band_that_is_too_loud_is_lowered_and_noted(pipe):
    """White noise of the input's level is natural; 20 dB more are not."""
    audio = noise(1.0, 16_000, tilt_db=0.0)[0]
    usual, loud = noise(1.0, amplitude=0.1), noise(1.0, amplitude=0.1)
    loud[:, 24_000:26_400] *= 30
    reports, levels = [], []
    for played in (usual, loud):
        pipe.vocoder = Playback(played)
        out = pipe(audio, 16_000, cutoff_freq=6_000, generator=seeded())
        reports.append(out.reports[0])
        levels.append(out.generated[0])
    assert not any("louder than natural" in note for note in reports[0].notes)
    (note,) = (note for note in reports[1].notes if "louder than natural" in note)
    assert "for 0.05 s, and was lowered there" in note
    assert reports[1].low_band_error_db < -50
    # 40 ms away nothing has changed.
    assert np.allclose(levels[0][2_000:22_000], levels[1][2_000:22_000], atol=1e-4)
    burst = slice(24_240, 26_160)
    # Instead of 30 dB more than usual, what natural sound may have at most.
    assert 5 < 20 * np.log10(levels[1][burst].std() / levels[0][burst].std()) < 20


def test_what_is_lowered_leaves_no_trace_in_silence(pipe):
    audio = noise(0.5, 16_000, tilt_db=0.0)[0]
    audio[3_200:4_800] = 0
    loud = noise(0.5, amplitude=0.1)
    loud[:, 8_000:9_600] *= 30
    pipe.vocoder = Playback(loud)
    out = pipe(audio, 16_000, cutoff_freq=6_000, generator=seeded())
    assert any("louder than natural" in note for note in out.reports[0].notes)
    assert out.generated[0, :9_000].any()
    # The silence, less its fades of 5 ms and the ringing of the resampler.
    assert not out.generated[0, 9_600 + 960 : 14_400 - 960].any()


def test_what_is_louder_by_far_is_an_error(pipe):
    pipe.vocoder = Playback(1_000 * noise(0.4))
    with pytest.raises(ValueError, match=r"what was generated is up to \d\d dB louder .* guidance_scale=3.5"):
        pipe(AUDIO, 16_000, guidance_scale=3.5)


def test_the_default_dtype_of_torch_does_not_matter(pipe):
    expected = pipe(AUDIO, 16_000, 3, 2.0, 1.0, generator=seeded()).audios
    torch.set_default_dtype(torch.float64)
    try:
        audios = pipe(AUDIO, 16_000, 3, 2.0, 1.0, generator=seeded()).audios
    finally:
        torch.set_default_dtype(torch.float32)
    assert audios.dtype == np.float32
    # The scheduler's and the UNet's sines are computed more exactly.
    assert np.abs(audios - expected).max() < 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_inference_steps": True},
        {"num_inference_steps": 10**400},
        {"guidance_scale": "3"},
        {"guidance_scale": True},
        {"guidance_scale": 10**400},
        {"eta": "0"},
        {"eta": True},
        {"cutoff_freq": "4000"},
        {"cutoff_freq": 10**400},
        {"cutoff_freq": np.array([4_000.0])},
        {"on_full_band": ["skip"]},
        {"output_type": None},
        {"callback_on_step_end": 3},
        {"callback_on_step_end_tensor_inputs": [None]},
        {"callback_on_step_end_tensor_inputs": 3},
    ],
    ids=lambda arguments: f"{next(iter(arguments))} {type(next(iter(arguments.values()))).__name__}",
)
def test_an_argument_of_another_type_is_a_value_error(pipe, arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))) as error:
        pipe(AUDIO, 16_000, **arguments)
    assert len(str(error.value)) < 300
