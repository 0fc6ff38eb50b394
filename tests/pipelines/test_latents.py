"""`output_type="latent"` and `latents=`: what the UNet works on, handed out and taken in."""

import numpy as np
import pytest
import torch

from audiosr_pipeline.pipelines.inputs import load_clips
from tests.conftest import build_tiny_pipeline
from tests.pipelines.official_classes import build_official_pipeline
from tests.pipelines.stubs import assert_same, seeded
from tests.signals import noise


def clip(index: int, seconds: float = 0.5) -> np.ndarray:
    return noise(seconds, 16_000, index, tilt_db=-3)[0]


@pytest.fixture(scope="module", params=[build_tiny_pipeline, build_official_pipeline], ids=["mini", "official"])
def pipeline(request):
    return request.param()


def latents_of(pipeline, audio, **settings):
    return pipeline(audio, 16_000, output_type="latent", **settings)


def test_decoded_they_are_the_audio(pipeline):
    audio = [np.stack([clip(0, 2.0), clip(1, 2.0)])]
    expected = pipeline(audio, 16_000, generator=seeded())
    out = latents_of(pipeline, audio, generator=seeded())
    prepared = pipeline.preprocess(load_clips(audio, 16_000)[0])
    waveform = pipeline.vocode(pipeline.adjust(pipeline.decode(out.audios[0]), prepared), prepared)
    result = pipeline.replace_low_band(waveform, prepared)
    assert_same(result.audio, expected.audios[0])
    assert_same(result.new_band, expected.generated[0])


def test_they_are_what_the_last_callback_saw(pipeline):
    """So they are scaled: what the autoencoder takes is these divided by its `scaling_factor`."""
    seen = []
    out = latents_of(pipeline, clip(0), callback_on_step_end=lambda pipe, i, t, given: seen.append(given["latents"]))
    assert torch.equal(out.audios, seen[-1])


@pytest.mark.parametrize(
    ("audio", "shapes"),
    [
        (clip(0), (1, 16, 10, 32)),
        (np.stack([clip(0), clip(1)]), (2, 16, 10, 32)),
        ([np.stack([clip(0), clip(1)])], (1, 2, 16, 10, 32)),
        # Equal channels are denoised once, and handed out for each channel.
        ([np.stack([clip(0)] * 3)], (1, 3, 16, 10, 32)),
        ([clip(0), clip(1, 1.0)], [(16, 10, 32), (16, 16, 32)]),
        # Of silence nothing is generated: it has no latent frames.
        ([clip(0), 0 * clip(0)], [(16, 10, 32), (16, 0, 32)]),
        (np.zeros((2, 2, 800), np.float32), (2, 2, 16, 0, 32)),
    ],
)
def test_they_come_in_the_form_that_the_audio_came_in(tiny_pipeline, audio, shapes):
    out = latents_of(tiny_pipeline, audio)
    if isinstance(shapes, list):
        assert isinstance(out.audios, list) and [tuple(latents.shape) for latents in out.audios] == shapes
    else:
        assert tuple(out.audios.shape) == shapes
    for latents in out.audios:
        assert latents.dtype == torch.float32 and latents.device.type == "cpu" and latents.isfinite().all()
    assert out.generated == [None] * len(out.audios)


def test_reports_say_what_was_done_and_measure_nothing(tiny_pipeline):
    enhanced, silent = latents_of(tiny_pipeline, [clip(0), 0 * clip(0)], generator=[seeded(3), seeded(4)]).reports
    expected, _ = tiny_pipeline([clip(0), 0 * clip(0)], 16_000, generator=[seeded(3), seeded(4)]).reports
    assert (enhanced.action, silent.action) == ("enhanced", "silent")
    assert enhanced.settings == expected.settings and enhanced.seed == 3
    for report in (enhanced, silent):
        assert report.peak is report.low_band_error_db is report.level_change_db is None


def test_a_tuple_holds_the_same(tiny_pipeline):
    out = latents_of(tiny_pipeline, clip(0), generator=seeded())
    audios, sampling_rate, generated, reports = latents_of(
        tiny_pipeline, clip(0), generator=seeded(), return_dict=False
    )
    assert torch.equal(audios, out.audios) and generated == out.generated
    assert sampling_rate == out.sampling_rate and reports == out.reports


def test_an_interruption_hands_out_how_far_it_came():
    pipe = build_tiny_pipeline(default_num_inference_steps=4)
    seen = []

    def callback(pipe, step, timestep, tensors):
        seen.append(tensors["latents"])
        pipe.interrupt = step == 1

    out = latents_of(pipe, [clip(0), clip(1, 1.0)], callback_on_step_end=callback)
    assert len(seen) == 2 and torch.equal(out.audios[0], seen[1][0])
    assert any("interrupted" in note for note in out.reports[0].notes)
    assert out.audios[1].shape == (16, 0, 32) and "interrupted" in out.reports[1].reason


def test_noise_that_is_passed_is_the_noise_that_would_be_drawn(pipeline):
    """In units of variance 1, whatever the scheduler makes of it."""
    drawn = latents_of(pipeline, clip(0), generator=seeded(5), eta=0.0)
    num_latent_frames = drawn.audios.shape[2]
    # Frame by frame.
    latents = torch.randn(1, num_latent_frames, 16, 32, generator=seeded(5)).transpose(1, 2)
    assert_same(latents_of(pipeline, clip(0), latents=latents, eta=0.0).audios.numpy(), drawn.audios.numpy())


def test_latents_that_came_out_can_go_in_again(pipeline):
    """A second pass starts from the first one's result in place of noise."""
    audio = np.stack([clip(0), clip(1)])
    first = latents_of(pipeline, audio, generator=seeded()).audios
    second = latents_of(pipeline, audio, latents=first, eta=0.0).audios
    assert second.shape == first.shape and not torch.equal(second, first)
    again = pipeline(audio, 16_000, latents=first, eta=0.0)
    assert again.audios.shape == (2, 24_000) and again.reports[0].seed is None


def test_a_batch_gives_what_single_clips_give(pipeline):
    audios = [clip(0), clip(1, 1.0), np.stack([clip(2), clip(3)]), clip(4)]
    generators = [seeded(i) for i in range(4)]
    batch = latents_of(pipeline, audios, generator=generators).audios
    sound = pipeline(audios, 16_000, generator=[seeded(i) for i in range(4)])
    for i, audio in enumerate(audios):
        single = latents_of(pipeline, [audio], generator=seeded(i)).audios[0]
        # Rows of a batch may be rounded differently.
        assert (single - batch[i]).abs().max() < 1e-4
        alone = pipeline([audio], 16_000, generator=seeded(i))
        assert np.abs(alone.audios[0] - sound.audios[i]).max() < 1e-4
        assert np.abs(alone.generated[0] - sound.generated[i]).max() < 1e-4
