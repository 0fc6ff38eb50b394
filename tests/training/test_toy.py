"""From a folder of audio to an enhanced file, as docs/training.md says."""

import json

import pytest

from audiosr_pipeline.audio_io import read_audio, write_audio
from audiosr_pipeline.cli import main
from audiosr_pipeline.training import ldm
from tests.conftest import build_tiny_unet
from tests.signals import band_limited, music_like, noise, speech_like

FEW = "--num-steps 2 --validation-every 1 --batch-size 2 --crop-s 0.32 --warmup-steps 1 --num-workers 0"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "recordings").mkdir()
    for name, audio in (("a", noise(0.5, tilt_db=-3)), ("b", speech_like(0.5)), ("c", music_like(0.5))):
        write_audio(tmp_path / f"recordings/{name}.wav", audio, 48_000)
    return tmp_path / "recordings"


def test_a_folder_of_audio_becomes_a_model_that_enhances(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(ldm, "build_unet", lambda latent_channels: build_tiny_unet())

    def train(part: str, *flags: str, output: str = "") -> None:
        assert main(["train", part, "--output", str(tmp_path / (output or part)), *flags]) == 0

    few = ("--data", str(folder), *FEW.split())
    train("vae", *few)
    train("ldm", *few, "--vae", str(tmp_path / "vae/best"), output="first")
    train("ldm", *few, "--vae", str(tmp_path / "vae/best"), "--initial", str(tmp_path / "first/best"))
    train("vocoder", *few, "--adversarial-s", "0.16", "--adversarial-weight", "1", "--vae", str(tmp_path / "vae/best"))
    parts = [word for part in ("vae", "ldm", "vocoder") for word in (f"--{part}", str(tmp_path / part / "best"))]
    train("assemble", *parts, "--num-inference-steps", "1", "--window-s", "1.28")
    write_audio(tmp_path / "in.wav", band_limited(noise(0.2), 4_000), 48_000)
    command = ["enhance", str(tmp_path / "in.wav"), "-o", str(tmp_path / "out.wav")]
    assert main([*command, "--model", str(tmp_path / "assemble"), "--device", "cpu"]) == 0
    audio, sampling_rate = read_audio(tmp_path / "out.wav")
    assert audio.shape == (1, 9_600) and sampling_rate == 48_000
    written = json.loads((tmp_path / "vocoder/settings.json").read_text())
    assert (written["crop_s"], written["adversarial_weight"], written["seed"]) == (0.32, 1.0, 0)
