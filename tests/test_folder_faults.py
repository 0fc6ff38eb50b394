"""Whatever goes wrong on the disk while `convert` or `study` write a folder, the same command then makes it, whole."""

import argparse
import contextlib
import functools
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from diffusers import AutoencoderKL, DDIMScheduler

from audiosr_pipeline.audio_io import AudioFileError, write_audio
from audiosr_pipeline.cli import convert
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.vocoder import ISTFTVocoder
from audiosr_pipeline.study import build, builder
from audiosr_pipeline.study.build import StudySettings, build_study
from audiosr_pipeline.study.export import export_listen_and_rate, export_p808
from audiosr_pipeline.study.items import FolderSet
from tests.conftest import build_tiny_unet
from tests.faults import faulty_files, kill_at, unsynced
from tests.study.sources import save_clips


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch):
    """Thousands of syncs would take minutes; that they are asked for is what counts."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def content(folder: Path) -> dict[str, bytes]:
    """The files below a folder; in hidden names, the number of the process left out."""
    paths = {re.sub(r"\.\d+\.part", ".part", path.relative_to(folder).as_posix()): path for path in folder.rglob("*")}
    return {name: path.read_bytes() if path.is_file() else b"" for name, path in paths.items()}


def check(folder: Path, write: Callable[[Path], object]) -> None:
    """Lets each operation of `write(output)` go wrong, one at a time, and each in every way.

    Args:
        folder: Where it is tried; made.
        write: Writes a folder; raises what it can't.
    """
    (folder / "whole").mkdir(parents=True)
    with faulty_files(folder / "whole") as operations:
        write(folder / "whole/out")
    expected = content(folder / "whole")
    assert {"open", "write", "fsync", "rename", "mkdir"} <= {operation.kind for operation in operations}
    assert unsynced(operations) == []
    # What comes of a second try depends on what the first has left, so that one of each kind is enough.
    tried = [expected]
    for effect in ("error", "full", "kill"):
        for number in range(1, len(operations) + 1):
            place = folder / f"{effect}{number}"
            place.mkdir()
            if effect == "kill":
                kill_at(place, number, lambda place=place: write(place / "out"))
            else:
                is_done = False
                with contextlib.suppress(OSError, ValueError), faulty_files(place, number, effect):
                    write(place / "out")
                    is_done = True
                # It is there as a whole or not at all.
                assert is_done == (place / "out").exists(), operations[number - 1]
            left = content(place)
            if left in tried:
                continue
            tried.append(left)
            if (place / "out").exists():
                assert content(place / "out") == content(folder / "whole/out"), operations[number - 1]
                continue
            write(place / "out")
            # Nothing else is left either.
            assert content(place) == expected, operations[number - 1]


@pytest.fixture
def study(tiny_pipeline, tmp_path, monkeypatch) -> Callable[..., object]:
    """Builds a study of so many clips. What takes long and touches none of its files is done once."""
    opened = functools.cache(lambda item_set, *arguments: functools.cache(open_set(item_set, *arguments)))
    open_set = FolderSet.open
    monkeypatch.setattr(FolderSet, "open", opened)
    for module in (build, builder):
        monkeypatch.setattr(module, "software", functools.cache(build.software))
    monkeypatch.setattr(builder.AudioSRPipeline, "from_pretrained", lambda checkpoint: tiny_pipeline)
    save_clips(tmp_path / "in", 2)

    def study(output: Path, num_items: int, num_training: int = 0) -> None:
        settings = StudySettings(
            device="cpu", num_inference_steps=1, num_forms=2, num_checks=0, num_training=num_training
        )
        build_study(output, [FolderSet("x", tmp_path / "in", num_items)], {}, settings)

    return study


def test_export(study, tmp_path):
    study(tmp_path / "study", 1, num_training=1)
    check(tmp_path / "rate", lambda output: export_listen_and_rate(tmp_path / "study", output))
    check(tmp_path / "ccr", lambda output: export_p808(tmp_path / "study", output, "https://example.org"))


def test_study_build(study, tmp_path):
    check(tmp_path / "tried", lambda output: study(output, 1))


def test_a_study_is_not_built_without_what_cannot_be_written(study, tmp_path, monkeypatch):
    """An item that can't be used is left out; a disk that is full for a moment is no fault of an item."""
    calls = []

    def write_audio_once_not(path, *arguments):
        calls.append(path)
        if len(calls) == 1:
            raise AudioFileError(path, "can't be written: no space left on device")
        write_audio(path, *arguments)

    monkeypatch.setattr(builder, "write_audio", write_audio_once_not)
    with pytest.raises(OSError, match="no space left"):
        study(tmp_path / "study", 2)
    assert not (tmp_path / "study").exists()


def test_convert(tmp_path, monkeypatch):
    """With random components that are small."""
    components = {
        "vae": AutoencoderKL(block_out_channels=(2,), norm_num_groups=1, in_channels=1, out_channels=1),
        "unet": build_tiny_unet(),
        "vocoder": ISTFTVocoder(hidden_size=2, intermediate_size=2, num_layers=1),
        "feature_extractor": MelFeatureExtractor(),
        "scheduler": DDIMScheduler(),
    }
    monkeypatch.setattr(convert, "convert_checkpoint", lambda path: (dict(components), "a report"))

    def write(output: Path) -> None:
        if convert.run(argparse.Namespace(checkpoint=Path("checkpoint.bin"), output=output)):
            raise OSError("as it says")

    check(tmp_path / "tried", write)
