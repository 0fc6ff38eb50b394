"""`evaluate`: what it prints, writes and skips."""

import shutil
from pathlib import Path

from tests.cli.commands import bad_usage, lines, make_wav, run


def test_evaluate_prints_and_writes_scores(capsys):
    make_wav("true/a.wav", sampling_rate=48_000)
    shutil.copytree("true", "made")
    command = [
        "evaluate",
        "--reference",
        "true",
        "--estimate",
        "made",
        "--cutoff-freq",
        "8000",
        "--output",
        "scores.csv",
    ]
    assert run(*command) == 0
    assert "1 clips scored" in capsys.readouterr().out
    assert Path("scores.csv").read_text().startswith("name,")
    assert "scores.csv is there already" in bad_usage(capsys, *command)
    assert run(*command, "--overwrite") == 0


def test_evaluate_names_what_it_skips(capsys):
    make_wav("true/a.wav", sampling_rate=48_000)
    make_wav("true/b.wav", sampling_rate=48_000)
    shutil.copytree("true", "made")
    Path("made/b.wav").write_bytes(b"")
    assert run("evaluate", "--reference", "true", "--estimate", "made") == 1
    out, err = capsys.readouterr()
    assert "1 clips scored" in out
    assert lines(err) == ["audiosr-pipeline: b: made/b.wav: is empty (0 bytes)"]
    assert run("evaluate", "--reference", "nix", "--estimate", "made") == 1
    assert "nix" in capsys.readouterr().err
