"""A clip on its way through a call of the pipeline."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from audiosr_pipeline.pipelines.prepared_clip import PreparedClip


@dataclass
class ClipRun:
    """A clip with what belongs to it in one call.

    Args:
        prepared: What the networks are given of it.
        generator: What draws its noise.
        seed: That of a generator which gives the clip again, see `seeds_of`.
        latents: Initial noise that was passed for it, `(1, latent_channels, num_latent_frames, num_bins)`.
        generated: What the networks made: a waveform `(channels, num_samples)`, or a row of latents for each channel;
            None as long as nothing is.
        was_interrupted: Whether its denoising was ended by a callback.
        notes: What else its report says.
    """

    prepared: PreparedClip
    generator: torch.Generator
    seed: int | None = None
    latents: Tensor | None = None
    generated: np.ndarray | None = None
    was_interrupted: bool = False
    notes: tuple[str, ...] = ()

    @property
    def mel(self) -> Tensor:
        """Its mel spectrogram, of a clip to enhance that isn't finished."""
        assert self.prepared.mel is not None
        return self.prepared.mel

    def of_channels(self, rows: Tensor) -> Tensor:
        """For each of its channels the row of the component that is loudest in it."""
        assert self.prepared.components is not None
        return rows[np.abs(self.prepared.components.mixing).argmax(1)]

    def finish(self, generated: np.ndarray, was_interrupted: bool, notes: tuple[str, ...]) -> None:
        """Keeps what was made, and lets go of the mel spectrogram."""
        self.generated, self.was_interrupted, self.notes = generated, was_interrupted, self.notes + notes
        self.prepared = replace(self.prepared, mel=None)

    def generated_or_empty(self, shape: tuple[int, ...]) -> np.ndarray:
        """What was made, or of a clip of which nothing was, `(channels, *shape)` of zeros."""
        return np.zeros((len(self.prepared.audio), *shape), np.float32) if self.generated is None else self.generated


def groups_of_equal_length(runs: list[ClipRun]) -> list[list[ClipRun]]:
    """The clips to enhance, those of equal latent length together, in order of first appearance."""
    groups: dict[int, list[ClipRun]] = {}
    for run in runs:
        if run.prepared.mel is not None:
            groups.setdefault(run.prepared.mel.shape[2], []).append(run)
    return list(groups.values())
