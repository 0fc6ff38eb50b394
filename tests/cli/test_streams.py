"""stdin, stdout and pipes as input and output."""

import io
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiosr_pipeline.audio_io import read_audio, write_audio
from tests.cli.commands import bad_usage, files, lines, make_wav, run


class Stream(io.TextIOWrapper):
    """Stands in for stdin or stdout."""

    def __init__(self, data: bytes = b"", is_terminal: bool = False):
        super().__init__(io.BytesIO(data))
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.mark.parametrize("given", ["-", "/dev/stdin"])
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_audio_comes_from_stdin(pipeline, monkeypatch, capsys, given, suffix):
    audio, sampling_rate = read_audio(make_wav("noise.wav"))
    source = Path(f"a{suffix}")
    write_audio(source, audio, sampling_rate)
    assert run("enhance", str(source), "-o", "expected.wav") == 0
    monkeypatch.setattr(sys, "stdin", Stream(source.read_bytes()))
    assert run("enhance", given, "-o", "out", "--report") == 0
    assert files("out") == ["stdin.json", "stdin.wav"]
    assert np.array_equal(read_audio("out/stdin.wav")[0], read_audio("expected.wav")[0])
    assert "stdin -> out/stdin.wav: enhanced" in capsys.readouterr().out


def test_a_second_stream_is_not_called_done(pipeline, monkeypatch, capsys):
    """It may be of other audio."""
    data = make_wav("a.wav").read_bytes()
    for code, options in ((0, []), (1, []), (0, ["--overwrite"])):
        monkeypatch.setattr(sys, "stdin", Stream(data))
        assert run("enhance", "-", "-o", "out.wav", *options) == code
    assert "stdin: out.wav is there, and whether it is of what comes from the pipe" in capsys.readouterr().err
    assert len(pipeline.calls) == 2


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (Stream(b""), "stdin: is empty (0 bytes)"),
        (Stream(b"no audio" * 100), "stdin: not readable as audio"),
        (Stream(is_terminal=True), "stdin: stdin is a terminal"),
        (None, "stdin: stdin is closed"),
    ],
)
def test_what_is_wrong_with_stdin_is_said_of_stdin(pipeline, monkeypatch, capsys, stdin, message):
    monkeypatch.setattr(sys, "stdin", stdin)
    assert run("enhance", "-", "-o", "out") == 1
    assert capsys.readouterr().err.startswith(f"audiosr-pipeline: {message}")


def test_a_file_called_dash_is_given_with_its_folder(pipeline):
    make_wav("a.wav").rename("-")
    assert run("enhance", "./-", "-o", "out") == 0
    assert files("out") == ["-.wav"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_audio_comes_from_a_named_pipe(pipeline):
    """As `<(command)` of the shell is one."""
    data = make_wav("a.wav").read_bytes()
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_bytes, args=(data,))
    writer.start()
    assert run("enhance", "pipe", "-o", "out.wav") == 0
    writer.join()
    assert read_audio("out.wav")[0].shape == (1, 48_000)


@pytest.mark.parametrize("given", ["-", "/dev/stdout"])
@pytest.mark.parametrize(("options", "format_name"), [([], "WAV"), (["--format", "flac"], "FLAC")])
def test_audio_goes_to_stdout_and_words_to_stderr(pipeline, monkeypatch, capsys, given, options, format_name):
    make_wav("a.wav")
    assert run("enhance", "a.wav", "-o", "expected.wav") == 0
    capsys.readouterr()
    stdout = Stream()
    monkeypatch.setattr(sys, "stdout", stdout)
    assert run("enhance", "a.wav", "-o", given, *options) == 0
    written = io.BytesIO(stdout.buffer.getvalue())
    assert soundfile.info(written).format == format_name
    written.seek(0)
    assert np.array_equal(soundfile.read(written, dtype="float32")[0], read_audio("expected.wav")[0][0])
    assert lines(capsys.readouterr().err) == [
        "a.wav -> stdout: enhanced: a test",
        "1 enhanced, 0 silent, 0 left alone, 0 already done, 0 failed",
    ]
    assert files() == ["a.wav", "expected.wav"]


def test_what_stdout_cannot_be_is_bad_usage(pipeline, monkeypatch, capsys):
    make_wav("a.wav")
    make_wav("b.wav")
    assert "-o stdout is one file, but there are 2 inputs" in bad_usage(capsys, "enhance", "a.wav", "b.wav", "-o", "-")
    for option in ("--report", "--spectrogram"):
        assert "-o - is a stream" in bad_usage(capsys, "enhance", "a.wav", "-o", "-", option)
    monkeypatch.setattr(sys, "stdout", Stream(is_terminal=True))
    assert run("enhance", "a.wav", "-o", "-") == 2
    assert "-o - would write audio to the terminal" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_audio_that_stdout_does_not_take_is_a_failure(pipeline, monkeypatch, capsys):
    make_wav("a.wav")
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run("enhance", "a.wav", "-o", "-") == 1
        assert "a.wav: stdout can't be written: no space left on device" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_folder_for_what_is_temporary_is_named_and_not_stdin_or_stdout(pipeline, monkeypatch, capsys, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    audio = make_wav("a.wav").read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfileobj", full)
        patch.setattr(sys, "stdin", Stream(audio))
        assert run("enhance", "-", "-o", "out") == 1
    message = f"stdin: can't be copied to {temporary}: no space left on device. The variable TMPDIR names another"
    assert message in capsys.readouterr().err
    monkeypatch.setattr("audiosr_pipeline.cli.enhance_file.write_part", full)
    monkeypatch.setattr(sys, "stdout", Stream())
    assert run("enhance", "a.wav", "-o", "-") == 1
    message = f"a.wav: {temporary}, the folder for what is temporary (TMPDIR): can't be written: no space left"
    assert message in capsys.readouterr().err
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("written", ["write_part", "draw"])
def test_an_output_that_the_disk_has_no_space_for_is_named(pipeline, monkeypatch, capsys, written):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    make_wav("a.wav")
    monkeypatch.setattr(f"audiosr_pipeline.cli.enhance_file.{written}", full)
    assert run("enhance", "a.wav", "-o", "out", "--spectrogram") == 1
    output = Path("out") / "a.wav"
    message = f"audiosr-pipeline: a.wav: {output}: can't be written: no space left on device\n"
    assert capsys.readouterr().err == message
    assert list(Path("out").iterdir()) == []


def test_inspect_reads_stdin_too(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", Stream(make_wav("a.wav").read_bytes()))
    assert run("inspect", "-") == 0
    assert "stdin: " in capsys.readouterr().out
