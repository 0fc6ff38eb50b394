"""What `AudioSRPipeline` returns."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from diffusers.utils import BaseOutput

from audiosr_pipeline.pipelines.inputs import Clip

Audios = np.ndarray | torch.Tensor | list[np.ndarray] | list[torch.Tensor]

# What the pipelines that generate audio return it as.
GENERATED_OUTPUT_TYPES = ("np", "pt")


@dataclass(frozen=True)
class AudioSRReport:
    """What was found in one clip and what was done to it.

    Args:
        sampling_rate: Rate of the input in Hz.
        num_channels: Its channels.
        duration_s: Its length in seconds.
        cutoff_freq: Frequency in Hz that the low-pass, the condition and the mel replacement used: the band edge, at
            least 2 and at most 20 kHz, or what was passed.
        bandwidth: Band edge in Hz, below which the waveform is the input's.
        action: "enhanced", "left_alone" (full band) or "silent"; "failed" where an adapter returns the original.
        reason: Why that was done.
        notes: What else the user should know: lossy shelves, holes, limits that were applied.
        low_band_error_db: Difference from the input up to 250 Hz below the band edge, relative to the input there; at
            most -50, or a note says why not. None if nothing was generated, or latents alone.
        level_change_db: RMS level of the output relative to the input's in dB; None if nothing was generated, or
            latents alone.
        peak: Largest absolute sample of the output; may exceed 1. None for latents.
        settings: `num_inference_steps`, `guidance_scale`, `eta` and the scheduler's class.
        seed: Seed of the clip's generator; a new generator with it, and the same latents if some were passed, gives
            the clip again. None if nothing was drawn, or something had been drawn of the generator before.
        model: Name of the checkpoint.
    """

    sampling_rate: int
    num_channels: int
    duration_s: float
    cutoff_freq: float
    bandwidth: float
    action: str
    reason: str
    notes: tuple[str, ...] = ()
    low_band_error_db: float | None = None
    level_change_db: float | None = None
    peak: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    model: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dict that json can write."""
        return {**asdict(self), "notes": list(self.notes)}


@dataclass
class AudioSRPipelineOutput(BaseOutput):
    """Output of `AudioSRPipeline`.

    Args:
        audios: Clip i is `audios[i]`, `(num_samples,)` or `(channels, num_samples)` as it came in, float32, not
            clipped; one array if all lengths agree, else a list. With `output_type="latent"`, `num_samples` gives way
            to `latent_channels, num_latent_frames, n_mels / vae_scale_factor`, with zero frames for a clip of which
            nothing was generated.
        sampling_rate: 48000.
        generated: The new band alone, in the same form: `audios - generated` is the input's own band. A list of None
            with `output_type="latent"`.
        reports: One report per clip.
    """

    audios: Audios
    sampling_rate: int
    generated: Audios | list[None]
    reports: list[AudioSRReport]


@dataclass
class GeneratedAudioOutput(BaseOutput):
    """Output of the pipelines that generate audio.

    Args:
        audios: `(batch, num_samples)`, float32, not clipped; an array or, with `output_type="pt"`, a tensor on the CPU.
        sampling_rate: Its rate in Hz.
    """

    audios: np.ndarray | torch.Tensor
    sampling_rate: int


def in_form(audios: list[np.ndarray], clips: list[Clip], output_type: str) -> Audios:
    """Clips in the form that they came in: flat if flat, one array if all shapes agree, tensors unless arrays."""
    formed = [audio[0] if clip.is_flat else audio for audio, clip in zip(audios, clips, strict=True)]
    if len(formed) == 1:
        joined = formed[0][None]
    else:
        joined = np.stack(formed) if len({audio.shape for audio in formed}) == 1 else None
    if output_type != "np":
        return [torch.from_numpy(audio) for audio in formed] if joined is None else torch.from_numpy(joined)
    return formed if joined is None else joined
