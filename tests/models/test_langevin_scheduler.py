"""DAG's sampler: beside diffusers' own steps, on data whose exact score is known, clip by clip."""

import logging

import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler, EulerDiscreteScheduler

from audiosr_pipeline.models.langevin_scheduler import LangevinScheduler


@pytest.mark.parametrize(
    ("alpha", "stock_class"), [(1.0, EulerDiscreteScheduler), (2.0, EulerAncestralDiscreteScheduler)]
)
def test_alpha_1_and_2_are_stock_steps(alpha, stock_class, caplog):
    caplog.set_level(logging.ERROR)
    own = LangevinScheduler(alpha=alpha, rescale_denoised=False)
    own.set_timesteps(20)
    stock = stock_class()
    stock.set_timesteps(20)
    stock.sigmas = torch.cat([own.sigma(own.timesteps), torch.zeros(1)])
    stock.timesteps = torch.arange(20.0)
    sample = other = torch.randn(2, 100, generator=torch.Generator().manual_seed(0))
    for number, timestep in enumerate(own.timesteps):
        # Any function of the sample stands for a network.
        first, second = (torch.Generator().manual_seed(number) for _ in range(2))
        sample = own.step(sample.tanh(), timestep, sample, first).prev_sample
        other = stock.step(other.tanh(), stock.timesteps[number], other, generator=second).prev_sample
    # Rounding of float32: the formulas are the same, the order of their sums isn't.
    assert (sample - other).abs().max() < 1e-6


@pytest.mark.parametrize(
    ("deviation", "alpha", "num_steps", "expected"),
    [
        (0.1, 1.0, 10, 0.83),
        (0.1, 1.0, 100, 0.978),
        (0.1, 2.0, 10, 0.72),
        (0.1, 2.0, 25, 0.86),
        (0.1, 2.0, 100, 0.97),
        (0.1, 4.0, 25, 0.79),
        (0.1, 50.0, 10, 0.60),
        (0.5, 1.0, 200, 0.89),
        (0.5, 2.0, 50, 0.92),
    ],
)
def test_few_steps_are_too_quiet_by_a_known_factor(deviation, alpha, num_steps, expected):
    """Gaussian data of known deviation has an exact score: what is lost is the sampler's."""
    scheduler = LangevinScheduler(alpha=alpha, rescale_denoised=False)
    scheduler.set_timesteps(num_steps)
    generator = torch.Generator().manual_seed(0)
    sample = scheduler.init_noise_sigma * torch.randn(20_000, 1, generator=generator)
    for timestep in scheduler.timesteps:
        sigma = scheduler.sigma(timestep)
        noise = sigma * sample / (deviation**2 + sigma**2)
        sample = scheduler.step(noise, timestep, sample, generator).prev_sample
    # A deviation of 20,000 samples is exact to 0.5 %; most of the expected ones are rounded to 0.01.
    assert float(sample.std()) / deviation == pytest.approx(expected, abs=0.012)


def test_noise_levels_are_geometric_and_the_last_step_gives_the_clean_sample():
    scheduler = LangevinScheduler()
    scheduler.set_timesteps(4)
    assert scheduler.sigma(scheduler.timesteps).tolist() == pytest.approx([1.0, 0.1, 0.01, 0.001], rel=1e-5)
    sample, noise = torch.full((1, 3), 0.5), torch.ones(1, 3)
    stepped = scheduler.step(noise, scheduler.timesteps[-1], sample)
    assert torch.equal(stepped.prev_sample, stepped.pred_original_sample)
    assert stepped.prev_sample[0, 0] == pytest.approx(0.499)


def test_what_is_too_loud_is_rescaled_clip_by_clip():
    scheduler = LangevinScheduler(alpha=1.0)
    scheduler.set_timesteps(2)
    sample = torch.tensor([[3.0, -1.5], [0.5, 0.25]])
    denoised = scheduler.step(torch.zeros(2, 2), scheduler.timesteps[0], sample).pred_original_sample
    assert denoised.tolist() == [[1.0, -0.5], [0.5, 0.25]]


def test_a_clip_is_the_same_in_a_batch_as_alone():
    scheduler = LangevinScheduler()
    scheduler.set_timesteps(5)

    def step(sample, seeds):
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        return scheduler.step(sample / 2, scheduler.timesteps[1], sample, generators, return_dict=False)[0]

    sample = torch.randn(2, 50)
    assert torch.equal(step(sample, [1, 2])[1], step(sample[1:], [2])[0])


def test_noise_is_added_by_each_time():
    scheduler = LangevinScheduler()
    noisy = scheduler.add_noise(torch.zeros(2, 1, 3), torch.ones(2, 1, 3), torch.tensor([1.0, 0.0]))
    assert noisy[:, 0, 0].tolist() == pytest.approx([1.0, 0.001])


def test_it_is_saved_and_loaded(tmp_path):
    LangevinScheduler(alpha=3.0).save_pretrained(tmp_path)
    assert LangevinScheduler.from_pretrained(tmp_path).config.alpha == 3.0


@pytest.mark.parametrize(
    "settings",
    [{"sigma_min": 0.0}, {"sigma_min": 2.0}, {"alpha": 0.5}, {"alpha": float("nan")}, {"alpha": float("inf")}],
)
def test_what_cannot_be_is_refused(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))}="):
        LangevinScheduler(**settings)


def test_steps_and_times_that_are_not_there_are_refused():
    scheduler = LangevinScheduler()
    with pytest.raises(ValueError, match="num_inference_steps=1; accepted are whole numbers from 2 on"):
        scheduler.set_timesteps(1)
    scheduler.set_timesteps(3)
    with pytest.raises(ValueError, match="none of `timesteps`"):
        scheduler.step(torch.zeros(1, 2), 0.3, torch.zeros(1, 2))
