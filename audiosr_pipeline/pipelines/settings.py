"""What one call was asked to do: defaults filled in, checked once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from audiosr_pipeline.pipelines.callbacks import check_callback
from audiosr_pipeline.pipelines.checks import check_num_inference_steps, check_number, takes
from audiosr_pipeline.pipelines.choices import ON_FULL_BAND

OUTPUT_TYPES = ("np", "pt", "latent")
CALLBACK_TENSOR_INPUTS = ["latents"]


@dataclass(frozen=True)
class CallSettings:
    """The settings of a call, as `AudioSRPipeline.__call__` describes them, none of them None but for the last two.

    Args:
        num_inference_steps: Denoising steps.
        guidance_scale: Weight of classifier-free guidance.
        eta: Noise added again in each step; 0 for schedulers that don't take it.
        on_full_band: What becomes of full-band clips.
        output_type: "np", "pt" or "latent".
        tensor_inputs: Names of the tensors that the callback gets.
        scheduler: The scheduler's class.
        takes_eta: Whether the scheduler's step takes eta.
        draws: Whether noise is drawn in its steps.
        cutoff_freq: The user's cutoff in Hz.
        callback: Called after each step.
    """

    num_inference_steps: int
    guidance_scale: float
    eta: float
    on_full_band: str
    output_type: str
    tensor_inputs: list[str]
    scheduler: str
    takes_eta: bool
    draws: bool
    cutoff_freq: float | None = None
    callback: Callable[..., dict[str, Any] | None] | None = None

    @classmethod
    def of(
        cls,
        defaults: Mapping[str, Any],
        scheduler: Any,
        num_inference_steps: int | None,
        guidance_scale: float | None,
        eta: float | None,
        cutoff_freq: float | None,
        on_full_band: str,
        output_type: str,
        callback: Callable[..., dict[str, Any] | None] | None,
        tensor_inputs: list[str] | None,
    ) -> "CallSettings":
        """Fills in a checkpoint's defaults.

        Args:
            defaults: The pipeline's config, with `default_num_inference_steps` and so on.
            scheduler: Its scheduler.
            num_inference_steps: As passed, as are the others; None takes the default.
            guidance_scale: See above.
            eta: See above.
            cutoff_freq: See above.
            on_full_band: See above.
            output_type: See above.
            callback: See above.
            tensor_inputs: See above.

        Raises:
            ValueError: If one can't be used; the message says what is accepted.
        """
        steps = defaults["default_num_inference_steps"] if num_inference_steps is None else num_inference_steps
        scale = defaults["default_guidance_scale"] if guidance_scale is None else guidance_scale
        # diffusers' callback objects name the tensors themselves.
        names = getattr(callback, "tensor_inputs", tensor_inputs)
        names = CALLBACK_TENSOR_INPUTS if names is None else names
        takes_eta = takes(scheduler, "eta")
        check_num_inference_steps(steps)
        check_number("guidance_scale", scale, lambda value: value >= 0, "0 and above, 1 is no guidance")
        if eta is not None:
            check_number("eta", eta, lambda value: 0 <= value <= 1, "0 to 1")
        if eta and not takes_eta:
            raise ValueError(
                f"eta={eta}, but {type(scheduler).__name__} has no use for it: leave it out, or use DDIMScheduler."
            )
        if not isinstance(on_full_band, str) or on_full_band not in ON_FULL_BAND:
            raise ValueError(f'on_full_band="{on_full_band}"; accepted are {", ".join(ON_FULL_BAND)}.')
        if not isinstance(output_type, str) or output_type not in OUTPUT_TYPES:
            raise ValueError(f'output_type="{output_type}"; accepted are {", ".join(OUTPUT_TYPES)}.')
        check_callback(callback, names, CALLBACK_TENSOR_INPUTS)
        if eta is None:
            eta = defaults["default_eta"] if takes_eta else 0.0
        return cls(
            num_inference_steps=int(steps),
            guidance_scale=float(scale),
            eta=float(eta),
            on_full_band=on_full_band,
            output_type=output_type,
            tensor_inputs=names,
            scheduler=type(scheduler).__name__,
            takes_eta=takes_eta,
            draws=eta > 0 if takes_eta else takes(scheduler, "generator"),
            cutoff_freq=cutoff_freq,
            callback=callback,
        )

    def in_report(self) -> dict[str, Any]:
        """What a report says of them."""
        return {name: getattr(self, name) for name in ("num_inference_steps", "guidance_scale", "eta", "scheduler")}
