"""What a caller has called after each step."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from audiosr_pipeline.pipelines.checks import is_finite
from audiosr_pipeline.pipelines.rates import in_short


def check_callback(callback: Any, tensor_inputs: Any, accepted: list[str]) -> None:
    """Raises ValueError unless a callback, if any, can be called with tensors of accepted names."""
    if callback is not None and not callable(callback):
        raise ValueError(f"callback_on_step_end is a {type(callback).__name__}; accepted is a function.")
    if not isinstance(tensor_inputs, (list, tuple)) or not set(map(str, tensor_inputs)) <= set(accepted):
        found = sorted(set(map(str, tensor_inputs)) - set(accepted)) if isinstance(tensor_inputs, (list, tuple)) else ""
        raise ValueError(
            f"callback_on_step_end_tensor_inputs has {found or in_short(tensor_inputs)}; accepted are {accepted}."
        )


def call_back(
    callback: Callable[..., Any] | None,
    pipe: Any,
    step: int,
    timestep: Tensor,
    latents: Tensor,
    tensor_inputs: Sequence[str] | None,
) -> Tensor:
    """Calls back, if there is a callback, and gives the latents to go on with.

    Args:
        callback: See `AudioSRPipeline.__call__`.
        pipe: The pipeline, its first argument.
        step: Number of the step, from 0.
        timestep: The scheduler's.
        latents: What the step ended with.
        tensor_inputs: Names of the tensors that it gets.

    Raises:
        ValueError: If it returned anything but None or a dict, or latents that can't take the place of those.
    """
    if callback is None:
        return latents
    tensors = {"latents": latents} if "latents" in (tensor_inputs or ()) else {}
    return _changed_latents(callback(pipe, step, timestep, tensors), latents)


def _changed_latents(changed: Any, latents: Tensor) -> Tensor:
    """The latents that a callback returned, or those that it was given.

    Raises:
        ValueError: If it returned anything but None or a dict, or latents that can't take the place of those.
    """
    if changed is None:
        return latents
    if not isinstance(changed, dict):
        raise ValueError(f"the callback returned a {type(changed).__name__}; accepted are a dict of tensors and None.")
    new = changed.get("latents", latents)
    if new is latents:
        return latents
    if not isinstance(new, Tensor) or new.shape != latents.shape:
        found = tuple(new.shape) if isinstance(new, Tensor) else f"a {type(new).__name__}"
        raise ValueError(f"the callback returned latents that are {found}; needed is shape {tuple(latents.shape)}.")
    new = new.to(latents)
    if not is_finite(new):
        raise ValueError("the callback returned latents that hold NaN or infinite values.")
    return new
