"""Between mel spectrograms and latents: the autoencoder, over clips of any length."""

from typing import Any

import torch
from torch import Tensor

from audiosr_pipeline.dsp.windows import Window
from audiosr_pipeline.pipelines.latent_grid import LatentGrid
from audiosr_pipeline.pipelines.onednn import OneDNN


@torch.no_grad()
def encode(mel: Tensor, vae: Any, grid: LatentGrid) -> Tensor:
    """Scaled latents of a mel spectrogram; the posterior's mode, where the autoencoder has a posterior.

    Args:
        mel: `(rows, 1, num_frames, n_mels)`, on the autoencoder's device.
        vae: `AutoencoderKL` or `AutoencoderDC`.
        grid: Of the networks.

    Returns:
        `(rows, latent_channels, num_frames / grid.scale, n_mels / grid.scale)`, float32.
    """
    mel = mel.to(vae.dtype)

    def encoded(window: Window) -> Tensor:
        with OneDNN():
            encoding = vae.encode(mel[:, :, window.start * grid.scale : window.stop * grid.scale])
        latents = encoding.latent_dist.mode() if hasattr(encoding, "latent_dist") else encoding.latent
        return latents.float()

    return grid.in_windows(encoded, mel.shape[2] // grid.scale) * vae.config.scaling_factor


@torch.no_grad()
def decode(latents: Tensor, vae: Any, grid: LatentGrid) -> Tensor:
    """The mel spectrogram of scaled latents, the inverse of `encode`.

    Args:
        latents: As `encode` returns them.
        vae: See there.
        grid: See there.

    Returns:
        `(rows, 1, num_frames, n_mels)`, float32.
    """
    latents = (latents / vae.config.scaling_factor).to(vae.dtype)

    def decoded(window: Window) -> Tensor:
        with OneDNN():
            decoding = vae.decode(latents[:, :, window.start : window.stop])
        return decoding.sample.float()

    return grid.in_windows(decoded, latents.shape[2], grid.scale)
