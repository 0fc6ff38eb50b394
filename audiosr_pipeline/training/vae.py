"""The autoencoder of audiosr-mini, started from the principal components of mel patches.

The components of 8x8 mel patches already reconstruct a mel spectrogram almost to the vocoder's precision, so the
autoencoder starts as that linear map and not from noise.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderDC
from torch import Tensor, nn

from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.training.dataset import draw_validation_crops, read_manifest
from audiosr_pipeline.training.loop import Batch, TrainingSettings, train

PATCH = 8
CONSTANT = 100.0


@dataclass(frozen=True, kw_only=True)
class VAESettings(TrainingSettings):
    """Settings of the autoencoder's training."""

    output: str = "runs/vae"
    num_steps: int = 500
    learning_rate: float = 1e-4
    latent_channels: int = 16
    latent_noise: float = 0.05


def train_vae(settings: VAESettings) -> None:
    """Fits the principal components, then trains the decoder on noisy latents with an L1 loss."""
    torch.manual_seed(settings.seed)
    feature_extractor = MelFeatureExtractor()
    recordings = read_manifest(settings.manifest)
    num_samples = round(settings.crop_s * 48_000)
    crops = draw_validation_crops(recordings[0], num_samples, settings.batch_size, seed=settings.seed)
    mels = torch.cat([feature_extractor(batch["audio"]) for batch in crops])
    vae = build_autoencoder(settings.latent_channels)
    directions, deviations = principal_components(mels, settings.latent_channels)
    initialise_from_components(vae, directions, deviations, float(mels.mean()))
    # Component i has the variance of its deviation, see `initialise_from_components`.
    vae.register_to_config(scaling_factor=float(1 / deviations.mean().sqrt()))
    vae.encoder.requires_grad_(False)

    def loss_of(batch: Batch, generator: torch.Generator) -> Tensor:
        mel = feature_extractor(batch["audio"])
        with torch.no_grad():
            latents = vae.encode(mel).latent
        noise = torch.randn(latents.shape, generator=generator) / vae.config.scaling_factor
        return (vae.decode(latents + settings.latent_noise * noise).sample - mel).abs().mean()

    train(vae, loss_of, recordings, settings, lambda: vae.save_pretrained(Path(settings.output) / "best"))


def build_autoencoder(latent_channels: int = 16) -> AutoencoderDC:
    """The autoencoder of audiosr-mini: 8x8 patches to `latent_channels`, one residual block per resolution.

    Its shortcuts are linear and its norms work at each position alone, so it starts well from principal components,
    and a window decodes as the whole does.
    """
    widths, layers, multiscales = (8, 16, 32, 64), (1, 1, 1, 1), ((), (), (), ())
    return AutoencoderDC(
        in_channels=1,
        latent_channels=latent_channels,
        encoder_block_out_channels=widths,
        decoder_block_out_channels=widths,
        encoder_layers_per_block=layers,
        decoder_layers_per_block=layers,
        encoder_qkv_multiscales=multiscales,
        decoder_qkv_multiscales=multiscales,
        encoder_out_shortcut=False,
        decoder_in_shortcut=False,
    )


def principal_components(mels: Tensor, num_components: int) -> tuple[Tensor, Tensor]:
    """Principal components of the 8x8 patches of `mels`, around the mean mel value.

    Args:
        mels: Log-mel spectrograms `(batch, 1, num_frames, n_mels)`, both sizes multiples of 8.
        num_components: How many to keep.

    Returns:
        Directions `(num_components, 64)` of unit length, strongest first, in the order of three 2x2 unshufflings; and
        their standard deviations `(num_components,)`.
    """
    patches = mels - mels.mean()
    for _ in range(3):
        patches = nn.functional.pixel_unshuffle(patches, 2)
    flat = patches.movedim(1, -1).reshape(-1, PATCH**2).double()
    variances, directions = torch.linalg.eigh(flat.mT @ flat / len(flat))
    strongest = variances.argsort(descending=True)[:num_components]
    return directions[:, strongest].mT.float(), variances[strongest].sqrt().float()


@torch.no_grad()
def initialise_from_components(vae: AutoencoderDC, directions: Tensor, deviations: Tensor, mel_mean: float) -> None:
    """Makes `vae` the linear autoencoder of `directions`, to about 0.3 % of a value's distance from the mean.

    Latent channel i is component i divided by `deviations[i] ** 0.5`: unit variance would give faint components the
    weight of strong ones in the diffusion loss, raw scale next to none. Residual blocks start as identities.

    Args:
        vae: From `build_autoencoder`; changed in place.
        directions: `(latent_channels, 64)`, see `principal_components`.
        deviations: `(latent_channels,)`.
        mel_mean: Mean of the training set's log-mel.
    """
    encoder, decoder = vae.encoder, vae.decoder
    for block in vae.modules():
        if block.__class__.__name__ == "ResBlock":
            block.norm.weight.zero_()
            block.norm.bias.zero_()
    scale = deviations.sqrt()

    _set_pointwise(encoder.conv_in, torch.ones(1, 1), offset=-mel_mean)
    for level in range(3):
        # After `level` halvings the first 4 ** level channels hold a patch's numbers.
        _set_pointwise(encoder.down_blocks[level][-1].conv, torch.eye(4**level))
    # The shortcuts add averages of neighbours on top: a linear map that the last convolution undoes.
    unit_patches = torch.eye(PATCH**2).reshape(PATCH**2, PATCH**2, 1, 1)
    for _ in range(3):
        unit_patches = nn.functional.pixel_shuffle(unit_patches, 2)
    hidden = encoder.conv_in(unit_patches + mel_mean)
    for stage in encoder.down_blocks:
        hidden = stage(hidden)
    _set_pointwise(encoder.conv_out, directions @ torch.linalg.inv(hidden[..., 0, 0]).mT / scale[:, None])

    _set_pointwise(decoder.conv_in, directions.mT * scale)
    for level in range(3):
        up = decoder.up_blocks[level][0]
        shortcut = torch.eye(up.conv.in_channels).repeat_interleave(up.repeats, dim=0)
        wanted = torch.zeros(up.conv.out_channels, up.conv.in_channels)
        wanted[: 4 ** (level + 1), : 4 ** (level + 1)] = torch.eye(4 ** (level + 1))
        _set_pointwise(up.conv, wanted - shortcut)
    # The output norm divides by the channels' root mean square. A channel that holds a large constant makes that a
    # constant too, and the norm linear; the norm's bias keeps the ReLU behind it open.
    width = decoder.norm_out.weight.shape[0]
    decoder.up_blocks[0][0].conv.bias[4 * (width - 1) :] = CONSTANT
    decoder.norm_out.weight.fill_(1.0)
    decoder.norm_out.bias.fill_(1.0)
    gain = CONSTANT / width**0.5
    _set_pointwise(decoder.conv_out, torch.tensor([[gain]]), offset=mel_mean - gain)


def _set_pointwise(conv: nn.Conv2d, matrix: Tensor, offset: float = 0.0) -> None:
    """Makes a 3x3 convolution compute `matrix` at each position, from the first channels into the first channels."""
    conv.weight.zero_()
    conv.weight[: matrix.shape[0], : matrix.shape[1], 1, 1] = matrix
    if conv.bias is not None:
        conv.bias.zero_()
        conv.bias[: matrix.shape[0]] = offset
