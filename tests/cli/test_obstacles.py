"""What is in the way of outputs is found before the work."""

import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from audiosr_pipeline.cli import obstacles
from tests.cli.commands import bad_usage, files, lines, make_wav, run

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def free(monkeypatch):
    """Sets how many bytes are free."""

    def set_free(num_bytes: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 0, num_bytes))

    return set_free


@pytest.fixture
def unwritable(monkeypatch):
    """Has a folder refuse what is made in it, to root too."""
    real = obstacles.tempfile.mkdtemp

    def refuse(folder: str) -> None:
        def mkdtemp(suffix=None, prefix=None, dir=None):
            if Path(dir).resolve() == Path(folder).resolve():
                raise PermissionError(13, "Permission denied", str(dir))
            return real(suffix, prefix, dir)

        monkeypatch.setattr(obstacles.tempfile, "mkdtemp", mkdtemp)

    return refuse


@pytest.mark.parametrize("out", ["out", "out/a.wav"])
def test_a_folder_that_cannot_be_written_is_bad_usage_before_the_model_is_loaded(pipeline, capsys, unwritable, out):
    Path("out").mkdir()
    make_wav("a.wav")
    unwritable("out")
    message = bad_usage(capsys, "enhance", "a.wav", "-o", out)
    assert message == "audiosr-pipeline: -o: out can't be written: permission denied; name another folder\n"
    assert pipeline.calls == [] and files("out") == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_permissions_are_asked_of_the_system(pipeline, capsys):
    Path("out").mkdir(mode=0o500)
    make_wav("a.wav")
    assert "out can't be written" in bad_usage(capsys, "enhance", "a.wav", "-o", "out")


def test_a_folder_that_cannot_be_made_is_bad_usage(pipeline, capsys, monkeypatch):
    make_wav("a.wav")

    def refuse(path, mode=0o777, *arguments):
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(os, "mkdir", refuse)
    message = bad_usage(capsys, "enhance", "a.wav", "-o", "out/deep")
    assert "-o: out/deep can't be written: read-only file system" in message
    assert pipeline.calls == []


def test_one_folder_that_cannot_be_written_fails_its_files_alone_and_unread(pipeline, capsys, unwritable):
    for name in ("in/a.wav", "in/deep/b.wav"):
        make_wav(name)
    Path("out/deep").mkdir(parents=True)
    unwritable("out/deep")
    assert run("enhance", "in", "-o", "out") == 1
    assert files("out") == ["a.wav"] and len(pipeline.calls) == 1
    assert lines(capsys.readouterr().err) == [
        "audiosr-pipeline: in/deep/b.wav: out/deep can't be written: permission denied"
    ]


def test_a_name_that_is_taken_is_found_before_the_work(pipeline, capsys):
    for name in ("in/a.wav", "in/b.wav", "in/c.wav"):
        make_wav(name)
    Path("out/a.wav").mkdir(parents=True)
    Path("out/b.json").mkdir()
    assert run("enhance", "in", "-o", "out", "--overwrite", "--report") == 1
    assert len(pipeline.calls) == 1
    assert lines(capsys.readouterr().err) == [
        "audiosr-pipeline: in/a.wav: out/a.wav is there, and is no file",
        "audiosr-pipeline: in/b.wav: out/b.json is there, and is no file",
    ]


def test_a_name_that_is_too_long_is_found_before_the_work(pipeline, capsys):
    """One that fits just is written: the parts have short names."""
    longest = "x" * 250 + ".wav"
    make_wav("in/a.wav").rename(f"in/{longest}")
    assert run("enhance", "in", "-o", "out") == 0
    assert files("out") == [longest]
    make_wav("in2/a.wav").rename("in2/" + "x" * 251 + ".wav")
    assert run("enhance", "in2", "-o", "out", "--report") == 1
    assert len(pipeline.calls) == 1
    assert "File name too long" in capsys.readouterr().err


def test_outputs_larger_than_what_is_free_are_bad_usage(pipeline, capsys, free):
    """Each second at 8 kHz becomes 48,000 samples of two bytes."""
    for name in "abc":
        make_wav(f"in/{name}.wav")
    free(3 * 96_000 - 1)
    message = bad_usage(capsys, "enhance", "in", "-o", "out")
    assert (
        "-o: . has 0.3 MB left, and 0.3 MB or more are needed: free some, or name a folder on another disk" in message
    )
    assert pipeline.calls == [] and not Path("out").exists()
    # One is done: the rest fits.
    free(96_000 * 2)
    make_wav("one/a.wav")
    assert run("enhance", "one", "-o", "out") == 0
    assert run("enhance", "in", "-o", "out") == 0
    # Old outputs make room for the new.
    assert run("enhance", "in", "-o", "out", "--overwrite") == 0


def test_a_disk_that_fills_up_ends_each_further_file_before_its_work(pipeline, capsys, free):
    make_wav("in/a.wav", channels=2)
    make_wav("in/b.wav", channels=2)
    # The headers promise a channel for each, as far as is known before the files are read.
    free(2 * 96_000)
    assert run("enhance", "in", "-o", "out") == 0
    shutil.rmtree("out")
    free(2 * 96_000)
    call = type(pipeline).__call__

    def fill(self, audio, **arguments):
        free(100)
        return call(self, audio, **arguments)

    type(pipeline).__call__ = fill
    try:
        assert run("enhance", "in", "-o", "out") == 1
    finally:
        type(pipeline).__call__ = call
    assert files("out") == ["a.wav"] and len(pipeline.calls) == 3
    assert "in/b.wav: out has 0.0 MB left" in capsys.readouterr().err


def test_headers_are_not_read_where_there_is_room_for_all(pipeline, free, monkeypatch):
    """Of some formats the length is known only once all is decoded."""
    make_wav("a.wav")
    free(10**9)
    monkeypatch.setattr(obstacles, "audio_length", None)
    assert run("enhance", "a.wav", "-o", "out") == 0
