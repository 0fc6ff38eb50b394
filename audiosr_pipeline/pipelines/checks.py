"""What the pipeline's call checks: arguments, the scheduler, and that nothing has become NaN or infinite."""

import inspect
import math
import textwrap
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audiosr_pipeline.dsp.resample import resampled_length
from audiosr_pipeline.pipelines.inputs import Clip
from audiosr_pipeline.pipelines.rates import in_short
from audiosr_pipeline.pipelines.scheduler_trial import LARGEST_GAIN, largest_gain

LOWEST_CUTOFF_FREQ = 1_000.0
SCHEDULER_PARTS = ("set_timesteps", "scale_model_input", "step", "init_noise_sigma", "alphas_cumprod")
# What is passed to every scheduler's step.
STEP_ARGUMENTS = ("model_output", "timestep", "sample")
# What schedulers raise where their settings don't fit together can be almost anything.
SCHEDULER_ERRORS = (ValueError, IndexError, ZeroDivisionError, TypeError, RuntimeError, AssertionError)
# By how much `alphas_cumprod` may differ from that of the training: rescaling to zero terminal SNR changes less.
SCHEDULE_TOLERANCE = 0.01
# Latents have unit variance: fewer than one in 10,000 values lies beyond.
LATENT_RANGE = 4.0
# Share of the training's timesteps that is to be left at the first step, which is given noise alone.
FIRST_TIMESTEP = 0.9


def check_number(name: str, value: Any, is_accepted: Callable[[Any], bool], accepted: str) -> None:
    """Raises ValueError unless a value is a finite real number that is accepted; `accepted` says which are."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    # Compared as Python's own: NumPy's float32 would warn of what it can't hold. An int may be beyond any float.
    bounded = value.item() if isinstance(value, np.generic) else value
    if not is_number or not is_accepted(value) or not -1e300 < bounded < 1e300:
        raise ValueError(f"{name}={in_short(value)}; accepted are {accepted}.")


def check_num_inference_steps(value: Any) -> None:
    """Raises ValueError unless it is a whole number from 1 on."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"num_inference_steps={in_short(value)}; accepted are whole numbers from 1 on.")


def check_audio_length(audio_length_in_s: Any, sampling_rate: int) -> None:
    """Raises ValueError unless a length in seconds holds a sample or more, and is at most an hour."""
    shortest = 1 / sampling_rate
    check_number(
        "audio_length_in_s", audio_length_in_s, lambda value: shortest <= value <= 3_600, "seconds above 0, up to 3600"
    )


def check_clips(clips: list[Clip], cutoff_freq: float | None, sampling_rate: int) -> None:
    """Raises ValueError if a clip has no sample at a rate in Hz, or the user's cutoff can't be that of all clips."""
    for index, clip in enumerate(clips):
        num_samples = clip.audio.shape[-1]
        if resampled_length(num_samples, clip.sampling_rate, sampling_rate) == 0:
            raise ValueError(
                f"audio[{index}] has {num_samples} samples at {clip.sampling_rate} Hz, less than one at "
                f"{sampling_rate} Hz. Pass a longer clip."
            )
    if cutoff_freq is not None:
        nyquist = min(min(clip.sampling_rate for clip in clips), sampling_rate) / 2
        check_number(
            "cutoff_freq",
            cutoff_freq,
            lambda value: LOWEST_CUTOFF_FREQ <= value < nyquist,
            f"frequencies from {LOWEST_CUTOFF_FREQ:.0f} Hz up to, not including, the Nyquist frequency "
            f"{nyquist:.0f} Hz of the lowest rate passed",
        )


def latents_per_clip(latents: Any, num_clips: int) -> list[Tensor] | list[None]:
    """The row of each clip, `(1, ...)`, of the latents that were passed; None for each if none were.

    Raises:
        ValueError: If they aren't finite floats in four dimensions, a row for each clip.
    """
    if latents is None:
        return [None] * num_clips
    if not isinstance(latents, Tensor) or latents.is_meta or not latents.is_floating_point():
        is_tensor = isinstance(latents, Tensor)
        found = f"a tensor of {latents.dtype} on {latents.device}" if is_tensor else f"a {type(latents).__name__}"
        raise ValueError(f"latents are {found}; accepted is a tensor of floats.")
    if latents.ndim != 4 or len(latents) != num_clips:
        raise ValueError(f"latents have shape {tuple(latents.shape)} for {num_clips} clips: pass 4-D, a row for each.")
    if not torch.isfinite(latents).all():
        raise ValueError("latents hold NaN or infinite values; accepted is noise of unit variance.")
    return list(latents.split(1))


def check_scheduler(scheduler: Any, trained: Tensor | None) -> None:
    """Raises ValueError unless a scheduler is one for v-prediction by discrete steps, for latents, and of the training.

    Args:
        scheduler: Any of diffusers'.
        trained: `alphas_cumprod` that the UNet was trained with; None if they aren't known.
    """
    name = type(scheduler).__name__
    remedy = f"make it by {name}.from_config(config) of the config of the scheduler that came with the pipeline"
    missing = [part for part in SCHEDULER_PARTS if not hasattr(scheduler, part)]
    if missing:
        raise ValueError(
            f"{name} can't be used: it has no {', '.join(missing)}. Accepted are diffusers' schedulers for "
            "v-prediction, such as DDIMScheduler or DPMSolverMultistepScheduler."
        )
    if (prediction := scheduler.config.get("prediction_type")) != "v_prediction":
        raise ValueError(
            f"the scheduler, {name}, has prediction_type={prediction!r}, but the UNet predicts v: make it by "
            f"{name}.from_config(pipe.scheduler.config)."
        )
    parameters = inspect.signature(scheduler.step).parameters.values()
    needed = [part for part in parameters if part.default is part.empty and part.kind is part.POSITIONAL_OR_KEYWORD]
    if others := [part.name for part in needed if part.name not in STEP_ARGUMENTS]:
        raise ValueError(
            f"{name} can't be used: its step asks for {', '.join(others)} too. Accepted are diffusers' schedulers for "
            "v-prediction, such as DDIMScheduler or DPMSolverMultistepScheduler."
        )
    setting = scheduler.config.get
    for_pictures = setting("clip_sample") and setting("clip_sample_range", 1.0) < LATENT_RANGE
    for option, is_set in (("clip_sample", for_pictures), ("thresholding", setting("thresholding"))):
        if is_set:
            raise ValueError(f"the scheduler, {name}, has {option}=True, which cuts off the latents' values: {remedy}.")
    if setting("use_flow_sigmas") or setting("timestep_type") == "continuous":
        option = "use_flow_sigmas=True" if setting("use_flow_sigmas") else 'timestep_type="continuous"'
        raise ValueError(f"the scheduler, {name}, has {option}, but the UNet knows noise by discrete steps: {remedy}.")
    own = scheduler.alphas_cumprod
    if trained is not None and (
        len(own) != len(trained) or float((own.cpu().float() - trained).abs().max()) > SCHEDULE_TOLERANCE
    ):
        raise ValueError(
            f"the scheduler, {name}, has another noise schedule (num_train_timesteps, betas) than the UNet was trained "
            f"with: {remedy}."
        )


def set_timesteps(scheduler: Any, num_inference_steps: int, device: torch.device) -> None:
    """Sets the scheduler's timesteps.

    Raises:
        ValueError: If it can't make so many that go from noise to audio, or makes known latents too large in them.
    """
    name = type(scheduler).__name__

    def begin() -> None:
        _set_timesteps(scheduler, num_inference_steps, torch.device("cpu"))

    begin()
    timesteps = scheduler.timesteps
    if not len(timesteps) or (len(timesteps) > 1 and timesteps[0] <= timesteps[-1]):
        raise ValueError(f"{name} doesn't go from noise to audio; accepted are schedulers whose timesteps fall.")
    gain = largest_gain(scheduler, begin, take_step, takes(scheduler, "generator"))
    # NaN passes here: where it comes about is said in the steps.
    if gain > LARGEST_GAIN:
        raise ValueError(
            f"{name} makes latents {20 * math.log10(gain):.0f} dB too large in num_inference_steps="
            f"{in_short(num_inference_steps)} with its settings, even of exact predictions: the new band would be too "
            "loud. Take more steps, other settings, or another scheduler, such as "
            "DDIMScheduler.from_config(pipe.scheduler.config)."
        )
    _set_timesteps(scheduler, num_inference_steps, device)


def _set_timesteps(scheduler: Any, num_inference_steps: int, device: torch.device) -> None:
    """Sets the scheduler's timesteps; raises ValueError if it can't make so many."""
    name = type(scheduler).__name__
    try:
        scheduler.set_timesteps(int(num_inference_steps), device=device)
        # Else it looks for the first timestep, and where two are alike takes the second.
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(0)
    except SCHEDULER_ERRORS as error:
        reason = textwrap.shorten(str(error), 150)
        raise ValueError(f"{name} can't make num_inference_steps={in_short(num_inference_steps)}: {reason}") from error


def take_step(scheduler: Any, velocity: Tensor, timestep: Tensor, latents: Tensor, **arguments: Any) -> Tensor:
    """The scheduler's next latents; raises ValueError, which names it, if it can't make them."""
    try:
        return scheduler.step(velocity, timestep, latents, **arguments, return_dict=False)[0]
    except SCHEDULER_ERRORS as error:
        reason = textwrap.shorten(str(error), 150) or type(error).__name__
        raise ValueError(
            f"{type(scheduler).__name__} fails at timestep {float(timestep):g} with its settings: {reason}. Use others "
            "or another scheduler, such as DDIMScheduler.from_config(pipe.scheduler.config)."
        ) from error


def start_notes(scheduler: Any) -> tuple[str, ...]:
    """A note if the scheduler's first step, which is given noise alone, takes it for less noise."""
    first, num_timesteps = float(scheduler.timesteps[0]), len(scheduler.alphas_cumprod)
    if first + 1 >= FIRST_TIMESTEP * num_timesteps:
        return ()
    return (
        f"the scheduler begins at timestep {first:g} of {num_timesteps}, as if some signal were in the noise, so the "
        'new band comes out too weak or noisy: set timestep_spacing="trailing", or take more steps',
    )


def takes(scheduler: Any, argument: str) -> bool:
    """Whether the scheduler's step has an argument of that name."""
    return argument in inspect.signature(scheduler.step).parameters


def is_finite(values: Tensor) -> bool:
    """Whether none of the values is NaN or infinite."""
    return bool(torch.isfinite(values).all())
