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


def test_flags_come_before_the_preset_and_the_preset_before_the_defaults(monkeypatch):
    caught = []
    monkeypatch.setattr("audiosr_pipeline.cli.TRAINERS", {"ldm": (ldm.LDMSettings, caught.append, "train it")})
    main(["train", "ldm", "--data", "a", "b", "--preset", "paper", "--crop-s", "2"])
    (settings,) = caught
    assert settings.data == ("a", "b")
    assert settings.official_width == 128 and settings.crop_s == 2.0
    assert settings.warmup_steps == ldm.LDMSettings(data=("a",)).warmup_steps


@pytest.mark.parametrize("part", ["vae", "ldm", "vocoder", "assemble"])
def test_every_setting_has_a_flag_and_an_explanation(part, capsys):
    with pytest.raises(SystemExit):
        main(["train", part, "--help"])
    text = capsys.readouterr().out
    assert "--preset {mini,paper}" in text and "folder of the trained autoencoder" in text or part != "ldm"
    # No line with a flag and nothing behind it.
    lines = text.partition("options:")[2].splitlines()
    flags = [number for number, line in enumerate(lines) if line.startswith("  --")]
    for number in flags:
        assert lines[number + 1].startswith("      ") or "  " in lines[number].strip(), lines[number]


def test_bad_usage_is_one_line(folder, tmp_path, capsys):
    assert main(["train", "vae", "--data", str(folder), "--mixed-precision", "fp8"]) == 2
    assert capsys.readouterr().err == ('audiosr-pipeline: mixed_precision="fp8"; accepted are no, bf16, fp16.\n')
    assert main(["train", "vae"]) == 2
    assert "--data" in capsys.readouterr().err


def test_nothing_to_train_on_is_one_line(tmp_path, capsys):
    assert main(["train", "vae", "--data", str(tmp_path / "nowhere")]) == 1
    (tmp_path / "empty").mkdir()
    assert main(["train", "vae", "--data", str(tmp_path / "empty")]) == 1
    missing, empty = capsys.readouterr().err.splitlines()
    assert "nowhere" in missing and "0 of 0 files can be trained on" in empty
