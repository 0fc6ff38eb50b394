"""Our numbers beside the reference's, stage by stage: `python -m benchmarks.parity --reference FOLDER`.

FOLDER holds what the reference implementation (haoheliu/versatile_audio_super_resolution at 034db6c) computed from
weights and noise that are made by recipe (`tests/official.py`): `fixtures/reduced_pipeline.safetensors` from a
recording, with narrow networks, and `fixtures/full_width_forward.safetensors` from noise, with networks of the official
widths. Exits with 1 if a stage is beyond its bound.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import torch
from safetensors.torch import load_file
from torch import Tensor

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.pipelines.sampling import UNCONDITIONAL_LATENT
from benchmarks.comparison import Comparison, comparison_table
from benchmarks.machine import software_and_hardware
from tests.official import normal, official_shapes, recipe_weight, with_the_rest

LATENT_SHAPE = (1, 16, 64, 32)
NUM_STEPS, GUIDANCE_SCALE, ETA = 5, 3.5, 1.0
WHAT_IS_COMPARED = """\
From the low-passed mel spectrogram on, both compute the same. What comes before differs on purpose: resampling is
band-limited by soxr, the cutoff is the input's band edge and not its roll-off, the low-pass is always of the paper's
type where the reference draws one of four, and levels are restored at the end. The condition is the posterior's mode in
our pipeline; here it is drawn with the reference's noise. A bound is ten times the error that was measured when the
components were chosen, or 1e-5 of the largest value if that is more."""


def load_recipe_pipeline(is_narrow: bool) -> AudioSRPipeline:
    """Loads a checkpoint with weights made by recipe, from a file in the official form."""
    shapes = official_shapes(is_narrow)
    tensors = {key: recipe_weight(key, shape) for key, shape in shapes.items() if key != "scale_factor"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pytorch_model.bin"
        torch.save({"state_dict": with_the_rest(tensors)}, path)
        pipe = AudioSRPipeline.from_single_file(path)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def named_step_noise() -> mock._patch:
    """While it holds, DDIM's steps add the noise `noise/step_0`, `noise/step_1`, ... instead of drawing it."""
    names = (f"noise/step_{step}" for step in range(1_000))
    return mock.patch(
        "diffusers.schedulers.scheduling_ddim.randn_tensor",
        lambda shape, **kwargs: normal(next(names), tuple(shape)),
    )


@torch.no_grad()
def reduced_comparisons(expected: dict[str, Tensor]) -> Iterator[Comparison]:
    """Narrow networks on a recording. Each stage gets the reference's input, but for the rows named whole chain."""
    pipe = load_recipe_pipeline(is_narrow=True)
    scale = pipe.vae.config.scaling_factor
    mel = expected["lowpass_mel"][None, None]
    # Without a resampler before it, the reference's front end and this one agreed to the bit.
    yield Comparison("mel spectrogram", pipe.feature_extractor(expected["lowpass_wave"][None]), mel, 0.0)

    posterior = pipe.vae.encode(mel).latent_dist
    yield Comparison("autoencoder, posterior mean", posterior.mean, expected["cond_mean"], 3.7e-6)
    yield Comparison("autoencoder, posterior log-variance", posterior.logvar, expected["cond_logvar"], 3.5e-6)

    pipe.scheduler.set_timesteps(NUM_STEPS)
    unconditional = torch.full(LATENT_SHAPE, UNCONDITIONAL_LATENT)
    conditions = {"cond": expected["cond_latent"], "uncond": unconditional}
    latents = {0: normal("noise/x_T", LATENT_SHAPE), 4: expected["x_in_step4"]}
    for step, noisy in latents.items():
        for name, condition in conditions.items():
            model_input = torch.cat([noisy, condition * scale], dim=1)
            velocity = pipe.unet(model_input, pipe.scheduler.timesteps[step], encoder_hidden_states=None).sample
            label = "conditional" if name == "cond" else "unconditional"
            yield Comparison(f"UNet, step {step + 1}, {label}", velocity, expected[f"v_{name}_step{step}"], 4.8e-6)

    without = expected["v_uncond_step0"]
    velocity = without + GUIDANCE_SCALE * (expected["v_cond_step0"] - without)
    with named_step_noise():
        stepped = pipe.scheduler.step(velocity, pipe.scheduler.timesteps[0], latents[0], eta=ETA).prev_sample
    yield Comparison("scheduler, step 1", stepped, expected["x_in_step1"], 9.5e-7)

    # The pipeline's own loop, from here to the latents.
    drawn = posterior.mean + posterior.std * normal("noise/cond_posterior", LATENT_SHAPE)
    with named_step_noise():
        (denoised,) = pipe.denoise([latents[0]], [drawn * scale], GUIDANCE_SCALE, ETA, [torch.Generator()])
    yield Comparison("latents after 5 steps, whole chain", denoised, expected["z0"], 7.8e-5)

    decoded = pipe.vae.decode(expected["z0"] / scale).sample
    yield Comparison("autoencoder, decoded mel spectrogram", decoded, expected["mel_decoded"][None, None], 6.8e-6)

    num_low_bins = int(expected["mel_cutoff_bin"])

    def vocode(generated: Tensor) -> Tensor:
        replaced = torch.cat([mel[..., :num_low_bins], generated[..., num_low_bins:]], dim=-1)
        return pipe.vocoder(replaced[:, 0])[0]

    waveform = expected["vocoder_wave"]
    yield Comparison("vocoder", vocode(expected["mel_decoded"][None, None]), waveform, 0.0)
    yield Comparison("vocoder, whole chain", vocode(pipe.vae.decode(denoised / scale).sample), waveform, 0.0)


@torch.no_grad()
def full_width_comparisons(expected: dict[str, Tensor]) -> Iterator[Comparison]:
    """Networks of the official widths, each on noise."""
    pipe = load_recipe_pipeline(is_narrow=False)
    noisy = normal("fixture/unet_in/64", (1, 32, 64, 32))
    velocity = pipe.unet(noisy, 501, encoder_hidden_states=None).sample[:, :, ::4, ::2]
    yield Comparison("UNet", velocity, expected["unet_out"], 7.3e-6)

    mel = 3 * normal("fixture/mel_in/64", (1, 1, 512, 256)) - 5
    posterior = pipe.vae.encode(mel).latent_dist
    yield Comparison("autoencoder, posterior mean", posterior.mean[:, :, ::4, ::2], expected["vae_mean"], 6.3e-6)
    log_variance = posterior.logvar[:, :, ::4, ::2]
    yield Comparison("autoencoder, posterior log-variance", log_variance, expected["vae_logvar"], 5.7e-6)

    decoded = pipe.vae.decode(normal("fixture/z_in/64", LATENT_SHAPE)).sample[0, 0, ::8, ::4]
    yield Comparison("autoencoder, decoded mel spectrogram", decoded, expected["vae_dec"], 1.5e-5)

    waveform = pipe.vocoder(mel[:, 0])[0]
    yield Comparison("vocoder, first 4096 samples", waveform[:4_096], expected["vocoder_first4096"], 0.0)
    yield Comparison("vocoder, last 4096 samples", waveform[-4_096:], expected["vocoder_last4096"], 0.0)


def main() -> int:
    """Prints the tables, and writes them if asked to; 1 if a stage is beyond its bound."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parity", description="Stage by stage by the reference.")
    parser.add_argument("--reference", type=Path, required=True, help="folder with `fixtures`")
    parser.add_argument("--full-width", action="store_true", help="networks of the official widths as well")
    parser.add_argument("--output", type=Path, help="Markdown file")
    arguments = parser.parse_args()
    fixtures = arguments.reference / "fixtures"
    reduced = list(reduced_comparisons(load_file(fixtures / "reduced_pipeline.safetensors")))
    lines = ["# Parity with the reference", "", WHAT_IS_COMPARED, "", "## Narrow networks, a recording of speech", ""]
    lines += comparison_table(reduced)
    wide = []
    if arguments.full_width:
        wide = list(full_width_comparisons(load_file(fixtures / "full_width_forward.safetensors")))
        lines += ["", "## Official widths, noise", "", *comparison_table(wide)]
    lines += ["", *(f"- {line}" for line in software_and_hardware())]
    print("\n".join(lines))
    if arguments.output:
        arguments.output.write_text("\n".join(lines) + "\n")
    return int(not all(comparison.passes for comparison in [*reduced, *wide]))


if __name__ == "__main__":
    raise SystemExit(main())
