"""What a caller can watch and change: guidance, callbacks, interruption, progress."""

import numpy as np
import pytest
import torch
from diffusers.callbacks import MultiPipelineCallbacks, PipelineCallback

from tests.conftest import build_tiny_pipeline
from tests.pipelines.stubs import KnownVelocity, WhiteNoise, seeded
from tests.signals import noise

AUDIO = noise(0.5, 16_000)[0]
LONG = noise(3.0, 16_000)[0]
STEREO = np.concatenate([noise(3.0, 16_000, seed) for seed in (0, 1)])


def watched_pipeline(velocity=lambda latents, condition, timestep: 0.1 * latents + 0.2 * condition):
    pipe = build_tiny_pipeline(default_num_inference_steps=3)
    pipe.unet = KnownVelocity(pipe.unet.config, velocity)
    # Random networks may make something so loud that it is refused.
    pipe.vocoder = WhiteNoise()
    return pipe


def test_without_guidance_the_unet_does_half_the_work():
    rows = {}
    for guidance_scale in (1.0, 3.5, 0.0):
        pipe = watched_pipeline()
        pipe(AUDIO, 16_000, guidance_scale=guidance_scale)
        rows[guidance_scale] = [len(latents) for latents, _, _ in pipe.unet.calls]
    assert rows == {1.0: [1, 1, 1], 3.5: [2, 2, 2], 0.0: [2, 2, 2]}


@pytest.mark.parametrize("guidance_scale", [1.0, 3.5])
def test_however_many_clips_channels_and_windows_a_call_of_the_unet_has_at_most_four_rows(guidance_scale):
    pipe = watched_pipeline()
    clips = np.stack(
        [np.concatenate([noise(3.0, 16_000, 3 * clip + channel) for channel in range(3)]) for clip in range(2)]
    )
    pipe(clips, 16_000, 1, guidance_scale)
    assert max(len(latents) for latents, _, _ in pipe.unet.calls) == 4


@pytest.mark.parametrize("guidance_scale", [0.0, 0.5, 1.0, 3.5])
def test_guidance_goes_from_the_unconditional_prediction_through_the_conditional_one(guidance_scale):
    """For a UNet that returns its condition, the scheduler gets `u + guidance_scale * (c - u)`."""
    pipe = watched_pipeline(lambda latents, condition, timestep: condition)
    velocities = []
    step = pipe.scheduler.step
    pipe._scheduler_takes = lambda name: False

    def watched_step(velocity, *args, **kwargs):
        velocities.append(velocity)
        return step(velocity, *args, **kwargs)

    pipe.scheduler.step = watched_step
    conditions = [torch.randn(2, 16, 40, 32, generator=seeded())]
    pipe.scheduler.set_timesteps(1)
    pipe.denoise([pipe.prepare_latents(40, seeded())], conditions, guidance_scale, 0.0, [seeded()])
    unconditional = -11.4981 * pipe.vae.config.scaling_factor
    expected = unconditional + guidance_scale * (conditions[0] - unconditional)
    assert torch.allclose(velocities[0], expected, rtol=1e-4, atol=1e-4)


def test_what_a_call_leaves_open_comes_from_the_checkpoint():
    pipe = build_tiny_pipeline(default_num_inference_steps=4, default_guidance_scale=2.5, default_eta=0.25)
    settings = pipe(AUDIO, 16_000).reports[0].settings
    assert settings == {"num_inference_steps": 4, "guidance_scale": 2.5, "eta": 0.25, "scheduler": "DDIMScheduler"}
    settings = pipe(AUDIO, 16_000, num_inference_steps=1, guidance_scale=0, eta=0).reports[0].settings
    assert settings == {"num_inference_steps": 1, "guidance_scale": 0.0, "eta": 0.0, "scheduler": "DDIMScheduler"}


def test_the_callback_is_called_after_each_step_with_the_latents(tiny_pipeline):
    calls = []

    def callback(pipe, step, timestep, tensors):
        assert pipe is tiny_pipeline and pipe.scheduler.timesteps[step] == timestep
        assert len(pipe.scheduler.timesteps) == 3
        calls.append((step, int(timestep), tensors["latents"].clone()))
        return tensors

    out = tiny_pipeline([STEREO], 16_000, 3, callback_on_step_end=callback, generator=seeded())
    assert [call[0] for call in calls] == [0, 1, 2]
    # The latents of all channels over the whole clip, not of a window.
    assert {call[2].shape for call in calls} == {(2, 16, 40, 32)}
    assert not torch.equal(calls[0][2], calls[1][2])
    # Watching changes nothing.
    assert np.array_equal(out.audios, tiny_pipeline([STEREO], 16_000, 3, generator=seeded()).audios)


def test_the_callback_may_change_the_latents():
    pipe = watched_pipeline()
    pipe(AUDIO, 16_000, callback_on_step_end=lambda *_: {"latents": torch.full((1, 16, 10, 32), 7.0)})
    first, second, third = (call[0] for call in pipe.unet.calls)
    assert (second == 7).all() and (third == 7).all() and not (first == 7).any()


def test_a_callback_gets_the_tensors_that_it_asked_for(tiny_pipeline):
    given = []
    for names in (None, ["latents"], []):
        tiny_pipeline(
            AUDIO,
            16_000,
            1,
            callback_on_step_end=lambda pipe, step, timestep, tensors: given.append(set(tensors)),
            callback_on_step_end_tensor_inputs=names,
        )
    assert given == [{"latents"}, {"latents"}, set()]


def test_an_unknown_tensor_is_refused(tiny_pipeline):
    with pytest.raises(ValueError, match=r"has \['prompt_embeds'\]; accepted are \['latents'\]"):
        tiny_pipeline(AUDIO, 16_000, callback_on_step_end_tensor_inputs=["latents", "prompt_embeds"])


class Recorder(PipelineCallback):
    tensor_inputs = ["latents"]

    def callback_fn(self, pipeline, step_index, timestep, callback_kwargs):
        self.given = [*getattr(self, "given", []), set(callback_kwargs)]
        return callback_kwargs


def test_callback_objects_of_diffusers_name_their_tensors(tiny_pipeline):
    first, second, greedy = Recorder(), Recorder(), Recorder()
    for callback in (first, MultiPipelineCallbacks([first, second])):
        tiny_pipeline(AUDIO, 16_000, callback_on_step_end=callback, callback_on_step_end_tensor_inputs=[])
    assert first.given == 2 * second.given == 4 * [{"latents"}]
    greedy.tensor_inputs = ["prompt_embeds"]
    with pytest.raises(ValueError, match=r"has \['prompt_embeds'\]; accepted are \['latents'\]"):
        tiny_pipeline(AUDIO, 16_000, callback_on_step_end=greedy)


def test_a_callback_may_change_the_guidance_of_the_steps_to_come():
    pipe = watched_pipeline()

    def callback(pipe, step, timestep, tensors):
        assert pipe.guidance_scale == 2.0 - step and pipe.num_timesteps == 3
        pipe._guidance_scale -= 1.0

    for _ in range(2):
        pipe.unet.calls.clear()
        out = pipe(AUDIO, 16_000, guidance_scale=2.0, callback_on_step_end=callback)
        # With guidance there is a row for the condition and one for none; a guidance of 1 needs the former alone.
        assert [len(latents) for latents, _, _ in pipe.unet.calls] == [2, 1, 2]
        assert pipe.guidance_scale == -1.0
        assert out.reports[0].settings["guidance_scale"] == 2.0


@pytest.mark.parametrize("name", ["interrupt", "_interrupt"])
def test_an_interruption_ends_denoising_after_the_step(name):
    pipe = watched_pipeline()

    def callback(pipe, step, timestep, tensors):
        if step == 1:
            setattr(pipe, name, True)

    out = pipe(AUDIO, 16_000, num_inference_steps=10, callback_on_step_end=callback)
    assert len(pipe.unet.calls) == 2
    (report,) = out.reports
    assert any("interrupted" in note for note in report.notes)
    assert out.audios.shape == (1, 24_000) and np.isfinite(out.audios).all()
    assert report.low_band_error_db < -50
    # The next call is whole again.
    again = pipe(AUDIO, 16_000, num_inference_steps=10)
    assert len(pipe.unet.calls) == 12
    assert not any("interrupted" in note for note in again.reports[0].notes)


def test_an_interruption_spares_clips_that_are_done_and_leaves_later_ones_alone():
    pipe = watched_pipeline()
    steps = []

    def callback(pipe, step, timestep, tensors):
        steps.append(step)
        pipe.interrupt = len(steps) == 5

    # Three lengths, so three groups: the second is interrupted.
    clips = [AUDIO, noise(1.5, 16_000)[0], LONG]
    out = pipe(clips, 16_000, callback_on_step_end=callback, generator=seeded())
    assert steps == [0, 1, 2, 0, 1]
    done, cut, not_begun = out.reports
    assert (done.action, cut.action, not_begun.action) == ("enhanced", "enhanced", "left_alone")
    assert ["interrupted" in " ".join((*report.notes, report.reason)) for report in out.reports] == [False, True, True]
    assert not_begun.seed is None and not_begun.settings == {}
    assert out.audios[2].shape == (144_000,) and not out.generated[2].any()
    assert np.array_equal(out.audios[0], pipe(clips, 16_000, generator=seeded()).audios[0])


def test_progress_counts_steps_times_windows_then_windows():
    pipe = build_tiny_pipeline(default_num_inference_steps=3)
    totals = []

    class Bar:
        def __init__(self, total):
            self.total, self.done = total, 0
            totals.append(self)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def update(self, count=1):
            self.done += count

    def progress_bar(iterable=None, total=None):
        if iterable is None:
            return Bar(total)
        bar = Bar(len(iterable))
        return (bar.update() or item for item in iterable)

    pipe.progress_bar = progress_bar
    # 38 latent frames are 22 more than a window of 16, which overlap by 8: 4 windows.
    pipe([STEREO], 16_000)
    assert [(bar.total, bar.done) for bar in totals] == [(3 * 4, 3 * 4), (4, 4)]


def test_the_progress_bars_follow_their_settings(capsys):
    pipe = build_tiny_pipeline()
    pipe(AUDIO, 16_000)
    assert capsys.readouterr().err == ""
    pipe.set_progress_bar_config(disable=False, desc="enhancing")
    pipe(AUDIO, 16_000)
    shown = capsys.readouterr().err
    assert "enhancing: 100%" in shown and "2/2" in shown
