"""Randomness comes from the generators alone: the same ones give the same audio, in any batch (promise 3)."""

import random

import numpy as np
import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import build_tiny_pipeline
from tests.pipelines.official_classes import build_official_vae
from tests.pipelines.stubs import seeded
from tests.signals import noise


def clip(index: int, channels: int = 1, seconds: float = 0.5) -> np.ndarray:
    """Pink noise at 16 kHz, `(channels, num_samples)`."""
    return np.concatenate([noise(seconds, 16_000, 10 * index + i, tilt_db=-3) for i in range(channels)])


def ancestral_pipeline():
    """Its scheduler draws noise in each step."""
    pipe = build_tiny_pipeline(default_num_inference_steps=4)
    pipe.scheduler = EulerAncestralDiscreteScheduler.from_config(pipe.scheduler.config)
    return pipe


@pytest.fixture(scope="module", params=["DDIM", "DDIM with eta 1", "Euler ancestral"])
def pipeline(request):
    if request.param == "Euler ancestral":
        return ancestral_pipeline()
    return build_tiny_pipeline(default_num_inference_steps=3, default_eta=float("eta" in request.param))


def test_the_same_generator_gives_the_same_audio_bit_for_bit(pipeline):
    first, second = (pipeline([clip(0, 2, 2.0)], 16_000, generator=seeded(3)) for _ in range(2))
    assert np.array_equal(first.audios, second.audios)
    assert np.array_equal(first.generated, second.generated)
    assert first.reports == second.reports


def test_another_seed_gives_other_highs_and_the_same_lows(pipeline):
    first, second = (pipeline([clip(0)], 16_000, generator=seeded(seed)) for seed in (0, 1))
    assert np.abs(first.generated - second.generated).max() > 0.1 * np.abs(first.generated).max()
    # A clip's ends fade, for 80 ms at most, as long as what was generated needs.
    own_difference = first.audios - first.generated - (second.audios - second.generated)
    assert np.abs(own_difference[..., 3_840:-3_840]).max() < 1e-6


@settings(max_examples=5, deadline=None)
@given(
    clips=st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from([0.05, 0.5, 0.55, 1.5]), st.booleans()), min_size=2, max_size=5
    ),
    output_seed=st.integers(0, 99),
)
def test_a_clip_does_not_depend_on_what_it_is_batched_with(pipeline, clips, output_seed):
    """Mixed lengths, channel counts and forms; some clips are silent."""
    audios = [clip(i, channels, seconds) * (not silent) for i, (channels, seconds, silent) in enumerate(clips)]
    audios = [audio[0] if len(audio) == 1 else audio for audio in audios]
    generators = [seeded(output_seed + i) for i in range(len(audios))]
    batch = pipeline(audios, 16_000, generator=generators)
    for i, audio in enumerate(audios):
        single = pipeline([audio], 16_000, generator=seeded(output_seed + i))
        assert single.audios[0].shape == batch.audios[i].shape
        assert np.abs(single.audios[0] - batch.audios[i]).max() < 1e-4
        # The tiny pipeline's highs are faint.
        assert np.abs(single.generated[0] - batch.generated[i]).max() < 1e-3 * np.abs(single.generated[0]).max() + 1e-9
        assert single.reports[0].cutoff_freq == batch.reports[i].cutoff_freq


def test_one_generator_serves_several_clips_in_order(pipeline):
    audios = [clip(0), clip(1, seconds=1.5), clip(0)]
    first, second = (pipeline(audios, 16_000, generator=seeded(7)) for _ in range(2))
    assert all(map(np.array_equal, first.audios, second.audios))
    # Each has noise of its own, also where the clips are equal.
    assert np.abs(first.generated[0] - first.generated[2]).max() > 0.1 * np.abs(first.generated[0]).max()
    # Clips that come later change nothing.
    fewer = pipeline(audios[:2], 16_000, generator=seeded(7))
    assert np.abs(fewer.audios[0] - first.audios[0]).max() < 1e-4


def test_the_reported_seed_gives_the_clip_again(pipeline):
    audios = [clip(0), clip(1, seconds=1.5), clip(2)]
    for generator in (None, seeded(7), [seeded(4), seeded(5), seeded(6)]):
        out = pipeline(audios, 16_000, generator=generator)
        for audio, result, report in zip(audios, out.audios, out.reports, strict=True):
            again = pipeline([audio], 16_000, generator=seeded(report.seed))
            assert np.abs(again.audios[0] - result).max() < 1e-4
            assert again.reports[0].seed == report.seed


def test_no_seed_is_reported_where_it_would_not_give_the_clip_again(tiny_pipeline):
    used = seeded(0)
    torch.rand(1, generator=used)
    assert tiny_pipeline(clip(0)[0], 16_000, generator=used).reports[0].seed is None
    latents = torch.randn(1, 16, 10, 32, generator=seeded(0))
    assert tiny_pipeline(clip(0)[0], 16_000, latents=latents).reports[0].seed is None
    assert tiny_pipeline(0 * clip(0)[0], 16_000, generator=seeded()).reports[0].seed is None


def test_a_generator_goes_on_from_call_to_call(pipeline):
    generator = seeded(0)
    first, second = (pipeline([clip(0)], 16_000, generator=generator) for _ in range(2))
    assert np.abs(first.generated - second.generated).max() > 0.1 * np.abs(first.generated).max()


@pytest.mark.parametrize("generator", [seeded(0), [seeded(1), seeded(2)]], ids=["one", "list"])
def test_no_global_randomness_is_touched(pipeline, generator):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    pipeline([clip(0), clip(1, seconds=1.5)], 16_000, generator=generator)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert random.getstate() == before[2]


def test_without_generators_torchs_own_decides_and_is_not_seeded(pipeline):
    torch.manual_seed(5)
    first, second = (pipeline([clip(0)], 16_000) for _ in range(2))
    assert torch.initial_seed() == 5
    assert first.reports[0].seed != second.reports[0].seed
    torch.manual_seed(5)
    assert np.array_equal(pipeline([clip(0)], 16_000).audios, first.audios)


def test_noise_that_is_passed_takes_the_place_of_drawn_noise(tiny_pipeline):
    audios = np.stack([clip(0)[0], clip(1)[0]])
    latents = torch.randn(2, 16, 10, 32, generator=seeded(3))
    first, second = (tiny_pipeline(audios, 16_000, latents=latents, generator=seeded(seed)) for seed in (0, 1))
    assert np.array_equal(first.audios, second.audios)
    single = tiny_pipeline(audios[1], 16_000, latents=latents[1:])
    assert np.abs(single.audios[0] - first.audios[1]).max() < 1e-4


@pytest.mark.parametrize("shape", [(1, 16, 10, 32), (2, 16, 9, 32), (2, 8, 10, 32), (2, 16, 10), (3, 16, 10, 32)])
def test_noise_of_another_shape_is_refused(tiny_pipeline, shape):
    with pytest.raises(ValueError, match=r"latents .*\(.*16, 10, 32\)|latents have shape .* for 2 clips"):
        tiny_pipeline(np.stack([clip(0)[0], clip(1)[0]]), 16_000, latents=torch.zeros(shape))


def test_the_condition_is_the_posteriors_mode_not_a_draw():
    """On the class that the official checkpoint uses."""
    vae = build_official_vae()
    pipe = build_tiny_pipeline()
    pipe = type(pipe)(**{**pipe.components, "vae": vae}, window_s=1.28)
    assert pipe.vae_scale_factor == 8
    mel = torch.randn(1, 1, 64, 256, generator=seeded())
    first, second = pipe.encode(mel), pipe.encode(mel)
    posterior = vae.encode(mel).latent_dist
    assert torch.equal(first, second)
    assert torch.allclose(first, 0.5 * posterior.mean, atol=1e-6)
    assert posterior.std.min() > 0.1
    pipe.set_progress_bar_config(disable=True)
    first, second = (pipe([clip(0, 2, 2.0)], 16_000, num_inference_steps=1, generator=seeded()) for _ in range(2))
    assert np.array_equal(first.audios, second.audios)


def test_a_generator_that_is_listed_twice_gives_no_seed():
    pipe = build_tiny_pipeline(default_num_inference_steps=1)
    twice = seeded(3)
    reports = pipe([clip(0), clip(1), clip(2)], 16_000, generator=[twice, twice, seeded(4)]).reports
    assert [report.seed for report in reports] == [None, None, 4]


def test_with_latents_the_seed_says_what_eta_draws():
    pipe = build_tiny_pipeline(default_num_inference_steps=3, default_eta=1.0)
    latents = torch.randn(pipe([clip(0)], 16_000, output_type="latent").audios[0].shape)
    first = pipe([clip(0)], 16_000, latents=latents)
    again = pipe([clip(0)], 16_000, latents=latents, generator=seeded(first.reports[0].seed))
    assert np.array_equal(first.audios[0], again.audios[0])
