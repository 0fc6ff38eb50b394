"""The autoencoder that starts from the principal components of mel patches."""

import json

import numpy as np
import pytest
import torch
from diffusers import AutoencoderDC

from audiosr_pipeline.dsp.windows import merge_windows, split_windows
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.training.vae import (
    VAESettings,
    build_autoencoder,
    initialise_from_components,
    principal_components,
    train_vae,
)
from tests.signals import music_like, noise, speech_like

CHANNELS = 16


@pytest.fixture(scope="module")
def mels() -> torch.Tensor:
    """Log-mel of three kinds of sound, `(3, 1, 96, 256)`."""
    audio = np.concatenate([noise(0.96, tilt_db=-3), speech_like(0.96), music_like(0.96)])
    return MelFeatureExtractor()(torch.from_numpy(audio))


@pytest.fixture(scope="module")
def components(mels) -> tuple[torch.Tensor, torch.Tensor]:
    return principal_components(mels, CHANNELS)


@pytest.fixture(scope="module")
def vae(mels, components) -> AutoencoderDC:
    vae = build_autoencoder(CHANNELS)
    initialise_from_components(vae, *components, float(mels.mean()))
    return vae.eval()


def patches_of(mels: torch.Tensor) -> torch.Tensor:
    """8x8 patches as rows `(batch * num_frames / 8 * n_mels / 8, 64)`, row by row of the patch."""
    batch, _, num_frames, n_mels = mels.shape
    return mels.reshape(batch, num_frames // 8, 8, n_mels // 8, 8).permute(0, 1, 3, 2, 4).reshape(-1, 64)


def in_unshuffling_order(patches: torch.Tensor) -> torch.Tensor:
    """Rows of patches with their 64 numbers in the order that three 2x2 unshufflings give."""
    squares = patches.reshape(-1, 1, 8, 8)
    for _ in range(3):
        squares = torch.nn.functional.pixel_unshuffle(squares, 2)
    return squares.reshape(-1, 64)


def test_components_are_those_of_a_singular_value_decomposition(mels, components):
    directions, deviations = components
    centred = in_unshuffling_order(patches_of(mels - mels.mean())).double().numpy()
    _, values, vectors = np.linalg.svd(centred, full_matrices=False)
    expected = values[:CHANNELS] / np.sqrt(len(centred))
    assert deviations.numpy() == pytest.approx(expected, rel=1e-4)
    assert (deviations.diff() <= 0).all()
    assert torch.allclose(directions @ directions.mT, torch.eye(CHANNELS), atol=1e-5)
    # The directions' signs are free, and where two deviations are near, the directions turn into each other.
    assert np.abs(directions.numpy() @ vectors[:CHANNELS].T).max(1)[:4] == pytest.approx(1, abs=1e-3)


@torch.no_grad()
def test_encoder_is_the_projection(mels, components, vae):
    directions, deviations = components
    patches = in_unshuffling_order(patches_of(mels - mels.mean()))
    expected = (patches @ directions.mT / deviations.sqrt()).reshape(3, 12, 32, CHANNELS).movedim(-1, 1)
    latents = vae.encode(mels).latent
    assert latents.shape == (3, CHANNELS, 12, 32)
    # Float32, through a convolution that undoes the shortcuts.
    assert (latents - expected).abs().max() < 1e-3 * expected.abs().max()


@torch.no_grad()
def test_decoder_is_the_projection_s_inverse(mels, components, vae):
    directions, _ = components
    patches = in_unshuffling_order(patches_of(mels - mels.mean()))
    expected = patches @ directions.mT @ directions + mels.mean()
    decoded = in_unshuffling_order(patches_of(vae.decode(vae.encode(mels).latent).sample))
    # The output norm is linear to about 0.3 % of a value's distance from the mean.
    distance = (expected - mels.mean()).abs()
    assert ((decoded - expected).abs() < 0.005 * distance + 1e-2).all()
    assert (decoded - expected).square().mean().sqrt() < 0.003 * distance.square().mean().sqrt()


@torch.no_grad()
def test_sixteen_components_keep_most_of_a_mel_spectrogram(mels, vae):
    """As much as the components explain, which is most."""
    error = (vae.decode(vae.encode(mels).latent).sample - mels).square().mean()
    assert error < 0.1 * mels.var()


@torch.no_grad()
def test_latents_have_the_square_root_of_their_component_s_deviation(mels, components, vae):
    _, deviations = components
    measured = vae.encode(mels).latent.square().mean((0, 2, 3)).sqrt()
    assert measured.numpy() == pytest.approx(deviations.sqrt().numpy(), rel=0.01)


@torch.no_grad()
def test_a_mel_of_the_mean_is_zero_in_latents(mels, vae):
    # Float32: the encoder's last convolution takes differences of equal numbers.
    assert vae.encode(torch.full((1, 1, 16, 256), float(mels.mean()))).latent.abs().max() < 1e-3


@torch.no_grad()
def test_windows_decode_as_the_whole_does(components):
    """With residual blocks that do something, unlike fresh ones."""
    torch.manual_seed(0)
    vae = build_autoencoder(CHANNELS)
    initialise_from_components(vae, *components, -7.0)
    for block in vae.modules():
        if block.__class__.__name__ == "ResBlock":
            torch.nn.init.normal_(block.norm.weight, std=0.5)
    latents = torch.randn(1, CHANNELS, 96, 32)
    whole = vae.eval().decode(latents).sample
    # Overlaps and cross-fades of 16 and 8 latent frames, as in the pipeline.
    windows = split_windows(96, 32, 16)
    assert len(windows) > 3
    merged = merge_windows((vae.decode(latents[:, :, w.start : w.stop]).sample for w in windows), windows, 8, 8)
    assert (whole - vae.decode(latents.flip(2)).sample.flip(2)).abs().max() > 0.01
    assert (merged - whole).abs().max() < 1e-4 * whole.abs().max()


def test_training_keeps_the_encoder_and_states_the_latents_scale(manifest, tmp_path):
    settings = VAESettings(
        manifest=(str(manifest),), output=str(tmp_path), num_steps=2, validation_every=1, batch_size=4, crop_s=0.32
    )
    train_vae(settings)
    best = AutoencoderDC.from_pretrained(tmp_path / "best")
    start = torch.load(tmp_path / "state.pt", weights_only=True)["model"]
    for name, weight in best.encoder.state_dict().items():
        assert torch.equal(weight, start[f"encoder.{name}"])
    assert not torch.equal(best.decoder.conv_in.weight, torch.zeros_like(best.decoder.conv_in.weight))
    lines = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    # Scaled, the latents' mean power over channels is one.
    mel = MelFeatureExtractor()(torch.from_numpy(np.concatenate([speech_like(0.96), noise(0.96, tilt_db=-3)])))
    with torch.no_grad():
        scaled = best.encode(mel).latent * best.config.scaling_factor
    # On other crops, at other levels.
    assert 0.2 < scaled.square().mean().sqrt() < 3
