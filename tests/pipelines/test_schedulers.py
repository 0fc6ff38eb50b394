"""Any diffusers scheduler for v-prediction can be swapped in: given the exact v of a known x0, it returns x0."""

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DEISMultistepScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2DiscreteScheduler,
    SASolverScheduler,
    UniPCMultistepScheduler,
)

from audiosr_pipeline.pipelines.checks import set_timesteps
from tests.conftest import build_tiny_pipeline
from tests.pipelines.stubs import KnownVelocity, seeded
from tests.signals import noise

SCHEDULERS = {
    "DDIM": (DDIMScheduler, {}),
    "DDIM with eta 1": (DDIMScheduler, {}),
    "DPM-Solver++": (DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++"}),
    "DPM-Solver++ of order 3": (DPMSolverMultistepScheduler, {"solver_order": 3}),
    "DPM-Solver++ SDE": (DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++"}),
    "UniPC": (UniPCMultistepScheduler, {}),
    "Euler": (EulerDiscreteScheduler, {}),
    # Its timesteps are no whole numbers.
    "Euler, evenly spaced": (EulerDiscreteScheduler, {"timestep_spacing": "linspace"}),
    "Euler ancestral": (EulerAncestralDiscreteScheduler, {}),
}


def exact_velocity(x_0: torch.Tensor, scheduler):
    """The v of `x_0` and whatever noise the latents hold: `v = alpha * noise - sigma * x_0`."""
    ratios = ((1 - scheduler.alphas_cumprod) / scheduler.alphas_cumprod.clamp(min=1e-20)) ** 0.5

    def velocity(latents, condition, timestep):
        # Between two timesteps the Euler schedulers interpolate sigma / alpha.
        ratio = torch.tensor(np.interp(float(timestep), np.arange(len(ratios)), ratios.double().numpy()))
        alpha, sigma = 1 / (1 + ratio**2) ** 0.5, ratio / (1 + ratio**2) ** 0.5
        noise = (latents.double() - alpha * x_0) / sigma
        return (alpha * noise - sigma * x_0).float()

    return velocity


@pytest.fixture(params=SCHEDULERS)
def pipeline(request):
    pipe = build_tiny_pipeline(default_eta=float(request.param.endswith("eta 1")))
    scheduler_class, settings = SCHEDULERS[request.param]
    pipe.scheduler = scheduler_class.from_config(pipe.scheduler.config, **settings)
    return pipe


@pytest.mark.parametrize("num_inference_steps", [2, 7, 25])
def test_the_exact_velocity_of_a_known_x_0_gives_x_0(pipeline, num_inference_steps):
    """Over five windows, for two channels and a second clip."""
    x_0 = torch.randn(3, 16, 50, 32, generator=seeded(1))
    # The condition holds its own frame numbers, by which a window is known.
    condition = torch.arange(50.0)[:, None].expand_as(x_0)

    def velocity(latents, window_condition, timestep):
        frames = window_condition[0, 0, :, 0].long()
        return exact_velocity(x_0[:, :, frames], pipeline.scheduler)(latents, window_condition, timestep)

    pipeline.unet = KnownVelocity(pipeline.unet.config, velocity)
    pipeline.scheduler.set_timesteps(num_inference_steps)
    starts = [pipeline.prepare_latents(50, seeded(seed)) for seed in (0, 1)]
    conditions = [condition[:2], condition[2:]]
    eta = pipeline.config.default_eta
    first, second = pipeline.denoise(starts, conditions, 1.0, eta, [seeded(0), seeded(1)])
    assert first.shape == (2, 16, 50, 32) and second.shape == (1, 16, 50, 32)
    # Float32, from noise that is up to 4096 times as large. DDIM counts 1000 // 7 timesteps back from each, so with 7
    # steps it ends at timestep 0, where a noise of 0.006 is left.
    is_inexact = isinstance(pipeline.scheduler, DDIMScheduler) and num_inference_steps == 7
    assert (torch.cat([first, second]) - x_0).abs().max() < (0.05 if is_inexact else 1e-3)


def test_the_first_step_starts_from_noise_alone(pipeline):
    """Zero terminal signal-to-noise ratio, "trailing": the first timestep is the last of the training, and what the
    UNet sees there has the statistics of noise, without a trace of signal."""
    pipeline.unet = KnownVelocity(pipeline.unet.config, lambda latents, condition, timestep: 0 * latents)
    noise_passed = torch.randn(1, 16, 10, 32, generator=seeded())
    pipeline(noise(0.5, 16_000)[0], 16_000, num_inference_steps=4, latents=noise_passed, generator=seeded())
    latents, _, timestep = pipeline.unet.calls[0]
    assert timestep == 999
    assert torch.allclose(latents, noise_passed, atol=1e-3)
    assert pipeline.scheduler.alphas_cumprod[-1] < 1e-7


def test_whole_calls_work_and_are_named_in_the_report(pipeline):
    out = pipeline([noise(1.5, 16_000)], 16_000, num_inference_steps=5, guidance_scale=2.0, generator=seeded())
    assert np.isfinite(out.audios).all()
    assert out.reports[0].settings["scheduler"] == type(pipeline.scheduler).__name__
    assert out.reports[0].low_band_error_db < -50


@pytest.mark.parametrize("num_inference_steps", [1, 2, 3, 5, 10, 50])
def test_eta_1_stays_finite_from_zero_terminal_snr(num_inference_steps):
    """There DDIM takes the root of a difference that is 0, and that rounding may make negative."""
    pipe = build_tiny_pipeline()
    pipe.unet = KnownVelocity(pipe.unet.config, lambda latents, condition, timestep: latents)
    out = pipe(noise(0.2, 16_000)[0], 16_000, num_inference_steps=num_inference_steps, eta=1.0, generator=seeded())
    assert np.isfinite(out.audios).all()


def test_eta_is_for_schedulers_that_take_it():
    pipe = build_tiny_pipeline(default_eta=1.0)
    audio = noise(0.2, 16_000)[0]
    assert pipe(audio, 16_000).reports[0].settings["eta"] == 1.0
    assert pipe(audio, 16_000, eta=0.5).reports[0].settings["eta"] == 0.5
    pipe.scheduler = UniPCMultistepScheduler.from_config(pipe.scheduler.config)
    with pytest.raises(ValueError, match="eta=0.5, but UniPCMultistepScheduler has no use for it"):
        pipe(audio, 16_000, eta=0.5)
    # The checkpoint's default is for its own scheduler.
    assert pipe(audio, 16_000).reports[0].settings["eta"] == 0.0


def test_eta_adds_noise_in_the_steps():
    pipe = build_tiny_pipeline(default_num_inference_steps=4)
    audio = noise(0.2, 16_000)[0]
    without, with_noise = (pipe(audio, 16_000, eta=eta, generator=seeded()).generated for eta in (0.0, 1.0))
    assert np.abs(without - with_noise).max() > 0.01 * np.abs(without).max()


@pytest.mark.parametrize(
    ("scheduler_class", "settings"),
    [
        (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
        (DPMSolverMultistepScheduler, {"use_beta_sigmas": True}),
        (DEISMultistepScheduler, {"use_beta_sigmas": True}),
        (UniPCMultistepScheduler, {"use_beta_sigmas": True}),
    ],
)
def test_timesteps_that_are_alike_are_steps_of_their_own(scheduler_class, settings):
    """Karras' and beta's sigmas begin so close that two have one timestep."""
    pipe = build_tiny_pipeline()
    pipe.scheduler = scheduler_class.from_config(pipe.scheduler.config, **settings)
    seen = []

    def note(pipe, step, timestep, tensors):
        seen.append(pipe.scheduler.step_index)

    pipe(noise(0.2, 16_000)[0], 16_000, num_inference_steps=5, generator=seeded(), callback_on_step_end=note)
    assert seen == list(range(1, len(seen) + 1))


@pytest.mark.parametrize(
    ("scheduler_class", "settings", "too_few", "enough"),
    [
        (SASolverScheduler, {}, 8, 25),
        (SASolverScheduler, {"use_exponential_sigmas": True}, 4, 50),
        # It makes too much of latents that aren't normally distributed alone.
        (SASolverScheduler, {"use_karras_sigmas": True}, 4, None),
        (HeunDiscreteScheduler, {"use_exponential_sigmas": True}, 4, 25),
        (KDPM2DiscreteScheduler, {"use_karras_sigmas": True}, 4, 25),
        (KDPM2DiscreteScheduler, {"use_exponential_sigmas": True}, 4, 25),
    ],
)
def test_a_scheduler_that_makes_too_much_of_exact_predictions_is_refused(scheduler_class, settings, too_few, enough):
    """Their coefficients grow with steps that are long in the logarithm of the noise: the new band was 7 to 300 dB too
    loud with audiosr-mini."""
    pipe = build_tiny_pipeline()
    scheduler = scheduler_class.from_config(pipe.scheduler.config, **settings)
    name = scheduler_class.__name__
    message = rf"{name} makes latents \d+ dB too large in num_inference_steps={too_few} with"
    with pytest.raises(ValueError, match=message):
        set_timesteps(scheduler, too_few, torch.device("cpu"))
    pipe.scheduler = scheduler
    with pytest.raises(ValueError, match=message):
        pipe(noise(0.2, 16_000)[0], 16_000, num_inference_steps=too_few)
    if enough:
        set_timesteps(scheduler, enough, torch.device("cpu"))


def test_a_scheduler_is_as_new_after_its_trial(pipeline):
    """Multi-step schedulers keep what they were given, and count their steps."""
    scheduler = pipeline.scheduler
    set_timesteps(scheduler, 5, torch.device("cpu"))
    assert len(scheduler.timesteps) == 5 and not getattr(scheduler, "step_index", None)
    assert all(output is None for output in getattr(scheduler, "model_outputs", []))


@pytest.mark.parametrize(
    ("spacing", "num_inference_steps", "first"), [("trailing", 2, None), ("leading", 2, 500), ("leading", 50, None)]
)
def test_a_start_with_too_little_noise_is_noted(spacing, num_inference_steps, first):
    pipe = build_tiny_pipeline()
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, timestep_spacing=spacing)
    clips = [noise(0.2, 16_000)[0], noise(0.2, 48_000)[0]]
    reports = [
        pipe(clip, rate, num_inference_steps=num_inference_steps, generator=seeded()).reports[0]
        for clip, rate in zip(clips, (16_000, 48_000), strict=True)
    ]
    found = [note for note in reports[0].notes if "begins at timestep" in note]
    assert found == [] if first is None else f"begins at timestep {first} of 1000" in found[0]
    # Nothing was generated of what has its highs.
    assert not any("timestep" in note for note in reports[1].notes)


def test_without_rescaled_betas_ddim_with_eta_1_stays_finite():
    pipe = build_tiny_pipeline()
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, rescale_betas_zero_snr=False)
    out = pipe(noise(0.2, 16_000)[0], 16_000, num_inference_steps=5, eta=1.0, generator=seeded())
    assert np.isfinite(out.audios).all()
