"""`generate`: a label becomes a file at the model's rate, or a message in one line."""

import numpy as np
import pytest

from audiosr_pipeline import cli
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
