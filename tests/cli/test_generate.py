"""`generate`: a label becomes a file at the model's rate, or a message in one line."""

import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from audiosr_pipeline import DAGPipeline, cli
from audiosr_pipeline.audio_io import read_audio
from tests.pipelines.test_dag_pipeline import build

QUICK = ["--steps", "2", "--seconds", "0.1", "--device", "cpu"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a tiny model of the labels rain and sea."""
    folder = tmp_path_factory.mktemp("dag")
    build().save_pretrained(folder)
    return str(folder)


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def generate(model, *arguments):
    return cli.main(["generate", *arguments, "--model", model, *QUICK])


def test_a_label_becomes_a_file_named_for_it(model, tmp_path, capsys):
    assert generate(model, "rain") == 0
    assert capsys.readouterr().out == "rain.wav: 0.1 s of rain at 16000 Hz\n"
    audio, sampling_rate = read_audio(tmp_path / "rain.wav")
    assert (audio.shape, sampling_rate) == ((1, 1_600), 16_000)
    assert [path.name for path in tmp_path.iterdir()] == ["rain.wav"]


def test_the_seed_decides(model, tmp_path):
    for name, seed in (("a.wav", "1"), ("b.flac", "1"), ("c.wav", "2")):
        assert generate(model, "sea", "-o", name, "--seed", seed, "--quiet") == 0
    a, b, c = (read_audio(tmp_path / name)[0] for name in ("a.wav", "b.flac", "c.wav"))
    assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_what_is_there_is_kept_unless_it_is_to_be_replaced(model, tmp_path, capsys):
    (tmp_path / "rain.wav").write_bytes(b"mine")
    assert generate(model, "rain") == 2
    assert "rain.wav is there: --overwrite replaces it" in capsys.readouterr().err
    assert (tmp_path / "rain.wav").read_bytes() == b"mine"
    assert generate(model, "rain", "--overwrite") == 0
    assert read_audio(tmp_path / "rain.wav")[1] == 16_000


def test_stdout_takes_a_wav_file(model, capfdbinary, tmp_path):
    assert generate(model, "rain", "-o", "-") == 0
    data = capfdbinary.readouterr().out
    assert data.startswith(b"RIFF")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["dog"], "label 'dog' is none of this model's; accepted are rain, sea"),
        (["rain", "-o", "a.xyz"], "-o a.xyz: "),
        (["rain", "-o", "gone/a.wav"], "its folder is missing"),
        (["rain", "--seconds", "0"], "0 is not a number from 0.01 to 3600"),
        (["rain", "--steps", "1"], "1 is not a whole number from 2 on"),
    ],
)
def test_bad_usage_is_one_line(model, arguments, complaint, capsys, tmp_path):
    assert cli.main(["generate", "--model", model, *arguments]) == 2
    assert complaint in (error := capsys.readouterr().err) and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_mistyped_model_lists_those_that_generate(capsys):
    assert cli.main(["generate", "rain", "--model", "dag-mimi"]) == 2
    error = capsys.readouterr().err
    assert "dag-mini" in error and "audiosr-mini" not in error


@pytest.fixture
def never_called(monkeypatch):
    monkeypatch.setattr(DAGPipeline, "__call__", lambda *_, **__: pytest.fail("the work was begun"))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["r" * 300], "rrr.wav: file name too long"),
        (["rain", "-o", "/proc/a.wav"], "-o /proc/a.wav: /proc can't be written"),
        (["rain", "-o", "pipe.wav", "--overwrite"], "-o pipe.wav: is no file"),
        (["rain", "-o", "folder.wav", "--overwrite"], "-o folder.wav: is a folder"),
    ],
)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="of names on Linux, whose /proc none can write")
def test_an_output_that_cannot_be_is_found_before_the_work(never_called, model, tmp_path, arguments, complaint, capsys):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder.wav").mkdir()
    assert generate(model, *arguments) == 2
    assert complaint in (error := capsys.readouterr().err) and error.count("\n") == 1
    assert (tmp_path / "pipe.wav").is_fifo()


def test_a_full_disk_is_found_before_the_work(never_called, model, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3_000))
    assert generate(model, "rain") == 2
    # 0.1 s at 16 kHz are 3,200 bytes.
    assert "-o rain.wav: " in (error := capsys.readouterr().err) and "free some" in error


def test_a_file_that_another_run_has_made_meanwhile_is_kept(model, tmp_path, monkeypatch, capsys):
    call = DAGPipeline.__call__

    def slow(self, *arguments, **settings):
        (tmp_path / "rain.wav").write_bytes(b"another's")
        return call(self, *arguments, **settings)

    monkeypatch.setattr(DAGPipeline, "__call__", slow)
    assert generate(model, "rain") == 1
    assert "rain.wav was made by another run meanwhile, and is kept" in capsys.readouterr().err
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("rain.wav", b"another's")]


def test_what_a_killed_run_has_left_is_removed(model, tmp_path):
    (tmp_path / ".audiosr-pipeline-abc.part").mkdir()
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    (tmp_path / f".rain.wav.{process.pid}.part").write_bytes(b"half")
    assert generate(model, "rain") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["rain.wav"]


def test_a_name_may_be_as_long_as_the_disk_takes(model, tmp_path):
    assert generate(model, "rain", "-o", f"{'r' * 251}.wav") == 0
    assert read_audio(tmp_path / f"{'r' * 251}.wav")[1] == 16_000


def test_too_little_memory_is_said(model, tmp_path, monkeypatch, capsys):
    def fail(*_, **__):
        raise RuntimeError("can't allocate memory")

    monkeypatch.setattr(DAGPipeline, "__call__", fail)
    assert generate(model, "rain") == 1
    error = capsys.readouterr().err
    assert "can't allocate memory; if memory doesn't suffice, fewer --seconds need less" in error
    assert error.count("\n") == 1 and list(tmp_path.iterdir()) == []
