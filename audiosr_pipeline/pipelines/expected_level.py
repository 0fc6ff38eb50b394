"""The level of what is generated, taken from the UNet's first predictions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from audiosr_pipeline.pipelines.sampling import draw_noise


@dataclass(frozen=True)
class ExpectedLevel:
    """Settings of a checkpoint, as `AudioSRPipeline` describes them."""

    patch: int
    predictions: int
    detail_gain: float

    def expected(
        self,
        predict: Callable[[Tensor, Tensor], Tensor],
        scheduler: Any,
        noise: Tensor,
        velocity: Tensor,
        timestep: Tensor,
        generators: list[torch.Generator],
    ) -> Tensor:
        """The mean of the clean latents that are predicted from noises, first of which is `noise`.

        Args:
            predict: Gives the velocity of scaled latents at a timestep.
            scheduler: That of the call.
            noise: `(rows, latent_channels, num_latent_frames, num_bins)`.
            velocity: What was predicted of it.
            timestep: The first.
            generators: One per row.
        """
        expected = _clean(scheduler, scheduler.scale_model_input(noise, timestep), velocity, timestep)
        for other in self._other_noises(noise, generators, scheduler.init_noise_sigma):
            model_input = scheduler.scale_model_input(other, timestep)
            expected += _clean(scheduler, model_input, predict(model_input, timestep), timestep)
        expected /= self.predictions
        return expected

    def applied(self, latents: Tensor, expected: Tensor) -> Tensor:
        """Denoised latents whose means over patches are the expected latents', their detail made stronger."""
        return self._level(expected) + self.detail_gain * (latents - self._level(latents))

    def _other_noises(self, noise: Tensor, generators: list[torch.Generator], sigma: float) -> Iterator[Tensor]:
        """The noises of the first predictions after that from `noise`, in pairs of a noise and its opposite.

        What is odd in the noise cancels out of a pair's mean.
        """
        for number in range(1, self.predictions):
            if number % 2:
                noise = -noise
            else:
                shape = (1, *noise.shape[1:])
                noise = torch.cat([draw_noise(shape, generator, noise.device) for generator in generators])
                noise *= sigma
            yield noise

    def _level(self, latents: Tensor) -> Tensor:
        """Means over patches about each latent."""
        return avg_pool2d(latents, self.patch, stride=1, padding=self.patch // 2, count_include_pad=False)


def _clean(scheduler: Any, sample: Tensor, velocity: Tensor, timestep: Tensor) -> Tensor:
    """The clean latents of a sample and its velocity: `alpha * sample - sigma * velocity`."""
    alpha_squared = scheduler.alphas_cumprod[int(timestep)].to(sample.device)
    return alpha_squared.sqrt() * sample - (1 - alpha_squared).sqrt() * velocity
