"""How outputs are called, and that no two inputs share one."""

import os
from pathlib import Path

import numpy as np
import pytest

from audiosr_pipeline.audio_io import read_audio, write_audio
from audiosr_pipeline.cli.output_names import output_names
from tests.cli.commands import files, lines, make_wav, run


def names(*inputs: str, suffix: str = ".wav") -> list[str]:
    """The outputs of files, made where they are not there yet."""
    for name in inputs:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    sources = [(Path(name), Path(name).relative_to("in")) for name in inputs]
    return [path.as_posix() for path in output_names(sources, suffix, Path("out"))]


@pytest.mark.parametrize(
    ("inputs", "suffix", "expected"),
    [
        (["a.mp3"], ".wav", ["a.wav"]),
        (["a.wav", "b.flac"], ".flac", ["a.flac", "b.flac"]),
        (["a.wav", "a.flac"], ".wav", ["a.wav.wav", "a.flac.wav"]),
        (["a.wav", "a.flac", "a.mp3"], ".ogg", ["a.wav.ogg", "a.flac.ogg", "a.mp3.ogg"]),
        (["a.wav", "a.WAV"], ".wav", ["a.wav.wav", "a.WAV.wav"]),
        (["a.wav", "deep/a.flac"], ".wav", ["a.wav", "deep/a.wav"]),
        # A name that looks like one that was made for another file.
        (["a.flac", "a.wav", "a.flac.wav"], ".wav", ["a.flac.wav", "a.wav.wav", "a.flac.wav.wav"]),
        (["a.flac", "a.flac.wav"], ".wav", ["a.wav", "a.flac.wav.wav"]),
        # What follows the last dot is not the suffix of audio.
        (["take.1", "take.2"], ".wav", ["take.1.wav", "take.2.wav"]),
    ],
)
def test_names_are_those_of_the_inputs_and_differ(folder, inputs, suffix, expected):
    assert names(*(f"in/{name}" for name in inputs), suffix=suffix) == expected


def test_a_file_has_the_same_name_alone_and_in_its_folder(folder):
    together = names("in/a.wav", "in/a.flac")
    assert [names("in/a.wav"), names("in/a.flac")] == [[name] for name in together]


def test_both_are_done_and_the_second_run_finds_them(pipeline, capsys):
    make_wav("in/a.wav", sampling_rate=8_000)
    make_wav("in/a.flac", sampling_rate=16_000)
    make_wav("in/b.wav")
    assert run("enhance", "in", "-o", "out", "--report") == 0
    expected = ["a.flac.json", "a.flac.wav", "a.wav.json", "a.wav.wav", "b.json", "b.wav"]
    assert files("out") == expected
    assert run("enhance", "in", "-o", "out", "--report") == 0
    # One by one, as in a loop of the shell, each is found too: neither is taken for the other.
    for name in ("in/a.wav", "in/a.flac"):
        assert run("enhance", name, "-o", "out", "--report") == 0
    assert len(pipeline.calls) == 3
    assert files("out") == expected


def test_outputs_beside_the_inputs_are_no_inputs(pipeline):
    """In a second run, the first run's a.wav stands beside a.flac."""
    make_wav("a.flac")
    for _ in range(2):
        assert run("enhance", "a.flac", "-o", ".") == 0
    assert files() == ["a.flac", "a.wav"]
    assert len(pipeline.calls) == 1


def test_an_output_of_other_audio_is_not_called_done(pipeline, capsys):
    make_wav("x/a.wav", sampling_rate=8_000)
    longer = np.concatenate([read_audio("x/a.wav")[0]] * 2, axis=1)
    make_wav("y/a.wav")
    write_audio("y/a.wav", longer, 8_000)
    assert run("enhance", "x", "-o", "out") == 0
    assert run("enhance", "y", "-o", "out") == 1
    assert "y/a.wav: out/a.wav is there, but was made from another recording" in lines(capsys.readouterr().err)[-1]
    # What has no checksum is judged by its length.
    make_wav("out/a.wav", sampling_rate=48_000)
    assert run("enhance", "y", "-o", "out") == 1
    line = lines(capsys.readouterr().err)[-1]
    assert "y/a.wav: out/a.wav is there, but holds 48000 samples, where this input gives 96000" in line
    # And isn't replaced.
    assert run("enhance", "y", "-o", "out", "--overwrite") == 1
    Path("out/a.wav").unlink()
    assert run("enhance", "y", "-o", "out") == 0


def test_two_names_for_one_file_are_noticed(pipeline, capsys):
    """As on a disk that takes A.wav and a.wav for one name; here by a link."""
    make_wav("in/A.wav")
    make_wav("in/a.wav")
    assert run("enhance", "in/A.wav", "-o", "out") == 0
    os.link("out/A.wav", "out/a.wav")
    assert run("enhance", "in", "-o", "out") == 1
    assert "in/a.wav: out/a.wav is the same file as out/A.wav, the output of in/A.wav" in capsys.readouterr().err


def test_outputs_that_are_linked_to_save_space_are_done(pipeline):
    make_wav("in/a.wav")
    make_wav("in/b.wav")
    assert run("enhance", "in", "-o", "out") == 0
    Path("out/b.wav").unlink()
    os.link("out/a.wav", "out/b.wav")
    assert run("enhance", "in", "-o", "out") == 0
