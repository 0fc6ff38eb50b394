"""What the reference implementation computes, stage by stage, from weights and noise that both make by one recipe.

`tests/official.py` says where the numbers are from. A tolerance is ten times the error that was measured when the
components were chosen, or 1e-5 of the tensor's largest value if that is more: other processors sum in another order.
"""

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.pipelines.sampling import UNCONDITIONAL_LATENT
from tests.official import FIXTURES, SCALE_FACTOR, normal

LATENT_SHAPE = (1, 16, 64, 32)
GUIDANCE_SCALE = 3.5


@pytest.fixture(scope="module")
def pipe(official_checkpoint) -> AudioSRPipeline:
    return AudioSRPipeline.from_single_file(official_checkpoint)


@pytest.fixture(scope="module")
def reference() -> dict[str, Tensor]:
    return load_file(FIXTURES / "parity_small.safetensors")


@pytest.fixture(scope="module")
def mel(pipe) -> Tensor:
    """Noise at the level of a mel spectrogram."""
    return (3 * normal("fixture/mel_in/64", (1, 1, 512, 256)) - 5).clamp(min=pipe.feature_extractor.log_floor)


@pytest.fixture(scope="module")
def posterior(pipe, mel):
    with torch.no_grad():
        return pipe.vae.encode(mel).latent_dist


@pytest.fixture(scope="module")
def sampled(pipe, posterior) -> dict[str, Tensor]:
    """Velocities and latents of five steps."""
    condition = posterior.mean + posterior.std * normal("noise/cond_posterior", LATENT_SHAPE)
    conditions = torch.cat([condition, torch.full(LATENT_SHAPE, UNCONDITIONAL_LATENT)]) * pipe.vae.config.scaling_factor
    latents = normal("noise/x_T", LATENT_SHAPE)
    found = {}
    pipe.scheduler.set_timesteps(5)
    assert pipe.scheduler.timesteps.tolist() == [801, 601, 401, 201, 1]
    with torch.no_grad():
        for step, timestep in enumerate(pipe.scheduler.timesteps):
            model_input = torch.cat([latents.expand(2, -1, -1, -1), conditions], dim=1)
            velocities = pipe.unet(model_input, timestep, encoder_hidden_states=None).sample.split(1)
            found[f"x_in_step{step}"] = latents
            found[f"v_cond_step{step}"], found[f"v_uncond_step{step}"] = velocities
            velocity = velocities[1] + GUIDANCE_SCALE * (velocities[0] - velocities[1])
            noise = normal(f"noise/step_{step}", LATENT_SHAPE)
            latents = pipe.scheduler.step(velocity, timestep, latents, eta=1.0, variance_noise=noise).prev_sample
    return {**found, "z0": latents}


def assert_close(found: Tensor, expected: Tensor, measured_error: float) -> None:
    assert found.shape == expected.shape
    tolerance = max(10 * measured_error, 1e-5 * float(expected.abs().max()))
    assert float((found - expected).abs().max()) <= tolerance


def test_the_posterior_of_the_autoencoder(posterior, reference):
    assert_close(posterior.mean[:, :, ::4, ::4], reference["vae_mean"], 2.9e-6)
    assert_close(posterior.logvar[:, :, ::4, ::4], reference["vae_logvar"], 3.0e-6)


@pytest.mark.parametrize("name", ["v_cond_step0", "v_uncond_step0", "v_cond_step4"])
def test_the_velocity_of_the_unet(name, sampled, reference):
    assert_close(sampled[name][:, :, ::4, ::4], reference[name], 4.6e-6)


@pytest.mark.parametrize(("name", "measured_error"), [("x_in_step1", 9.2e-6), ("x_in_step4", 2.4e-5), ("z0", 2.6e-5)])
def test_the_latents_on_their_way(name, measured_error, sampled, reference):
    assert_close(sampled[name][:, :, ::4, ::4], reference[name], measured_error)


def test_the_decoded_mel_spectrogram(pipe, sampled, reference):
    with torch.no_grad():
        mel = pipe.vae.decode(sampled["z0"] / SCALE_FACTOR).sample
    assert_close(mel[0, 0, ::8, ::4], reference["mel_decoded"], 8.4e-6)


def test_the_waveform_of_the_vocoder(pipe, mel, reference):
    with torch.no_grad():
        audio = pipe.vocoder(mel[:, 0])[0]
    assert len(audio) == reference["vocoder_num_samples"]
    assert_close(audio[:4_096], reference["vocoder_first"], 0.0)
    assert_close(audio[-4_096:], reference["vocoder_last"], 0.0)
