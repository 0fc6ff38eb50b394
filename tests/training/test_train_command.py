"""`train`: its flags, and what is said when something is wrong."""

import numpy as np
import pytest

from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.cli import main
from audiosr_pipeline.training import ldm


def test_flags_come_before_the_preset_and_the_preset_before_the_defaults(monkeypatch):
    caught = []
    monkeypatch.setattr(ldm, "train_ldm", caught.append)
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
    assert ("--preset {mini,paper}" in text and "folder of the trained autoencoder" in text) or part != "ldm"
    # No line with a flag and nothing behind it.
    lines = text.partition("options:")[2].splitlines()
    flags = [number for number, line in enumerate(lines) if line.startswith("  --")]
    for number in flags:
        assert lines[number + 1].startswith("      ") or "  " in lines[number].strip(), lines[number]


def test_bad_usage_is_one_line(capsys):
    assert main(["train", "vae", "--data", "in", "--mixed-precision", "fp8"]) == 2
    assert capsys.readouterr().err == ('audiosr-pipeline: mixed_precision="fp8"; accepted are no, bf16, fp16.\n')
    assert main(["train", "vae"]) == 2
    assert "--data" in capsys.readouterr().err


def test_nothing_to_train_on_is_one_line(tmp_path, capsys):
    assert main(["train", "vae", "--data", str(tmp_path / "nowhere")]) == 1
    (tmp_path / "empty").mkdir()
    assert main(["train", "vae", "--data", str(tmp_path / "empty")]) == 1
    missing, empty = capsys.readouterr().err.splitlines()
    assert "nowhere" in missing and "0 of 0 files can be trained on" in empty


@pytest.mark.parametrize("part", ["vae", "vocoder"])
def test_a_silent_folder_is_one_line(part, tmp_path, capsys):
    for name in "ab":
        write_audio(tmp_path / f"{name}.wav", np.zeros((1, 4_800), np.float32), 48_000)
    flags = ["--data", str(tmp_path), "--output", str(tmp_path / "run"), "--crop-s", "0.32"]
    assert main(["train", part, *flags]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "are silent" in line and str(tmp_path) in line
    assert not (tmp_path / "run").exists()
