"""The diffusion model's training: what it is given, what it is asked for, and that it learns."""

import copy
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from diffusers import DDIMScheduler
from torch import nn

from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.pipelines.sampling import UNCONDITIONAL_LATENT
from audiosr_pipeline.training import ldm
from audiosr_pipeline.training.cliff import continue_band
from audiosr_pipeline.training.dataset import draw_validation_crops, find_recordings
from audiosr_pipeline.training.ldm import LDMSettings, build_scheduler, build_unet, patch_loss, train_ldm
from tests.signals import band_limited, noise


@pytest.fixture
def pipeline(tiny_pipeline):
    """A pipeline whose latents are scaled."""
    pipeline = copy.deepcopy(tiny_pipeline)
    pipeline.vae.register_to_config(scaling_factor=0.3)
    return pipeline


@pytest.fixture
def settings_of(pipeline, manifest, tmp_path):
    """Makes settings for a run on the small corpus with that pipeline's autoencoder."""
    pipeline.vae.save_pretrained(tmp_path / "vae")
    usual = {"batch_size": 4, "crop_s": 0.64, "warmup_steps": 2}
    usual |= {"data": (str(manifest),), "num_workers": 0, "output": str(tmp_path / "ldm"), "vae": str(tmp_path / "vae")}
    return lambda **changes: LDMSettings(**{**usual, **changes})


def test_schedule_ends_in_pure_noise_and_sampling_begins_there():
    scheduler = build_scheduler()
    assert scheduler.alphas_cumprod[-1] == 0
    assert (scheduler.alphas_cumprod.diff() < 0).all()
    assert scheduler.final_alpha_cumprod == 1
    for num_inference_steps in (1, 4, 10):
        scheduler.set_timesteps(num_inference_steps)
        expected = [round(1_000 * (1 - step / num_inference_steps)) - 1 for step in range(num_inference_steps)]
        assert scheduler.timesteps.tolist() == expected
    latents, noise = torch.randn(2, 1, 16, 8, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(scheduler.add_noise(latents, noise, torch.tensor([999])), noise)


@pytest.mark.parametrize("num_inference_steps", [1, 2, 10])
def test_the_exact_velocity_leads_to_the_exact_latents(num_inference_steps):
    scheduler: DDIMScheduler = build_scheduler()
    clean, sample = torch.randn(2, 1, 16, 8, 32, generator=torch.Generator().manual_seed(0))
    noise = sample.clone()
    scheduler.set_timesteps(num_inference_steps)
    for timestep in scheduler.timesteps:
        velocity = scheduler.get_velocity(clean, noise, timestep[None])
        sample = scheduler.step(velocity, timestep, sample).prev_sample
    # Float32, each step divides by what is left of the signal.
    assert (sample - clean).abs().max() < 1e-3


class Recorder(nn.Module):
    """Stands where the UNet is: notes what it is given, answers with zeros or with what it is told to."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.answer = self.save_pretrained = None

    def forward(self, model_input, timesteps, encoder_hidden_states):
        assert encoder_hidden_states is None
        self.model_input, self.timesteps = model_input, timesteps
        return SimpleNamespace(sample=torch.zeros_like(model_input[:, :16]) if self.answer is None else self.answer)


@pytest.fixture
def trial(settings_of, monkeypatch, manifest):
    """One evaluation of the training loss: a function of the settings, giving the UNet's recorder and a batch."""

    def make(**changes):
        recorder, caught = Recorder(), {}
        monkeypatch.setattr(ldm, "build_unet", lambda latent_channels: recorder)
        monkeypatch.setattr(
            ldm, "train", lambda accelerator, model, loss_of, *rest, **more: caught.update(loss_of=loss_of)
        )
        train_ldm(settings_of(**changes))
        (batch,) = draw_validation_crops(find_recordings([manifest])[0][:8], 30_720, 8, seed=0)
        return recorder, batch, lambda: caught["loss_of"](batch, torch.Generator().manual_seed(0))

    return make


def scaled_latents(pipeline, audio):
    with torch.no_grad():
        return pipeline.encode(MelFeatureExtractor()(audio))


def continued_latents(pipeline, audio):
    extractor = MelFeatureExtractor()
    mel = torch.stack([continue_band(clip, extractor.log_floor) for clip in extractor(audio)])
    with torch.no_grad():
        return pipeline.encode(mel)


def test_the_condition_is_what_the_pipeline_gives_the_unet(trial, pipeline):
    recorder, batch, loss_of = trial(condition_dropout=0.0)
    loss_of()
    condition = recorder.model_input[:, 16:]
    assert torch.allclose(condition, scaled_latents(pipeline, batch["lowpassed"]), atol=1e-4)


def test_a_dropped_condition_is_the_pipeline_s_unconditional_latent(trial, pipeline):
    recorder, _, loss_of = trial(condition_dropout=1.0)
    loss_of()
    expected = UNCONDITIONAL_LATENT * pipeline.vae.config.scaling_factor
    assert torch.allclose(recorder.model_input[:, 16:], torch.tensor(expected))
    recorder, _, loss_of = trial(condition_dropout=0.5)
    loss_of()
    # Float32 rounds the product.
    dropped = ((recorder.model_input[:, 16:] - expected).abs() < 1e-4).flatten(1).all(1)
    assert 0 < dropped.sum() < 8


def test_the_target_is_the_velocity_of_the_truth(trial, pipeline):
    recorder, batch, loss_of = trial(condition_dropout=0.0, patch_weight=0.0)
    without = loss_of()
    # Spread over the draws, which lie nearer to pure noise than evenly: gaps of multiples of the golden ratio are at
    # most 2.6 times as wide as the narrowest, here of 1/8 at the mean.
    positions = (recorder.timesteps / 1_000) ** (1 / ldm.TIMESTEP_BIAS)
    assert positions.sort().values.diff().max() < 0.25 and positions.min() < 0.1 and positions.max() > 0.8
    assert ldm.TIMESTEP_BIAS < 1
    scheduler = build_scheduler()
    clean = continued_latents(pipeline, batch["audio"])
    alpha = scheduler.alphas_cumprod[recorder.timesteps].view(-1, 1, 1, 1)
    noisy = recorder.model_input[:, :16]
    noise = (noisy - alpha.sqrt() * clean) / (1 - alpha).sqrt()
    assert noise.mean().abs() < 0.02 and float(noise.std()) == pytest.approx(1, abs=0.02)
    velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * clean
    assert without.item() == pytest.approx(velocity.square().mean().item(), rel=1e-3)
    recorder.answer = velocity
    assert loss_of().item() < 1e-4 * without.item()


def test_errors_that_neighbours_share_count_more_than_others():
    generator = torch.Generator().manual_seed(0)
    independent = torch.randn(4, 16, 32, 32, generator=generator)
    # Each the mean of so many: 1/4, 1/16 and 1/64, times the weights 1, 2 and 4. A thousandth of the 65,536 is noise.
    assert patch_loss(independent, 1.0).item() == pytest.approx(1 + 1 / 4 + 2 / 16 + 4 / 64, rel=0.02)
    shared = torch.randn(4, 16, 1, 1, generator=generator).expand_as(independent)
    assert patch_loss(shared, 1.0).item() == pytest.approx(8 * shared.square().mean().item(), rel=1e-5)
    assert patch_loss(shared, 0.5).item() == pytest.approx(4.5 * shared.square().mean().item(), rel=1e-5)
    assert patch_loss(shared, 0.0) == shared.square().mean()
    # Fewer frames than a patch has.
    assert patch_loss(shared[:, :, :3], 1.0).item() == pytest.approx(8 * shared.square().mean().item(), rel=1e-5)


def test_a_recording_that_stops_at_a_cliff_is_learned_without_it(trial, pipeline):
    recorder, batch, loss_of = trial(condition_dropout=0.0)

    def noisy(audio):
        batch["audio"] = audio
        loss_of()
        return recorder.model_input[:, :16]

    full = torch.from_numpy(np.concatenate([noise(0.64, seed=seed) for seed in range(8)]))
    limited = torch.from_numpy(band_limited(full.numpy(), 16_000))
    # Both have the same noise and timesteps, so the difference is that of the latents.
    difference = noisy(limited) - noisy(full)
    amplitude = build_scheduler().alphas_cumprod[recorder.timesteps].view(-1, 1, 1, 1).sqrt()
    with_continuation, without, clean = (
        latents_of(pipeline, audio)
        for latents_of, audio in [(continued_latents, limited), (scaled_latents, limited), (scaled_latents, full)]
    )
    # Float32 sums of unit noise.
    assert torch.allclose(difference, amplitude * (with_continuation - clean), atol=1e-4)
    assert not torch.allclose(difference, amplitude * (without - clean), atol=1e-2)


def test_a_few_steps_lower_the_loss(settings_of, pipeline, monkeypatch, tmp_path):
    unet = copy.deepcopy(pipeline.unet)
    monkeypatch.setattr(ldm, "build_unet", lambda latent_channels: unet.train())
    # The first step changes next to nothing: its validation loss is the untrained network's.
    train_ldm(settings_of(num_steps=1, learning_rate=1e-12, crop_s=0.32, output=str(tmp_path / "untrained")))
    train_ldm(settings_of(num_steps=20, learning_rate=1e-2, crop_s=0.32, ema_decay=0.5))
    untrained, trained = (
        json.loads((tmp_path / name / "curve.jsonl").read_text().splitlines()[-1])["validation_loss"]
        for name in ("untrained", "ldm")
    )
    assert trained < 0.8 * untrained
    best = type(unet).from_pretrained(tmp_path / "ldm/best")
    assert best.config.out_channels == 16


def test_in_bf16_the_loss_is_about_the_same_and_the_weights_stay_float32(settings_of, pipeline, monkeypatch, tmp_path):
    losses = []
    for mixed_precision in ("no", "bf16"):
        AcceleratorState._reset_state(reset_partial_state=True)
        unet = copy.deepcopy(pipeline.unet)
        monkeypatch.setattr(ldm, "build_unet", lambda latent_channels, unet=unet: unet.train())
        output = tmp_path / mixed_precision
        train_ldm(settings_of(num_steps=1, crop_s=0.32, mixed_precision=mixed_precision, output=str(output)))
        losses.append(json.loads((output / "curve.jsonl").read_text())["validation_loss"])
        assert unet.dtype == torch.float32
    # bf16 keeps 8 bits; the errors of many values average out.
    assert losses[1] == pytest.approx(losses[0], rel=1e-2) and losses[1] != losses[0]


def test_the_unet_that_ships_is_small_and_takes_latents_and_condition():
    unet = build_unet()
    # 16 MB in half precision.
    assert sum(parameter.numel() for parameter in unet.parameters()) < 8e6
    with torch.no_grad():
        predicted = unet(torch.randn(1, 32, 8, 32), torch.tensor([999]), encoder_hidden_states=None).sample
    assert predicted.shape == (1, 16, 8, 32)
