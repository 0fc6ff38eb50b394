"""Saving and loading, by every way that diffusers has."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.pipelines import audiosr
from tests.conftest import build_tiny_pipeline
from tests.pipelines.stubs import seeded
from tests.signals import noise

AUDIO = noise(0.5, 16_000)[0]


def run(pipe) -> np.ndarray:
    pipe.set_progress_bar_config(disable=True)
    return pipe(AUDIO, 16_000, generator=seeded()).audios


@pytest.fixture(scope="module")
def expected(tiny_pipeline) -> np.ndarray:
    return run(tiny_pipeline)


@pytest.fixture(scope="module")
def folder(tiny_pipeline, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny"
    tiny_pipeline.save_pretrained(path)
    return path


def test_saved_and_loaded_it_gives_the_same_audio(folder, expected, tiny_pipeline):
    for path in (folder, str(folder)):
        pipe = AudioSRPipeline.from_pretrained(path)
        # Weights that lie elsewhere in memory may be summed in another order.
        assert np.abs(run(pipe) - expected).max() < 1e-6
        for name in ("vae", "unet", "vocoder"):
            saved, loaded = (getattr(either, name).state_dict() for either in (tiny_pipeline, pipe))
            assert saved.keys() == loaded.keys()
            assert all(torch.equal(saved[key], loaded[key]) for key in saved)
    assert pipe.config.default_num_inference_steps == tiny_pipeline.config.default_num_inference_steps
    assert pipe.config.window_s == 1.28
    assert pipe(AUDIO, 16_000).reports[0].model == "tiny"


def test_components_are_found_by_their_permanent_paths(folder):
    index = json.loads((folder / "model_index.json").read_text())
    assert index["_class_name"] == "AudioSRPipeline"
    assert index["vocoder"] == ["audiosr_pipeline.models.vocoder", "ISTFTVocoder"]
    assert index["feature_extractor"] == ["audiosr_pipeline.models.feature_extractor", "MelFeatureExtractor"]
    assert index["scheduler"] == ["diffusers", "DDIMScheduler"]


IN_A_FRESH_PROCESS = """
import sys
import numpy as np, torch
from diffusers import DiffusionPipeline

folder, audio, result = sys.argv[1:]
pipe = DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True)
assert type(pipe).__module__ == "audiosr_pipeline.pipelines.audiosr", type(pipe)
pipe.set_progress_bar_config(disable=True)
np.save(result, pipe(audio=np.load(audio), sampling_rate=16_000, generator=torch.Generator().manual_seed(0)).audios)
"""


def test_plain_diffusers_finds_the_class_in_a_fresh_process(folder, expected, tmp_path):
    """Nothing of this package is imported there by hand."""
    np.save(tmp_path / "audio.npy", AUDIO)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    arguments = [folder, tmp_path / "audio.npy", tmp_path / "result.npy"]
    process = subprocess.run(
        [sys.executable, "-c", IN_A_FRESH_PROCESS, *arguments],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    # The other process may have another number of threads.
    assert np.abs(np.load(tmp_path / "result.npy") - expected).max() < 1e-5


def test_a_pipeline_is_built_from_anothers_components(tiny_pipeline, expected):
    pipe = AudioSRPipeline(**tiny_pipeline.components)
    assert pipe.components.keys() == tiny_pipeline.components.keys()
    # Its settings are the constructor's defaults, but what the networks need comes with them.
    assert (pipe.config.default_num_inference_steps, pipe.config.default_guidance_scale) == (50, 3.5)
    assert pipe.config.default_eta == 1.0 and pipe.config.window_s == 10.24
    pipe.set_progress_bar_config(disable=True)
    audio = pipe(AUDIO, 16_000, 2, 1.0, 0.0, generator=seeded()).audios
    assert np.array_equal(audio, expected)


def test_every_component_is_offloaded(tiny_pipeline):
    networks = {name for name, part in tiny_pipeline.components.items() if isinstance(part, torch.nn.Module)}
    assert set(AudioSRPipeline.model_cpu_offload_seq.split("->")) == networks == {"vae", "unet", "vocoder"}
    assert networks | {"feature_extractor", "scheduler"} == set(tiny_pipeline.components)


@pytest.mark.parametrize("argument", ["dtype", "torch_dtype"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_networks_give_float32_audio(folder, expected, argument, dtype):
    pipe = AudioSRPipeline.from_pretrained(folder, **{argument: dtype})
    for name in ("vae", "unet", "vocoder"):
        assert {parameter.dtype for parameter in getattr(pipe, name).parameters()} == {dtype}
    audio = run(pipe)
    assert audio.dtype == np.float32 and np.isfinite(audio).all()
    # The input's own band is not rounded, and the tiny pipeline's highs are faint.
    assert np.abs(audio - expected).max() < 0.01
    out = pipe(torch.from_numpy(AUDIO).to(dtype), 16_000, output_type="pt", guidance_scale=2.0, eta=1.0)
    assert out.audios.dtype == torch.float32


def test_to_casts_as_well(expected):
    pipe = build_tiny_pipeline().to(torch.bfloat16)
    audio = run(pipe)
    assert audio.dtype == np.float32 and np.abs(audio - expected).max() < 0.01


@pytest.fixture
def bundled(folder, tmp_path, monkeypatch):
    """A package with a model "bundled-model" of seven steps, seen from an empty folder."""
    pipe = AudioSRPipeline.from_pretrained(folder)
    pipe.register_to_config(default_num_inference_steps=7)
    pipe.save_pretrained(tmp_path / "weights" / "bundled-model")
    monkeypatch.setattr(audiosr, "WEIGHTS", tmp_path / "weights")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")


def test_a_bundled_model_is_loaded_by_its_name(bundled):
    pipe = AudioSRPipeline.from_pretrained("bundled-model")
    assert pipe.config.default_num_inference_steps == 7
    pipe.set_progress_bar_config(disable=True)
    assert pipe(AUDIO, 16_000).reports[0].model == "bundled-model"


def test_a_folder_goes_before_a_bundled_model(bundled, folder):
    os.symlink(folder, "bundled-model")
    assert AudioSRPipeline.from_pretrained("bundled-model").config.default_num_inference_steps == 2


def test_other_names_are_asked_of_the_hub(bundled, monkeypatch):
    asked = []
    monkeypatch.setattr(
        DiffusionPipeline, "from_pretrained", classmethod(lambda cls, name, **kwargs: asked.append((name, kwargs)))
    )
    AudioSRPipeline.from_pretrained("someone/some-model", revision="main")
    assert asked == [("someone/some-model", {"revision": "main"})]


def test_call_has_the_public_arguments_in_order():
    names = list(inspect.signature(AudioSRPipeline.__call__).parameters)
    assert names == [
        "self",
        "audio",
        "sampling_rate",
        "num_inference_steps",
        "guidance_scale",
        "eta",
        "cutoff_freq",
        "on_full_band",
        "generator",
        "latents",
        "output_type",
        "return_dict",
        "callback_on_step_end",
        "callback_on_step_end_tensor_inputs",
    ]
