"""`study`: from generated audio to a page, and from answers to a report."""

import csv
import json
from pathlib import Path

import pytest

from audiosr_pipeline.study.answers import FIELDS
from tests.cli.commands import bad_usage, files, lines, run
from tests.study.sources import save_audiosr, save_clips

NUM_LISTENERS = 2


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_audiosr(tmp_path_factory.mktemp("model") / "audiosr")


def build(model: str, *arguments: str) -> int:
    small = ("--model", model, "--steps", "1", "--num-checks", "1", "--num-training", "0")
    return run("study", "build", *small, *arguments)


def write_answers(study: Path, file: Path) -> None:
    """What listeners would send who like AudioSR, rate everything 4, and pay attention."""
    with (study / "key.csv").open() as key:
        systems = {(row["trial"], row["stimulus"]): (row["system"], row["role"]) for row in csv.DictReader(key)}
    manifest = json.loads((study / "manifest.json").read_text())
    with file.open("w", newline="") as answers:
        writer = csv.DictWriter(answers, FIELDS)
        writer.writeheader()
        for listener in range(NUM_LISTENERS):
            for position, trial in enumerate(manifest["forms"][listener], start=1):
                first, role = systems[trial["trial"], trial["a"]]
                rival = "lowpassed" if role == "lowpassed" else "original"
                liked = "none" if role == "identical" else "b" if first == rival else "a"
                is_pair = trial["question"] == "preference"
                writer.writerow(
                    {
                        "study": manifest["study"],
                        "listener": f"{listener:012x}",
                        "form": listener,
                        "position": position,
                        "trial": trial["trial"],
                        "question": trial["question"],
                        "stimulus_a": trial["a"],
                        "stimulus_b": trial.get("b", ""),
                        "answer": liked if is_pair else 4,
                        "switches": 3,
                        "seconds_a": 2.0,
                        "seconds_b": 2.0 if is_pair else "",
                        "seconds_total": 6.0,
                        "submitted_at": "2026-01-01T12:00:00Z",
                        "device": "headphones",
                        "bandwidth_hz": 16_000,
                    }
                )


def test_from_generated_audio_to_a_report(model, capsys):
    save_clips(Path("made/rain"), 3)
    assert build(model, "study", "--audio", "rain=made/rain", "--title", "Rain") == 0
    out = capsys.readouterr().out
    assert "of 3 items, 0 left out" in out and str(Path("study/page/index.html")) in out
    write_answers(Path("study"), Path("answers.csv"))
    command = ["study", "analyse", "answers.csv", "--key", "study/key.csv", "--output", "results"]
    assert run(*command) == 0
    assert "rain" in capsys.readouterr().out
    assert {"report.html", "figure1.png", "figure1.svg", "preferences.csv"} <= set(files("results"))
    assert run(*command) == 1
    assert "results is there and is not an empty folder" in capsys.readouterr().err


def test_a_study_is_rebuilt_and_exported(model, capsys):
    save_clips(Path("made"), 2)
    assert build(model, "study", "--audio", "noises=made", "--question", "preference", "--num-training", "1") == 0
    assert run("study", "build", "again", "--rebuild", "study/manifest.json") == 0
    assert "the same as that of study/manifest.json" in capsys.readouterr().out
    assert files("again") == files("study")
    assert run("study", "export", "study", "lar", "--to", "listen-and-rate") == 0
    assert lines(capsys.readouterr().out) == [str(Path("lar/config.ab.original-audiosr.yaml"))]
    assert "needs --base-url" in bad_usage(capsys, "study", "export", "study", "ccr", "--to", "p808")
    assert run("study", "export", "study", "ccr", "--to", "p808", "--base-url", "https://example.org/clips") == 0
    assert "rating_clips.csv" in capsys.readouterr().out


def test_items_that_cannot_be_used_are_named(model, capsys):
    save_clips(Path("made"), 2)
    Path("made/broken.wav").write_bytes(b"RIFF")
    assert build(model, "study", "--audio", "noises=made") == 0
    assert any("left out: noises, broken:" in line for line in lines(capsys.readouterr().err))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--audio NAME=DIR or --captions NAME=CSV"),
        (("--audio", "made"), "made is not of the form NAME=VALUE"),
        (("--audio", "a=made", "--music-only", "b"), "--music-only names b; the generators are a"),
        (("--num-items", "0"), "0 is not a whole number from 1 on"),
    ],
)
def test_usage_that_makes_no_study(arguments, said, capsys):
    assert said in bad_usage(capsys, "study", "build", "study", *arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("build", "study", "--captions", "musicgen=nix.csv"), "nix.csv is not a file"),
        (("build", "study", "--audio", "a=nix"), "nix"),
        (("build", "study", "--rebuild", "nix.json"), "nix.json"),
        (("serve", "nix"), "nix"),
        (("analyse", "nix.csv", "--key", "nix.csv", "--output", "results"), "nix.csv"),
        (("export", "nix", "out", "--to", "listen-and-rate"), "nix"),
    ],
)
def test_what_is_not_there_is_named(arguments, said, capsys):
    assert run("study", *arguments) == 1
    (line,) = lines(capsys.readouterr().err)
    assert said in line and files() == []
