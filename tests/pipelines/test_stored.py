"""Pipelines saved by version 0.1 keep loading: their folders are a file format.

`fixtures/stored_pipeline_*` were written by `save_pretrained`, one of audiosr-mini's classes and one of the official
checkpoint's, in half precision, as small as the classes allow. They are never written again: a change that would need
it breaks every saved model.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AudioLDM2UNet2DConditionModel, AutoencoderDC, AutoencoderKL, DDIMScheduler, DiffusionPipeline
from safetensors.torch import load_file
from transformers import SpeechT5HifiGan

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.vocoder import ISTFTVocoder
from tests.pipelines.stubs import seeded
from tests.signals import noise

FIXTURES = Path(__file__).parents[1] / "fixtures"
SETTINGS = {
    "mini": {
        "default_num_inference_steps": 7,
        "default_guidance_scale": 1.5,
        "default_eta": 0.25,
        "window_s": 0.64,
        "unconditional_latent": -11.4981,
    },
    "official": {
        "default_num_inference_steps": 8,
        "default_guidance_scale": 3.5,
        "default_eta": 1.0,
        "window_s": 0.64,
        "unconditional_latent": -11.4981,
    },
}
CLASSES = {
    "mini": {"vae": AutoencoderDC, "vocoder": ISTFTVocoder},
    "official": {"vae": AutoencoderKL, "vocoder": SpeechT5HifiGan},
}
COMMON_CLASSES = {
    "unet": AudioLDM2UNet2DConditionModel,
    "feature_extractor": MelFeatureExtractor,
    "scheduler": DDIMScheduler,
}


@pytest.fixture(params=CLASSES)
def kind(request) -> str:
    return request.param


@pytest.fixture
def folder(kind) -> Path:
    return FIXTURES / f"stored_pipeline_{kind}"


def test_a_stored_pipeline_loads_with_its_classes_settings_and_weights(kind, folder):
    pipe = AudioSRPipeline.from_pretrained(folder)
    # Younger than the folder.
    assert pipe.envelope_predictor is None
    parts = {name: type(part) for name, part in pipe.components.items() if part is not None}
    assert parts == COMMON_CLASSES | CLASSES[kind]
    assert pipe.parameters == SETTINGS[kind]
    assert pipe.feature_extractor.n_mels == 32 and pipe.feature_extractor.hop_length == 120
    assert pipe.vae.config.scaling_factor == 0.5
    assert pipe.scheduler.config.prediction_type == "v_prediction"
    for name in ("vae", "unet", "vocoder"):
        (path,) = (folder / name).glob("*.safetensors")
        stored, loaded = load_file(path), getattr(pipe, name).state_dict()
        assert stored.keys() == loaded.keys()
        assert all(torch.equal(stored[key].float(), loaded[key]) for key in stored)


def test_plain_diffusers_loads_a_stored_pipeline(folder):
    pipe = DiffusionPipeline.from_pretrained(str(folder), custom_pipeline=str(folder), trust_remote_code=True)
    assert type(pipe) is AudioSRPipeline


def test_a_folder_of_an_unreleased_version_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "model")
    index = tmp_path / "model/model_index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "level_patch": 5, "detail_gain": 1.2}))
    with pytest.raises(ValueError, match="detail_gain, level_patch are settings of a version before 0.1.0"):
        AudioSRPipeline.from_pretrained(tmp_path / "model")


def test_a_stored_pipeline_runs_and_is_saved_as_it_was(kind, folder, tmp_path):
    pipe = AudioSRPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    out = pipe(noise(0.2, 16_000)[0], 16_000, generator=seeded())
    assert out.audios.shape == (1, 9_600) and np.isfinite(out.audios).all()
    assert out.reports[0].settings["num_inference_steps"] == SETTINGS[kind]["default_num_inference_steps"]
    assert out.reports[0].model == folder.name
    pipe.save_pretrained(tmp_path)
    files = {path.relative_to(folder) for path in folder.rglob("*.*")}
    assert files == {path.relative_to(tmp_path) for path in tmp_path.rglob("*.*")}
