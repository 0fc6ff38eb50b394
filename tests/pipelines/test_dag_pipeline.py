"""`DAGPipeline`: labels, lengths, guidance, style transfer, seeds, saving, what it refuses."""

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, EulerDiscreteScheduler

from audiosr_pipeline import AudioSRPipeline, DAGPipeline
from audiosr_pipeline.models.dag import DAGModel
from audiosr_pipeline.models.langevin_scheduler import LangevinScheduler
from tests.conftest import build_tiny_pipeline

LABELS = {"0": "rain", "1": "sea"}


def build() -> DAGPipeline:
    """A pipeline of a tiny network that isn't zero at its output."""
    torch.manual_seed(0)
    model = DAGModel(16_000, 2, LABELS, widths=(4, 8), strides=(2, 5), num_gru_layers=1, noise_width=8)
    torch.nn.init.normal_(model.conv_out.weight, std=0.3)
    torch.nn.init.normal_(model.embed_label.weight)
    for block in [*model.down_blocks, *model.up_blocks]:
        for film in block.films:
            torch.nn.init.normal_(film.project.weight)
    pipe = DAGPipeline(model.eval(), LangevinScheduler())
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def pipe() -> DAGPipeline:
    """Not to be changed by a test."""
    return build()


def generate(pipe, labels="rain", seeds=(0,), **settings):
    """Clips of 0.01 s in three steps."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    usual = {"num_inference_steps": 3, "audio_length_in_s": 0.01, "generator": generators}
    return pipe(labels, **{**usual, **settings})


def test_a_label_becomes_a_clip_of_the_length_asked_for(pipe):
    output = generate(pipe)
    assert output.audios.shape == (1, 160)
    assert output.audios.dtype == np.float32
    assert output.sampling_rate == pipe.sampling_rate == 16_000
    assert 0 < np.abs(output.audios).max() <= 1


def test_numbers_and_names_are_the_same_label(pipe):
    assert np.array_equal(generate(pipe, "sea").audios, generate(pipe, 1).audios)
    assert np.array_equal(generate(pipe, ["sea"]).audios, generate(pipe, [np.int64(1)]).audios)


def test_label_seed_and_guidance_change_the_clip(pipe):
    clips = [
        generate(pipe).audios,
        generate(pipe, "sea").audios,
        generate(pipe, seeds=[1]).audios,
        generate(pipe, guidance_scale=1.0).audios,
    ]
    assert len({clip.tobytes() for clip in clips}) == 4


def test_a_clip_alone_is_the_clip_in_a_batch(pipe):
    batch = generate(pipe, ["rain", "sea"], seeds=[1, 2]).audios
    # Rounding of float32: matrices of another size are summed in another order.
    np.testing.assert_allclose(batch[1], generate(pipe, "sea", seeds=[2]).audios[0], atol=1e-5)


def test_without_guidance_the_network_runs_once_a_step(pipe, monkeypatch):
    sizes = []
    forward = DAGModel.forward
    monkeypatch.setattr(
        DAGModel, "forward", lambda self, sample, *rest: sizes.append(len(sample)) or forward(self, sample, *rest)
    )
    generate(pipe, guidance_scale=1.0)
    generate(pipe, guidance_scale=2.0)
    assert sizes == [1, 1, 1, 2, 2, 2]


def test_a_recording_becomes_the_label_at_its_own_length(pipe):
    recording = 0.1 * np.sin(np.arange(441, dtype=np.float32))
    output = generate(pipe, audio=recording, sampling_rate=44_100)
    assert output.audios.shape == (1, 160)
    assert not np.array_equal(output.audios, generate(pipe).audios)
    # Its level is normalised.
    louder = generate(pipe, audio=5 * recording, sampling_rate=44_100).audios
    np.testing.assert_allclose(louder, output.audios, atol=1e-4)


def test_callbacks_see_each_step_and_may_end_it(pipe):
    seen = []

    def stop(pipe, step, timestep, tensors):
        seen.append((step, float(timestep), tensors["latents"].shape))
        pipe.interrupt = step == 1

    output = generate(pipe, num_inference_steps=5, callback_on_step_end=stop)
    assert seen == [(0, 1.0, (1, 160)), (1, 0.75, (1, 160))]
    assert np.isfinite(output.audios).all()


def test_tensors_and_tuples(pipe):
    output = generate(pipe, output_type="pt")
    assert torch.equal(output.audios, torch.from_numpy(generate(pipe).audios))
    assert generate(pipe, return_dict=False)[1] == 16_000


def test_it_is_saved_and_loaded_with_and_without_its_class(pipe, tmp_path):
    pipe.save_pretrained(tmp_path)
    expected = generate(pipe).audios
    loaded = DAGPipeline.from_pretrained(tmp_path)
    plain = DiffusionPipeline.from_pretrained(tmp_path, custom_pipeline=str(tmp_path), trust_remote_code=True)
    for each in (loaded, plain):
        each.set_progress_bar_config(disable=True)
        assert np.array_equal(generate(each).audios, expected)
    assert loaded.labels == ["rain", "sea"]


def test_each_pipeline_refuses_the_other_s_folder(pipe, tmp_path):
    pipe.save_pretrained(tmp_path / "dag")
    build_tiny_pipeline().save_pretrained(tmp_path / "audiosr")
    with pytest.raises(ValueError, match="holds a DAGPipeline: load it by DAGPipeline.from_pretrained"):
        AudioSRPipeline.from_pretrained(tmp_path / "dag")
    with pytest.raises(ValueError, match="holds a AudioSRPipeline: load it by AudioSRPipeline.from_pretrained"):
        DAGPipeline.from_pretrained(tmp_path / "audiosr")


def test_plain_diffusers_loads_one_after_the_other(pipe, tmp_path):
    """diffusers 0.42.1 runs the files of all folders in one module, and refuses it if it holds two pipelines."""
    pipe.save_pretrained(tmp_path / "DAGPipeline")
    build_tiny_pipeline().save_pretrained(tmp_path / "AudioSRPipeline")
    for name in ("AudioSRPipeline", "DAGPipeline", "AudioSRPipeline"):
        folder = str(tmp_path / name)
        loaded = DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True)
        assert type(loaded).__name__ == name


def test_half_precision_gives_nearly_the_same(pipe):
    half = build().to(torch.bfloat16)
    # bfloat16 has three digits.
    assert np.corrcoef(generate(half).audios[0], generate(pipe).audios[0])[0, 1] > 0.95


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"labels": "dog"}, "label 'dog' is none of this model's; accepted are rain, sea"),
        ({"labels": 2}, "label 2 .* numbers from 0 to 1"),
        ({"labels": True}, "label True"),
        ({"labels": []}, "labels is an empty list"),
        ({"audio_length_in_s": 0}, "audio_length_in_s=0"),
        ({"audio_length_in_s": 1e30}, "seconds above 0, up to 3600"),
        ({"audio_length_in_s": float("nan")}, "audio_length_in_s=nan"),
        ({"num_inference_steps": 1}, "num_inference_steps=1; accepted are whole numbers from 2 on"),
        ({"guidance_scale": -1}, "guidance_scale=-1"),
        ({"output_type": "latent"}, "output_type='latent'; accepted are np, pt"),
        ({"audio": np.zeros(160, np.float32), "sampling_rate": 16_000}, "clip 0 of audio is silent"),
        (
            {"audio": [np.array([[1.0] * 160, [-1.0] * 160])], "sampling_rate": 16_000},
            "channels don't cancel each other",
        ),
        ({"sampling_rate": 44_100}, "sampling_rate=44100 without audio: .* generates at 16000 Hz"),
        ({"audio": np.ones((3, 160), np.float32), "sampling_rate": 16_000}, "3 clips for 1 labels"),
        ({"callback_on_step_end": 3}, "callback_on_step_end is a int"),
    ],
)
def test_what_cannot_be_is_refused(pipe, changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        generate(pipe, **changes)


def test_recordings_of_several_lengths_are_refused(pipe):
    clips = [np.ones(160, np.float32), np.ones(200, np.float32)]
    with pytest.raises(ValueError, match=r"\[160, 200\] samples long .* needed is one length"):
        generate(pipe, ["rain", "sea"], seeds=[0, 1], audio=clips, sampling_rate=16_000)


def test_what_is_not_finite_is_never_returned():
    pipe = build()
    pipe.model.conv_out.bias.data.fill_(float("nan"))
    with pytest.raises(ValueError, match="NaN or infinite"):
        generate(pipe)


def test_a_scheduler_of_another_kind_is_refused():
    pipe = build()
    pipe.scheduler = EulerDiscreteScheduler()
    with pytest.raises(ValueError, match="the scheduler is a EulerDiscreteScheduler; accepted is LangevinScheduler"):
        generate(pipe)
