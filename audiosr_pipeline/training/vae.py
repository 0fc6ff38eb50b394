"""Trains an autoencoder of log-mel spectrograms: that of audiosr-mini, or the published one.

That of audiosr-mini starts from the principal components of 8x8 mel patches. They already reconstruct a mel spectrogram
almost to the vocoder's precision, so it starts as that linear map and not from noise.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from diffusers import AutoencoderDC, AutoencoderKL
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor, nn

from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.official import build_official_vae
from audiosr_pipeline.pipelines.weight_checks import load_part
from audiosr_pipeline.training.dataset import (
    Recording,
    crop_generators,
    draw_validation_crops,
    find_recordings,
    training_crops,
)
from audiosr_pipeline.training.discriminators import Adversary, PatchDiscriminator
from audiosr_pipeline.training.loop import Batch, launch, train
from audiosr_pipeline.training.settings import PATCH, VAESettings

CONSTANT = 100.0
# Crops that the principal components and the latents' scale are measured on.
NUM_COMPONENT_CROPS, NUM_SCALE_CROPS = 512, 32
AUTOENCODERS = {"AutoencoderDC": AutoencoderDC, "AutoencoderKL": AutoencoderKL}
Autoencoder: TypeAlias = AutoencoderDC | AutoencoderKL


def train_vae(settings: VAESettings) -> None:
    """Trains with an L1 loss and, if asked, against a discriminator (after LDM, arXiv:2112.10752, and AudioLDM).

    Of audiosr-mini's the decoder is trained, on the latents with noise; of the published one all, on draws from the
    posterior. The latents' scale is measured, and saved with the autoencoder as `scaling_factor`.

    Raises:
        As `train` and `find_recordings`.
    """
    accelerator = launch(settings)
    recordings, held_out = find_recordings(settings.data, settings.licences)
    feature_extractor = MelFeatureExtractor()
    vae = _autoencoder(recordings, settings).train()
    mels = _draw_mels(recordings, NUM_SCALE_CROPS, settings)
    vae.register_to_config(scaling_factor=measure_scaling_factor(vae, mels))
    if isinstance(vae, AutoencoderDC):
        vae.encoder.requires_grad_(False)
    adversary = None
    if settings.adversarial_weight > 0:
        adversary = Adversary([PatchDiscriminator(settings.discriminator_channels)], settings.learning_rate)

    def reconstruct(mel: Tensor, generators: list[torch.Generator]) -> tuple[Tensor, Tensor | float]:
        """The mels decoded from latents with noise, and the posterior's divergence per value."""
        with accelerator.autocast():
            if isinstance(vae, AutoencoderDC):
                latents = encode(vae, mel)
                noise = randn_tensor(latents.shape, generators, latents.device) / vae.config.scaling_factor
                return vae.decode(latents + settings.latent_noise * noise).sample.float(), 0.0
            posterior = vae.encode(mel).latent_dist
            return vae.decode(posterior.sample(generators)).sample.float(), posterior.kl().float().sum() / mel.numel()

    def loss_of(batch: Batch, generator: torch.Generator) -> Tensor:
        mel = feature_extractor(batch["audio"])
        estimate, divergence = reconstruct(mel, crop_generators(batch, settings.seed))
        reconstruction = (estimate - mel).abs().mean((1, 2, 3))
        loss = reconstruction.mean() + settings.kl_weight * divergence
        if adversary is None or not torch.is_grad_enabled():
            return loss
        adversary.add_gradients(estimate, mel)
        adversarial, _ = adversary.generator_losses(estimate, mel)
        balance = _balance(reconstruction, adversarial, estimate)
        return loss + settings.adversarial_weight * (balance * adversarial).mean()

    def export(folder: Path) -> None:
        vae.register_to_config(scaling_factor=measure_scaling_factor(vae, mels))
        vae.save_pretrained(folder)

    def preview(batch: Batch) -> dict[str, Tensor]:
        mel = feature_extractor(batch["audio"][:1])
        return {"true": mel[0, 0], "reconstructed": vae.decode(encode(vae, mel)).sample[0, 0]}

    crops = training_crops(settings, recordings, lowpassed=False)
    train(accelerator, vae, loss_of, crops, held_out, settings, export, adversary, preview)


def load_autoencoder(folder: str | Path) -> Autoencoder:
    """The autoencoder that was saved to a folder, of either class."""
    return load_part(AUTOENCODERS[AutoencoderDC.load_config(folder)["_class_name"]], folder)


def encode(vae: Autoencoder, mel: Tensor) -> Tensor:
    """Latents of mels `(batch, 1, num_frames, n_mels)`, not scaled: the posterior's mode where there is one."""
    encoding = vae.encode(mel)
    return encoding.latent_dist.mode() if hasattr(encoding, "latent_dist") else encoding.latent


@torch.no_grad()
def measure_scaling_factor(vae: Autoencoder, mels: Tensor) -> float:
    """What brings the latents of mels `(batch, 1, num_frames, n_mels)` to a standard deviation of 1, as LDM does."""
    return float(1 / torch.cat([encode(vae, mel) for mel in mels.to(vae.device).split(1)]).std())


def _autoencoder(recordings: Sequence[Recording], settings: VAESettings) -> Autoencoder:
    """What training begins with."""
    if settings.initial:
        return load_autoencoder(settings.initial)
    if settings.official_width:
        return build_official_vae(settings.official_width)
    mels = _draw_mels(recordings, NUM_COMPONENT_CROPS, settings)
    vae = build_autoencoder(settings.latent_channels)
    initialise_from_components(vae, *principal_components(mels, settings.latent_channels), float(mels.mean()))
    return vae


def _draw_mels(recordings: Sequence[Recording], num_crops: int, settings: VAESettings) -> Tensor:
    """Mels of crops of at most `num_crops` random recordings."""
    chosen = np.random.default_rng(settings.seed).permutation(len(recordings))[:num_crops]
    num_samples = round(settings.crop_s * 48_000)
    crops = draw_validation_crops(
        [recordings[i] for i in chosen], num_samples, settings.batch_size, settings.seed, lowpassed=False
    )
    return torch.cat([MelFeatureExtractor()(batch["audio"]) for batch in crops])


def _balance(reconstruction: Tensor, adversarial: Tensor, estimate: Tensor) -> Tensor:
    """What makes the gradient of each crop's adversarial loss as long as that of its reconstruction, `(batch,)`.

    At the decoder's output, as EnCodec's (arXiv:2210.13438). LDM's, at the last layer's weights, is one for the batch,
    so that a batch taken in parts would have another.
    """
    wanted, given = (
        torch.autograd.grad(loss.sum(), estimate, retain_graph=True)[0].flatten(1).norm(dim=1)
        for loss in (reconstruction, adversarial)
    )
    return (wanted / (given + 1e-8)).clamp(max=1e4)


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
