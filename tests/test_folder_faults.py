"""Whatever goes wrong on the disk while `convert` or `study` write a folder, the same command then makes it, whole."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

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
    *_, (kind, _, target), last = operations
    assert (kind, target, last.kind) == ("rename", folder / "whole/out", "open") or last.kind in ("fsync", "remove")
    for effect in ("error", "full", "kill"):
        for number in range(1, len(operations) + 1, every):
            place = folder / f"{effect}{number}"
            place.mkdir()
            if effect == "kill":
                kill_at(place, number, lambda place=place: write(place / "out"))
            else:
                with contextlib.suppress(OSError), faulty_files(place, number, effect):
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

    def write(output: Path) -> None:
        # What can't be used of a set is left out and said: a fault in it is another study, and not a whole one.
        with contextlib.suppress(ValueError):
            build_study(output, [item_set], {}, settings)

    check(tmp_path / "tried", write, every=5)


def test_convert(tiny_pipeline, tmp_path, monkeypatch):
    monkeypatch.setattr(convert, "convert_checkpoint", lambda path: (dict(tiny_pipeline.components), "a report"))

    def write(output: Path) -> None:
        if main(["convert", "checkpoint.bin", str(output)]) == 1:
            raise OSError("as it says")

    check(tmp_path / "tried", write, every=3)
