"""Trained components put together into a pipeline folder."""

import copy

import pytest
import torch

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.training.assemble import AssemblySettings, assemble
from audiosr_pipeline.training.parts import fingerprint, write_trained_with
from tests.signals import band_limited, noise


def test_a_folder_that_loads_and_runs(tiny_pipeline, tmp_path):
    for name in ("vae", "unet", "vocoder"):
        getattr(tiny_pipeline, name).save_pretrained(tmp_path / name)
    settings = AssemblySettings(
        vae=str(tmp_path / "vae"),
        ldm=str(tmp_path / "unet"),
        vocoder=str(tmp_path / "vocoder"),
        output=str(tmp_path / "mini"),
        num_inference_steps=1,
        window_s=1.28,
    )
    assemble(settings)
    pipe = AudioSRPipeline.from_pretrained(tmp_path / "mini")
    pipe.set_progress_bar_config(disable=True)
    config = pipe.config
    assert (config.default_num_inference_steps, config.window_s) == (1, 1.28)
    assert pipe.unet.dtype == pipe.vocoder.dtype == torch.float32
    for name in ("unet", "vocoder"):
        loaded, trained = getattr(pipe, name).state_dict(), getattr(tiny_pipeline, name).state_dict()
        # Stored in half precision.
        assert all(torch.equal(loaded[key], trained[key].half().float()) for key in trained)
    audio = pipe(band_limited(noise(0.2), 4_000)[0], sampling_rate=48_000).audios
    assert audio.shape == (1, 9_600)


def test_an_autoencoder_that_the_unet_was_not_trained_with_is_refused(tiny_pipeline, tmp_path):
    for name in ("vae", "unet", "vocoder"):
        getattr(tiny_pipeline, name).save_pretrained(tmp_path / name)
    other = copy.deepcopy(tiny_pipeline.vae)
    other.register_to_config(scaling_factor=0.3)
    write_trained_with(tmp_path / "unet", {"vae": fingerprint(other)})
    parts = {"vae": "vae", "ldm": "unet", "vocoder": "vocoder", "output": "mini"}
    settings = AssemblySettings(**{name: str(tmp_path / folder) for name, folder in parts.items()})
    with pytest.raises(ValueError, match="unet was trained with another vae"):
        assemble(settings)
    assert not (tmp_path / "mini").exists()
    other.save_pretrained(tmp_path / "vae")
    assemble(settings)
