"""With `level_patch`, means over patches of the result are the first prediction's, detail is the scheduler's.

`level_guidance` guides that prediction alone, `detail_gain` is a factor of the detail alone.
"""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler
from scipy.ndimage import uniform_filter

from tests.conftest import build_tiny_pipeline
from tests.pipelines.stubs import KnownVelocity, seeded
from tests.pipelines.test_schedulers import exact_velocity

SDE = {"algorithm_type": "sde-dpmsolver++"}
SCHEDULERS = [(DDIMScheduler, {}), (DPMSolverMultistepScheduler, SDE), (EulerDiscreteScheduler, {})]


def denoise(pipe, first, later):
    """What comes of a UNet that predicts `first` in the first step and `later` in the others."""
    pipe.scheduler.set_timesteps(4)
    begin = float(pipe.scheduler.timesteps[0])

    def velocity(latents, condition, timestep):
        x_0 = first if float(timestep) == begin else later
        return exact_velocity(x_0, pipe.scheduler)(latents, condition, timestep)

    pipe.unet = KnownVelocity(pipe.unet.config, velocity)
    start = pipe.prepare_latents(first.shape[2], seeded())
    return pipe.denoise([start], [torch.zeros_like(first)], 1.0, 0.0, [seeded()])[0]


@pytest.mark.parametrize("gain", [1.0, 1.25])
@pytest.mark.parametrize(("scheduler_class", "settings"), SCHEDULERS)
def test_level_of_the_first_prediction_and_detail_of_the_last(scheduler_class, settings, gain):
    pipe = build_tiny_pipeline(level_patch=5, detail_gain=gain)
    pipe.scheduler = scheduler_class.from_config(pipe.scheduler.config, **settings)
    detail = torch.randn(1, 16, 16, 32, generator=seeded(1))
    result = denoise(pipe, torch.full_like(detail, 3.0), detail - 2.0)
    # Away from the ends, where a patch is what fits.
    expected = 3 + gain * (detail - uniform_filter(detail.numpy(), (0, 0, 5, 5)))
    assert np.abs(result - expected)[:, :, 2:-2, 2:-2].max() < 1e-3
    # What patches cut short by the ends leave of the detail, whose mean over 8192 latents is itself 0 +- 0.011.
    assert float(result.mean()) == pytest.approx(3, abs=0.01)


def test_a_first_prediction_that_holds_is_the_result_itself():
    x_0 = torch.randn(1, 16, 16, 32, generator=seeded(1))
    assert (denoise(build_tiny_pipeline(level_patch=5), x_0, x_0) - x_0).abs().max() < 1e-3


def test_0_leaves_what_the_scheduler_ends_with():
    x_0 = torch.randn(1, 16, 16, 32, generator=seeded(1))
    assert (denoise(build_tiny_pipeline(level_patch=0), x_0 + 3, x_0) - x_0).abs().max() < 1e-3


def test_latents_whose_denoising_was_interrupted_are_left_alone():
    def stop(pipe, step, timestep, tensors):
        pipe.interrupt = True
        return {"latents": tensors["latents"]}

    results = []
    for level_patch in (0, 5):
        pipe = build_tiny_pipeline(level_patch=level_patch)
        pipe.scheduler.set_timesteps(4)
        start, condition = pipe.prepare_latents(16, seeded()), torch.zeros(1, 16, 16, 32)
        results += pipe.denoise([start], [condition], 1.0, 0.0, [seeded()], stop, ["latents"])
    assert torch.equal(*results)


@pytest.mark.parametrize("level_patch", [-1, 2, 4])
def test_patches_without_a_middle_are_refused(level_patch):
    with pytest.raises(ValueError, match=rf"level_patch={level_patch}; accepted are 0 \(none\) and odd"):
        build_tiny_pipeline(level_patch=level_patch)


def test_the_level_is_the_mean_of_predictions_from_pairs_of_opposite_noises():
    pipe = build_tiny_pipeline(level_patch=5, level_predictions=3)
    pipe.scheduler.set_timesteps(4)
    begin = float(pipe.scheduler.timesteps[0])

    def velocity(latents, condition, timestep):
        # The first one, two and three times; then of the last.
        first = len([call for call in pipe.unet.calls if call[2] == begin])
        return exact_velocity(torch.full_like(latents, float(first)), pipe.scheduler)(latents, condition, timestep)

    pipe.unet = KnownVelocity(pipe.unet.config, velocity)
    start, generator = pipe.prepare_latents(16, seeded()), seeded(1)
    # Two channels, which share their noises.
    result = pipe.denoise([start], [torch.zeros(2, 16, 16, 32)], 1.0, 0.0, [generator])[0]
    # (1 + 2 + 3) / 3, within float32.
    assert (result - 2).abs().max() < 1e-3
    noises = [latents for latents, _, timestep in pipe.unet.calls if timestep == begin]
    assert len(noises) == 3 and len(pipe.unet.calls) == 6
    assert all(torch.equal(*channels) for channels in noises)
    assert torch.equal(noises[1], -noises[0])
    # Of 16384 numbers of two independent noises: 0 +- 0.011.
    assert abs((noises[0] * noises[2]).mean()) < 0.05


def test_what_is_odd_in_the_noise_is_not_in_the_level_of_two_predictions():
    pipe = build_tiny_pipeline(level_patch=1, level_predictions=2)
    pipe.scheduler.set_timesteps(4)
    begin = pipe.scheduler.timesteps[0]

    def velocity(latents, condition, timestep):
        # The first predictions are 2 and a third of their noise.
        x_0 = 2 + latents / 3 if timestep == begin else torch.zeros_like(latents)
        return exact_velocity(x_0, pipe.scheduler)(latents, condition, timestep)

    pipe.unet = KnownVelocity(pipe.unet.config, velocity)
    result = pipe.denoise([pipe.prepare_latents(16, seeded())], [torch.zeros(1, 16, 16, 32)], 1.0, 0.0, [seeded(1)])[0]
    # Of patches of one latent the level is all; within float32.
    assert (result - 2).abs().max() < 1e-3


@pytest.mark.parametrize(("guidance_scale", "level"), [(1.0, 2.5), (2.0, 4.0)])
def test_the_first_step_alone_is_guided_by_the_factor(guidance_scale, level):
    pipe = build_tiny_pipeline(level_patch=5, level_guidance=1.5)
    pipe.scheduler.set_timesteps(4)

    def velocity(latents, condition, timestep):
        # 2 with the condition, which is 0, and 1 without.
        x_0 = torch.where(condition[:, :1, :1, :1] == 0, 2.0, 1.0).expand_as(latents)
        return exact_velocity(x_0, pipe.scheduler)(latents, condition, timestep)

    pipe.unet = KnownVelocity(pipe.unet.config, velocity)
    start = pipe.prepare_latents(16, seeded())
    result = pipe.denoise([start], [torch.zeros(1, 16, 16, 32)], guidance_scale, 0.0, [seeded()])[0]
    # 1.5 times the scale away from 1, within float32; unguided steps see one row.
    assert (result - level).abs().max() < 1e-3
    rows = [len(latents) for latents, _, _ in pipe.unet.calls]
    assert rows == ([2, 1, 1, 1] if guidance_scale == 1 else [2, 2, 2, 2])


def test_no_prediction_at_all_is_refused():
    with pytest.raises(ValueError, match="level_predictions=0; accepted are whole numbers from 1 on"):
        build_tiny_pipeline(level_predictions=0)


@pytest.mark.parametrize("name", ["level_guidance", "detail_gain"])
@pytest.mark.parametrize("factor", [0, -1.0, float("inf"), float("nan")])
def test_factors_that_lead_nowhere_are_refused(name, factor):
    with pytest.raises(ValueError, match=rf"{name}={factor}; accepted are numbers above 0"):
        build_tiny_pipeline(**{name: factor})
