"""Stereo stays stereo: channels share noise, cutoff and gain (promise 4)."""

import numpy as np
import pytest
import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    UniPCMultistepScheduler,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosr_pipeline.dsp.normalization import apply_gain
from audiosr_pipeline.pipelines.inputs import Clip
from tests.conftest import build_tiny_pipeline
from tests.pipelines.stubs import KnownVelocity, WhiteNoise, seeded
from tests.signals import band_limited, noise, speech_like

SCHEDULERS = {
    "DDIM": None,
    "DDIM with eta 1": None,
    "DPM-Solver++": (DPMSolverMultistepScheduler, {}),
    "DPM-Solver++ SDE": (DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++"}),
    "UniPC": (UniPCMultistepScheduler, {}),
    "Euler": (EulerDiscreteScheduler, {}),
    "Euler ancestral": (EulerAncestralDiscreteScheduler, {}),
}


@pytest.fixture(scope="module", params=SCHEDULERS)
def pipeline(request):
    pipe = build_tiny_pipeline(default_num_inference_steps=3, default_eta=float(request.param.endswith("eta 1")))
    if SCHEDULERS[request.param] is not None:
        scheduler_class, settings = SCHEDULERS[request.param]
        pipe.scheduler = scheduler_class.from_config(pipe.scheduler.config, **settings)
    return pipe


@settings(max_examples=4, deadline=None)
@given(
    seconds=st.floats(0.05, 3.0),
    channels=st.integers(2, 5),
    guidance_scale=st.sampled_from([1.0, 3.5]),
    seed=st.integers(0, 99),
)
def test_equal_channels_come_out_equal(pipeline, seconds, channels, guidance_scale, seed):
    audio = np.repeat(noise(seconds, 16_000, seed, tilt_db=-3), channels, axis=0)
    out = pipeline([audio], 16_000, guidance_scale=guidance_scale, generator=seeded(seed))
    assert (out.audios[0] == out.audios[0][:1]).all()
    assert (out.generated[0] == out.generated[0][:1]).all()


def test_swapping_the_channels_swaps_the_output(pipeline):
    left, right = noise(1.5, 16_000, 0, tilt_db=-3), 0.3 * speech_like(1.5, 16_000)
    out, swapped = (
        pipeline([np.concatenate(pair)], 16_000, generator=seeded()) for pair in ((left, right), (right, left))
    )
    # Rows of a batch may be rounded differently.
    tolerance = 1e-4 * np.abs(out.generated).max()
    assert np.abs(out.generated[0] - swapped.generated[0][::-1]).max() < tolerance
    assert np.abs(out.audios[0] - swapped.audios[0][::-1]).max() < 1e-6


def test_all_channels_start_from_the_same_noise_and_are_given_the_same_in_each_step(pipeline):
    """Left alone by the UNet, they stay equal although their conditions differ."""
    pipe = type(pipeline)(**pipeline.components, **{key: pipeline.config[key] for key in ("window_s", "default_eta")})
    pipe.set_progress_bar_config(disable=True)
    pipe.unet = KnownVelocity(pipeline.unet.config, lambda latents, condition, timestep: 0.1 * latents)
    audio = np.concatenate([noise(0.5, 16_000, seed) for seed in range(3)])
    pipe([audio], 16_000, num_inference_steps=4, guidance_scale=1, generator=seeded())
    assert len(pipe.unet.calls) >= 4
    for latents, condition, _ in pipe.unet.calls:
        assert torch.equal(latents, latents[:1].expand_as(latents))
        assert not torch.equal(condition[0], condition[1])


def test_one_cutoff_and_one_gain_for_all_channels(tiny_pipeline):
    narrow = band_limited(noise(1.0, 48_000, 0), 3_000)
    wide = 0.5 * band_limited(noise(1.0, 48_000, 1), 9_000)
    prepared = tiny_pipeline.preprocess(Clip(np.concatenate([narrow, wide]), 48_000, False))
    assert prepared.inspection.bandwidth == pytest.approx(9_000, abs=100)
    # The louder channel comes to a peak of 0.5; 10 % for peaks that are rarer than noise's.
    scaled = np.pad(prepared.audio, ((0, 0), (tiny_pipeline.grid.margin_samples, tiny_pipeline.grid.margin_samples)))
    apply_gain(scaled, prepared.gain)
    assert np.abs(scaled).max() == pytest.approx(0.5, rel=0.1)
    # So the difference in level between the channels is there in what the networks see: a factor of 4 is log 4.
    apart = np.concatenate([wide, 0.25 * np.roll(wide, 24_000)])
    mel = tiny_pipeline.preprocess(Clip(apart, 48_000, False)).mel
    # The mean of the loudest bins of noise, over some 100 frames.
    levels = [clip.flatten().topk(2_000).values.mean() for clip in mel]
    assert float(levels[0] - levels[1]) == pytest.approx(np.log(4), abs=0.1)
    # One sound at two levels is one component.
    halves = np.concatenate([wide, 0.25 * wide])
    components = tiny_pipeline.preprocess(Clip(halves, 48_000, False)).components
    assert components.mixing == pytest.approx(np.array([[1.0], [0.25]]), abs=1e-4)


def test_every_channel_keeps_its_own_low_band():
    pipe = build_tiny_pipeline(default_num_inference_steps=1)
    pipe.vocoder = WhiteNoise()
    audio = np.concatenate([noise(0.5, 16_000, seed) for seed in range(8)])
    out = pipe([audio], 16_000, generator=seeded())
    assert out.audios.shape == (1, 8, 24_000)
    for i, channel in enumerate(audio):
        single = pipe([channel], 16_000, generator=seeded())
        correlation = np.corrcoef(out.audios[0, i] - out.generated[0, i], single.audios[0] - single.generated[0])
        assert correlation[0, 1] > 0.99


def test_what_fills_one_channels_silence_is_not_given_to_the_other(tiny_pipeline):
    """A voice in both channels, then silence in the left and faint noise in the right: as quiet as that noise."""
    voice = noise(1.0, 16_000, 0, tilt_db=-3)
    stereo = np.concatenate([voice, voice])
    stereo[:, 8_000:] = 0
    stereo[1] += 1e-3 * noise(1.0, 16_000, 1)[0]
    mel = tiny_pipeline.preprocess(Clip(stereo, 16_000, False)).mel
    (alone,) = tiny_pipeline.preprocess(Clip(stereo[1:], 16_000, False)).mel
    silent = slice(len(alone[0]) * 3 // 4, len(alone[0]) - 20)
    # Half of the noise is in the middle: -6 dB, 0.69 nepers.
    assert abs((alone[0, silent, 20:100] - mel[0, 0, silent, 20:100]).mean() - np.log(2)) < 0.15


def test_panning_is_kept_where_it_can_be_heard():
    """A vocoder that follows its mel: a signal that is 12 dB softer on the right is so in the new band too."""

    class Proportional(WhiteNoise):
        def forward(self, mel):
            return super().forward(mel) * mel.exp().mean((1, 2))[:, None]

    pipe = build_tiny_pipeline(default_num_inference_steps=1)
    pipe.vocoder = Proportional()
    # A generator that gives the condition back.
    pipe.denoise = lambda noise, conditions, *args, **kwargs: conditions
    audio = noise(0.5, 16_000)
    out = pipe([np.concatenate([audio, 0.25 * audio])], 16_000)
    ratio = np.abs(out.generated[0, 0]).mean() / np.abs(out.generated[0, 1]).mean()
    assert ratio == pytest.approx(4, rel=0.1)
