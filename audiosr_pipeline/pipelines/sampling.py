"""From noise to latents: the UNet's guided velocity, and the scheduler's steps."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from diffusers import DDIMScheduler, ModelMixin
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from audiosr_pipeline.dsp.windows import Window, merge_windows
from audiosr_pipeline.pipelines.checks import is_finite, take_step, takes
from audiosr_pipeline.pipelines.latent_grid import FADE_FRAMES
from audiosr_pipeline.pipelines.onednn import OneDNN

# What the reference passes for "no condition", in latents before their scaling; a checkpoint may name another.
UNCONDITIONAL_LATENT = -11.4981
ROWS_PER_CALL = 4
# Latents are scaled to unit variance.
LARGEST_LATENT = 1_000.0
# audiosr-mini misses speech, music and noise by 2-5 dB, a train of clicks by 10; with guidance of 3.5, which makes its
# new band 8-20 dB too loud, by 13-26.
LARGEST_MISS_DB = 12.0


class NotFiniteError(ValueError):
    """The UNet predicts NaN or infinite values, or such that grow without end; the message says which."""


def draw_noise(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Tensor:
    """Noise of one row of latents, drawn frame by frame: a longer clip begins with the same.

    Args:
        shape: `(1, latent_channels, num_latent_frames, num_bins)`.
        generator: What draws.
        device: Where the noise is needed.
    """
    batch, channels, num_frames, num_bins = shape
    drawn_shape = (batch, num_frames, channels, num_bins)
    drawn = randn_tensor(drawn_shape, generator=generator, device=device, dtype=torch.float32)
    return drawn.transpose(1, 2).contiguous()


def guided_velocity(
    unet: ModelMixin, latents: Tensor, condition: Tensor, timestep: Tensor, guidance_scale: float, without: Tensor
) -> Tensor:
    """The UNet's velocity by classifier-free guidance; at a scale of 1 the conditional one, at half the work.

    Args:
        unet: Takes noisy and condition latents, concatenated.
        latents: `(rows, latent_channels, num_latent_frames, num_bins)`, float32.
        condition: Same shape.
        timestep: A scalar.
        guidance_scale: Weight of the condition.
        without: What is passed for no condition, of a shape that expands to the condition's.
    """
    model_input = torch.cat([latents, condition], dim=1)
    if guidance_scale != 1:
        model_input = torch.cat([model_input, torch.cat([latents, without.expand_as(condition)], dim=1)])
    calls = model_input.to(unet.dtype).split(ROWS_PER_CALL)
    with OneDNN():
        rows = [unet(call, timestep, encoder_hidden_states=None, return_dict=False)[0] for call in calls]
    predicted = torch.cat(rows).float()
    if guidance_scale == 1:
        return predicted
    conditional, unconditional = predicted.chunk(2)
    return unconditional + guidance_scale * (conditional - unconditional)


def velocity_in_windows(
    unet: ModelMixin,
    latents: Tensor,
    condition: Tensor,
    timestep: Tensor,
    guidance_scale: float,
    without: Tensor,
    windows: list[Window],
    progress: Any,
) -> Tensor:
    """`guided_velocity` of latents of any length: predicted in windows, several at once, and merged.

    Args:
        unet: See `guided_velocity`, as are the next five.
        latents: See there.
        condition: See there.
        timestep: See there.
        guidance_scale: See there.
        without: See there.
        windows: Of the latents.
        progress: A bar that is moved on by a window.
    """

    def predictions() -> Iterator[Tensor]:
        per_call = max(1, ROWS_PER_CALL // (len(latents) if guidance_scale == 1 else 2 * len(latents)))
        for start in range(0, len(windows), per_call):
            batch = [slice(window.start, window.stop) for window in windows[start : start + per_call]]
            given, conditions = (
                torch.cat([values[:, :, frames] for frames in batch]) for values in (latents, condition)
            )
            velocity = guided_velocity(unet, given, conditions, timestep, guidance_scale, without)
            yield from velocity.chunk(len(batch))
            progress.update(len(batch))

    return merge_windows(predictions(), windows, FADE_FRAMES)


def denoise(
    predict: Callable[[Tensor, Tensor], Tensor],
    scheduler: Any,
    latents: Tensor,
    eta: float,
    generators: list[torch.Generator],
    after_step: Callable[[int, Tensor, Tensor], Tensor],
    is_interrupted: Callable[[], bool],
) -> Tensor:
    """Runs a scheduler's steps.

    Args:
        predict: Gives the velocity of scaled latents at a timestep.
        scheduler: Its timesteps are set.
        latents: The noise `(rows, ...)`.
        eta: For schedulers that take it.
        generators: One per row, for schedulers that draw noise.
        after_step: Called with step, timestep and latents; gives the latents to go on with.
        is_interrupted: Asked before each step.

    Returns:
        The latents that the steps end with.

    Raises:
        NotFiniteError: If the UNet's prediction is NaN or infinite, or the latents grow without end.
        ValueError: If the scheduler makes such values of a finite prediction.
    """
    # From next to no SNR and with eta 1, DDIM takes the root of a rounding error, which may be negative.
    most = 1 - 1e-6 if scheduler.alphas_cumprod[-1] < 1e-6 else 1.0
    arguments = {"eta": min(eta, most), "generator": generators}
    arguments = {name: value for name, value in arguments.items() if takes(scheduler, name)}
    timesteps = scheduler.timesteps
    for step, timestep in enumerate(timesteps):
        if is_interrupted():
            break
        model_input = scheduler.scale_model_input(latents, timestep)
        velocity = predict(model_input, timestep)
        latents = take_step(scheduler, velocity, timestep, latents, **arguments)
        if not is_finite(latents):
            if is_finite(model_input) and not is_finite(velocity):
                raise NotFiniteError("the unet predicts NaN or infinite values")
            raise ValueError(
                f"{type(scheduler).__name__} makes NaN or infinite values in step {step + 1} of {len(timesteps)} with "
                "its settings, of what the unet predicts, which is finite. Use another scheduler, such as "
                "DDIMScheduler.from_config(pipe.scheduler.config)."
            )
        latents = after_step(step, timestep, latents)
    if not latents.abs().max() <= LARGEST_LATENT:
        raise NotFiniteError(f"the denoised latents reach {float(latents.abs().max()):.3g}")
    return latents


def miss_notes(miss_db: float, cause: str) -> tuple[str, ...]:
    """A note if the model misses the input's own band, which it makes anew too, by more than is usual.

    Args:
        miss_db: See `low_mel_error_db`.
        cause: What may be the cause, in words.
    """
    if miss_db <= LARGEST_MISS_DB:
        return ()
    return (
        f"what the model made of the input's own band misses it by {miss_db:.0f} dB, where 2-5 are usual, so the new "
        f"band is likely to be as wrong; the cause may be {cause}",
    )


def causes(scheduler: Any, guidance_scale: float, usual_guidance_scale: float, dtype: torch.dtype) -> str:
    """What may be the cause of a result that can't be audio, in words.

    Args:
        scheduler: That of the call.
        guidance_scale: That of the call.
        usual_guidance_scale: The checkpoint's own.
        dtype: Of the network that failed.
    """
    found = []
    if guidance_scale != 1:
        found.append(f"guidance_scale={guidance_scale:g} (the checkpoint's own is {usual_guidance_scale:g})")
    if not isinstance(scheduler, DDIMScheduler):
        name = type(scheduler).__name__
        found.append(f"the scheduler {name} (DDIMScheduler.from_config(pipe.scheduler.config) is exact)")
    if dtype == torch.float16:
        found.append("float16, whose range is small (bfloat16 has more)")
    found.append("the latents that were passed, or the checkpoint's weights")
    return "; ".join(found)
