"""Whatever goes wrong on the disk while `convert` or `study` write a folder, the same command then makes it, whole."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from audiosr_pipeline.audio_io import AudioFileError, write_audio
from audiosr_pipeline.cli import convert, main
from audiosr_pipeline.study import build
from audiosr_pipeline.study.build import StudySettings, build_study
from audiosr_pipeline.study.export import export_listen_and_rate, export_p808
from audiosr_pipeline.study.items import FolderSet
from tests.faults import faulty_files, kill_at
from tests.study.sources import save_clips


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch):
    """Thousands of syncs would take minutes; that they are asked for is what counts."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check(folder: Path, write: Callable[[Path], object], every: int = 1) -> None:
    """Lets operations of `write(output)` go wrong, one at a time, and each in every way.

    Args:
        folder: Where it is tried; made.
        write: Writes a folder.
        every: Of so many operations one is tried, if each takes long.
    """
    (folder / "whole").mkdir(parents=True)
    with faulty_files(folder / "whole") as operations:
        write(folder / "whole/out")
    expected = content(folder / "whole/out")
    assert expected and sum(operation.kind == "fsync" for operation in operations) > len(expected)
    for effect in ("error", "full", "kill"):
        for number in range(1, len(operations) + 1, every):
            place = folder / f"{effect}{number}"
            place.mkdir()
            if effect == "kill":
                kill_at(place, number, lambda place=place: write(place / "out"))
            else:
                with contextlib.suppress(OSError, ValueError), faulty_files(place, number, effect):
                    write(place / "out")
            # It is there as a whole or not at all; what is half done has another name.
            if not (place / "out").exists():
                write(place / "out")
            assert content(place / "out") == expected, operations[number - 1]


def test_export(tiny_pipeline, tmp_path, monkeypatch):
    monkeypatch.setattr(build.AudioSRPipeline, "from_pretrained", lambda checkpoint: tiny_pipeline)
    settings = StudySettings(device="cpu", num_inference_steps=1, num_forms=2, num_checks=0)
    build_study(tmp_path / "study", [FolderSet("x", save_clips(tmp_path / "in", 2), 1)], {}, settings)
    check(tmp_path / "rate", lambda output: export_listen_and_rate(tmp_path / "study", output))
    check(tmp_path / "ccr", lambda output: export_p808(tmp_path / "study", output, "https://example.org"))


def test_study_build(tiny_pipeline, tmp_path, monkeypatch):
    monkeypatch.setattr(build.AudioSRPipeline, "from_pretrained", lambda checkpoint: tiny_pipeline)
    settings = StudySettings(device="cpu", num_inference_steps=1, num_forms=2, num_checks=0, num_training=0)
    item_set = FolderSet("x", save_clips(tmp_path / "in", 1))

    check(tmp_path / "tried", lambda output: build_study(output, [item_set], {}, settings), every=15)


def test_a_study_is_not_built_without_what_cannot_be_written(tiny_pipeline, tmp_path, monkeypatch):
    """An item that can't be used is left out; a disk that is full for a moment is no fault of an item."""
    monkeypatch.setattr(build.AudioSRPipeline, "from_pretrained", lambda checkpoint: tiny_pipeline)
    calls = []

    def write_audio_once_not(path, *arguments):
        calls.append(path)
        if len(calls) == 1:
            raise AudioFileError(path, "can't be written: no space left on device")
        write_audio(path, *arguments)

    monkeypatch.setattr(build, "write_audio", write_audio_once_not)
    settings = StudySettings(device="cpu", num_inference_steps=1, num_forms=2, num_checks=0, num_training=0)
    with pytest.raises(OSError, match="no space left"):
        build_study(tmp_path / "study", [FolderSet("x", save_clips(tmp_path / "in", 2))], {}, settings)
    assert not (tmp_path / "study").exists()


def test_convert(tiny_pipeline, tmp_path, monkeypatch):
    monkeypatch.setattr(convert, "convert_checkpoint", lambda path: (dict(tiny_pipeline.components), "a report"))

    def write(output: Path) -> None:
        if main(["convert", "checkpoint.bin", str(output)]) == 1:
            raise OSError("as it says")

    check(tmp_path / "tried", write, every=6)
