"""The autoencoders: that which starts from the principal components of mel patches, and the published one."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderDC, AutoencoderKL

from audiosr_pipeline.dsp.windows import merge_windows, split_windows
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.official import build_official_vae
from audiosr_pipeline.training import vae as training
from audiosr_pipeline.training.dataset import draw_validation_crops, find_recordings
from audiosr_pipeline.training.vae import (
    VAESettings,
    build_autoencoder,
    encode,
    initialise_from_components,
    load_autoencoder,
    measure_scaling_factor,
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


@pytest.fixture
def settings_of(manifest, tmp_path, monkeypatch):
    """Makes settings for a run on the small corpus, whose scale is measured on little."""
    monkeypatch.setattr(training, "NUM_SCALE_CROPS", 4)
    usual = {"data": (str(manifest),), "output": str(tmp_path / "run"), "batch_size": 4, "crop_s": 0.24}
    usual |= {"num_steps": 2, "validation_every": 1, "num_workers": 0, "learning_rate": 1e-3, "warmup_steps": 0}
    return lambda **changes: VAESettings(**{**usual, **changes})


@pytest.mark.parametrize("changes", [{"crop_s": 0.3}, {"crop_s": 0.16, "adversarial_weight": 0.5}])
def test_crops_that_do_not_fit_are_refused(settings_of, changes):
    with pytest.raises(ValueError, match="crop_s=0.*; accepted are multiples of 0.08 s"):
        settings_of(**changes)


def validation_losses(settings: VAESettings) -> list[float]:
    lines = (Path(settings.output) / "curve.jsonl").read_text().splitlines()
    return [json.loads(line)["validation_loss"] for line in lines]


def test_training_keeps_the_encoder_of_components_and_states_the_latents_scale(settings_of, mels):
    settings = settings_of(num_steps=3, crop_s=0.32)
    train_vae(settings)
    best = load_autoencoder(Path(settings.output) / "best")
    assert isinstance(best, AutoencoderDC)
    start = torch.load(Path(settings.output) / "state.pt", weights_only=True)["model"]
    for name, weight in best.encoder.state_dict().items():
        assert torch.equal(weight, start[f"encoder.{name}"])
    losses = validation_losses(settings)
    assert len(losses) == 3 and losses[-1] < losses[0]
    with torch.no_grad():
        scaled = encode(best, mels) * best.config.scaling_factor
    # On other crops, at other levels.
    assert 0.2 < scaled.std() < 3


@pytest.mark.parametrize("adversarial_weight", [0.0, 0.5])
def test_the_published_autoencoder_learns_all_of_its_weights(settings_of, mels, adversarial_weight):
    judged = {"adversarial_weight": adversarial_weight, "discriminator_channels": 2}
    settings = settings_of(official_width=32, num_steps=4, validation_every=2, ema_decay=0.1, **judged)
    train_vae(settings)
    best = load_autoencoder(Path(settings.output) / "best")
    assert isinstance(best, AutoencoderKL) and best.config.block_out_channels == [32, 64, 128, 256]
    losses = validation_losses(settings)
    assert losses[1] < losses[0]
    torch.manual_seed(settings.seed)
    untrained = build_official_vae(32)
    assert not torch.equal(best.encoder.conv_in.weight, untrained.encoder.conv_in.weight)
    assert not torch.equal(best.decoder.conv_out.weight, untrained.decoder.conv_out.weight)
    # Of the exported weights, not of those that training began with.
    measured = measure_scaling_factor(best, mels)
    assert best.config.scaling_factor == pytest.approx(measured, rel=0.5)
    assert "adversary" in torch.load(Path(settings.output) / "state.pt", weights_only=True) or not adversarial_weight


def test_the_posterior_s_divergence_counts_per_value_of_the_mel(settings_of, manifest, monkeypatch):
    caught = {}
    monkeypatch.setattr(training, "train", lambda _, model, loss_of, *rest: caught.update(vae=model, loss_of=loss_of))
    (batch,) = draw_validation_crops(find_recordings([manifest])[0][:3], 7_680, 4, seed=0)
    losses = []
    for kl_weight in (0.0, 2.0):
        train_vae(settings_of(official_width=32, kl_weight=kl_weight))
        with torch.no_grad():
            losses.append(caught["loss_of"](batch, torch.Generator()).item())
    mel = MelFeatureExtractor()(batch["audio"])
    with torch.no_grad():
        posterior = caught["vae"].encode(mel).latent_dist
    normal, given = torch.distributions.Normal(0, 1), torch.distributions.Normal(posterior.mean, posterior.std)
    expected = torch.distributions.kl_divergence(given, normal).sum() / mel.numel()
    assert losses[1] - losses[0] == pytest.approx(2 * expected.item(), rel=1e-3)


def test_a_run_may_start_from_another_s_result(settings_of, vae, tmp_path, monkeypatch):
    vae.save_pretrained(tmp_path / "initial")
    caught = {}
    monkeypatch.setattr(training, "train", lambda _, model, *rest: caught.update(vae=model))
    train_vae(settings_of(initial=str(tmp_path / "initial")))
    for name, weight in caught["vae"].state_dict().items():
        assert torch.equal(weight, vae.state_dict()[name])


@pytest.mark.parametrize("build", [build_autoencoder, lambda: build_official_vae(32)])
def test_scaled_latents_have_a_standard_deviation_of_one(build, mels):
    torch.manual_seed(0)
    vae = build().eval()
    with torch.no_grad():
        latents = encode(vae, mels)
    assert latents.shape == (3, CHANNELS, 12, 32)
    assert float(latents.std() * measure_scaling_factor(vae, mels)) == pytest.approx(1, rel=1e-4)


def test_each_crop_s_gradient_from_the_discriminator_is_as_long_as_from_the_reconstruction():
    estimate = torch.randn(3, 1, 4, 5, requires_grad=True)
    reconstruction = estimate.abs().mean((1, 2, 3))
    adversarial = torch.tensor([0.01, 1.0, 100.0]) * estimate.square().mean((1, 2, 3))
    balance = training._balance(reconstruction, adversarial, estimate)
    assert not balance.requires_grad
    lengths = [
        torch.autograd.grad(loss.sum(), estimate, retain_graph=True)[0].flatten(1).norm(dim=1)
        for loss in (reconstruction, balance * adversarial)
    ]
    assert torch.allclose(*lengths, rtol=1e-3)
