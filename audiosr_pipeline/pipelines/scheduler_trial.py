"""A scheduler tried on latents whose exact velocity is known: some make too much of it in few steps."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

NUM_LATENTS = 4_096
# 2 dB over what it should be. Schedulers over it made audiosr-mini's new band up to 10 dB too loud, or far more.
LARGEST_GAIN = 1.25

Step = Callable[..., Tensor]


def largest_gain(scheduler: Any, begin: Callable[[], None], step: Step, draws: bool) -> float:
    """The standard deviation of what a scheduler makes of latents that should have 1, the larger of two trials.

    The latents are normally distributed, or all 1 or -1: of both it is known what is to be expected of them in noise.
    Too few steps make less of them; much more is made only by a scheduler that can't work with its settings.

    Args:
        scheduler: Any of diffusers'.
        begin: Sets its timesteps, on the CPU. They have to be set anew afterwards.
        step: Called with scheduler, velocity, timestep, latents and, if it draws, `generator`; gives the next latents.
        draws: Whether noise is drawn in its steps.
    """
    deviations = []
    for expected in (_of_normal, _of_signs):
        # It has counted the steps of the trial before, and may keep what it was given in them.
        begin()
        deviations.append(_deviation(scheduler, step, draws, expected))
    return max(deviations)


def _of_normal(latents: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """The expected latents without noise, if they are normally distributed."""
    return alpha * latents


def _of_signs(latents: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """The expected latents without noise, if they are 1 or -1."""
    return (alpha * latents / sigma**2).tanh()


def _deviation(scheduler: Any, step: Step, draws: bool, expected: Callable[[Tensor, Tensor, Tensor], Tensor]) -> float:
    """The standard deviation of the latents that a scheduler ends with."""
    # One whose steps draw noise gives the same verdict each time, too.
    generator = torch.Generator().manual_seed(0)
    arguments = {"generator": generator} if draws else {}
    latents = torch.randn(1, 1, 1, NUM_LATENTS, generator=generator) * scheduler.init_noise_sigma
    alphas = scheduler.alphas_cumprod.cpu().double().clamp(min=1e-20)
    ratios = ((1 - alphas) / alphas).sqrt().numpy()
    for timestep in scheduler.timesteps:
        scaled = scheduler.scale_model_input(latents, timestep).double()
        # Timesteps may be no whole numbers.
        ratio = torch.tensor(np.interp(float(timestep), np.arange(len(ratios)), ratios))
        alpha, sigma = 1 / (1 + ratio**2).sqrt(), ratio / (1 + ratio**2).sqrt()
        clean = expected(scaled, alpha, sigma)
        velocity = alpha * (scaled - alpha * clean) / sigma - sigma * clean
        latents = step(scheduler, velocity.float(), timestep, latents, **arguments)
    return float(latents.std())
