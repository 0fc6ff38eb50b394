"""The sampler of DAG (arXiv:2210.14661): consistent annealed Langevin dynamics (arXiv:2006.09196, arXiv:2104.06666)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers import ConfigMixin, SchedulerMixin
from diffusers.configuration_utils import register_to_config
from diffusers.utils import BaseOutput
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor


@dataclass
class LangevinSchedulerOutput(BaseOutput):
    """What a step gives.

    Args:
        prev_sample: The sample at the next, lower noise level.
        pred_original_sample: The clean sample as it is predicted at this one.
    """

    prev_sample: Tensor
    pred_original_sample: Tensor


class LangevinScheduler(SchedulerMixin, ConfigMixin):
    """Steps from noise to a waveform under variance exploding noise, `x_t = x_0 + sigma_t z`.

    Noise levels are geometric: `sigma_t = sigma_min (sigma_max / sigma_min)^t`, t from 1 to 0. Between neighbours with
    the ratio `delta = sigma_(n-1) / sigma_n` a step is `x_(n-1) = x_n + eta sigma_n^2 S + beta sigma_(n-1) z'`, with
    `eta = 1 - delta^alpha` and `beta = sqrt(1 - ((1 - eta) / delta)^2)`. At alpha 1 it is
    `EulerDiscreteScheduler`'s step and at alpha 2 `EulerAncestralDiscreteScheduler`'s. The last step gives the clean
    sample as predicted; the paper doesn't say how it ends.

    With few steps audio comes out too quiet, even of a perfect network: by 1.3 dB in 25 steps at alpha 2, by 0.3 dB
    in 100, for audio of deviation 0.1.

    Args:
        sigma_min: Deviation of the faintest noise, relative to full scale.
        sigma_max: That of the strongest, which sampling begins with.
        alpha: How much new noise comes in each step; 1: none.
        rescale_denoised: Whether a predicted clean sample that exceeds 1 is divided by its peak, clip by clip.

    Raises:
        ValueError: If the noise levels aren't 0 < sigma_min < sigma_max, or alpha is below 1.
    """

    order = 1
    _compatibles: list[str] = []

    @register_to_config
    def __init__(
        self,
        sigma_min: float = 1e-3,
        sigma_max: float = 1.0,
        alpha: float = 2.0,
        rescale_denoised: bool = True,
    ):
        if not 0 < sigma_min < sigma_max:
            raise ValueError(f"sigma_min={sigma_min}, sigma_max={sigma_max}; needed is 0 < sigma_min < sigma_max.")
        if not 1 <= alpha < float("inf"):
            raise ValueError(f"alpha={alpha}; accepted are numbers from 1 on, 1 adds no noise.")
        self.init_noise_sigma = sigma_max
        self.timesteps = torch.linspace(1, 0, 2)

    def sigma(self, timesteps: Tensor) -> Tensor:
        """Deviation of the noise at times from 0 to 1, of any shape."""
        config = self.config
        return config.sigma_min * (config.sigma_max / config.sigma_min) ** timesteps

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device | None = None) -> None:
        """Sets `timesteps` `(num_inference_steps,)`: times from 1 to 0, evenly spaced.

        Args:
            num_inference_steps: Calls of the network, from 2 on.
            device: Where they are put.

        Raises:
            ValueError: If there are fewer than two steps.
        """
        if num_inference_steps < 2:
            raise ValueError(f"num_inference_steps={num_inference_steps}; accepted are whole numbers from 2 on.")
        self.timesteps = torch.linspace(1, 0, num_inference_steps, device=device)

    def scale_model_input(self, sample: Tensor, timestep: Tensor | None = None) -> Tensor:
        """The sample as it is: the network takes noise of any level."""
        return sample

    def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """`x_0 + sigma_t z`.

        Args:
            original_samples: `(batch, ...)`.
            noise: Of deviation 1, of the same shape.
            timesteps: Times from 0 to 1, `(batch,)`.
        """
        sigma = self.sigma(timesteps.to(original_samples))
        return original_samples + sigma.reshape(-1, *[1] * (original_samples.dim() - 1)) * noise

    def step(
        self,
        model_output: Tensor,
        timestep: Tensor | float,
        sample: Tensor,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        return_dict: bool = True,
    ) -> LangevinSchedulerOutput | tuple[Tensor, Tensor]:
        """From one noise level to the next.

        Args:
            model_output: The noise in the sample as it is predicted, of deviation 1, `(batch, ...)`.
            timestep: One of `timesteps`.
            sample: The sample at that time, of the same shape.
            generator: Of the noise that is added; a list has one for each clip.
            return_dict: Whether the output is an object, else a tuple of its fields.

        Raises:
            ValueError: If the time isn't one of `timesteps`, or there are none to go on to.
        """
        time = torch.as_tensor(timestep, dtype=self.timesteps.dtype, device=self.timesteps.device)
        found = (self.timesteps == time).nonzero()
        if not len(found):
            raise ValueError(
                f"timestep={float(time)} is none of `timesteps`: call set_timesteps, and pass one of them."
            )
        number = int(found[0])
        sigma = self.sigma(time).to(sample)
        denoised = sample - sigma * model_output
        if self.config.rescale_denoised:
            peak = denoised.abs().flatten(1).amax(1).clamp(min=1.0)
            denoised = denoised / peak.reshape(-1, *[1] * (denoised.dim() - 1))
        previous = denoised
        if number + 1 < len(self.timesteps):
            next_sigma = self.sigma(self.timesteps[number + 1]).to(sample)
            delta, alpha = next_sigma / sigma, self.config.alpha
            previous = denoised + delta**alpha * (sample - denoised)
            if alpha > 1:
                beta = (1 - delta ** (2 * (alpha - 1))).sqrt()
                listed = list(generator) if isinstance(generator, Sequence) else generator
                noise = randn_tensor(sample.shape, listed, sample.device, sample.dtype)
                previous = previous + beta * next_sigma * noise
        return LangevinSchedulerOutput(previous, denoised) if return_dict else (previous, denoised)
