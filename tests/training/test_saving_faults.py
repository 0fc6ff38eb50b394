"""Whatever goes wrong on the disk while a run is trained, the same command ends with the same weights."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from audiosr_pipeline.training import loop
from audiosr_pipeline.training.dataset import CropDataset, find_recordings, training_crops
from audiosr_pipeline.training.loop import launch, train
from audiosr_pipeline.training.saving import load_state
from audiosr_pipeline.training.settings import CropSettings
from tests.faults import Operation, faulty_files, kill_at

NUM_STEPS = 2


@pytest.fixture(autouse=True)
def without_tensorboard(monkeypatch):
    """Its files are for looking at, and nothing goes on from them; a thread of its own writes them."""
    monkeypatch.setattr(loop, "open_tensorboard", lambda output, step: None)


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch):
    """Thousands of syncs would take minutes; that they are asked for is what counts."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(autouse=True)
def crops_drawn_once(monkeypatch):
    """Each run draws the same, from files that nothing happens to."""
    draw, drawn = CropDataset.__getitem__, {}

    def getitem(dataset: CropDataset, index: int) -> dict[str, Tensor]:
        key = (repr(dataset.recordings), dataset.seed, index)
        return drawn[key] if key in drawn else drawn.setdefault(key, draw(dataset, index))

    monkeypatch.setattr(CropDataset, "__getitem__", getitem)


@pytest.fixture
def run(manifest, tmp_path):
    """Trains a linear map of crops for two steps, with a validation, an export and a state after each."""
    recordings, held_out = (side[:2] for side in find_recordings([manifest]))

    def run(name: str) -> None:
        settings = CropSettings(
            data=(str(manifest),),
            output=str(tmp_path / name / "run"),
            **{"num_steps": NUM_STEPS, "validation_every": 1, "batch_size": 2, "crop_s": 0.02, "num_workers": 0},
        )
        accelerator = launch(settings)
        model = nn.Linear(960, 1)

        def loss_of(batch: dict[str, Tensor], generator: torch.Generator) -> Tensor:
            return (model(batch["lowpassed"]) - batch["audio"][:, :1]).square().mean() + 1

        def export(folder: Path) -> None:
            folder.mkdir()
            (folder / "weights").write_bytes(model.weight.detach().numpy().tobytes())

        train(accelerator, model, loss_of, training_crops(settings, recordings), held_out, settings, export)

    return run


def content(folder: Path) -> dict[str, object]:
    """What is in the folder of a run that has ended."""
    state = load_state(folder, torch.device("cpu"))
    assert state is not None and state["step"] == NUM_STEPS
    written = json.loads((folder / "settings.json").read_text())
    del written["output"]
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    weights = (folder / "best/weights").read_bytes()
    return {"state": as_bytes(state), "weights": weights, "files": files, "settings": written, "curve": curve(folder)}


def as_bytes(value: Any) -> Any:
    """The same with bytes for tensors, so that `==` compares it bit for bit."""
    if isinstance(value, dict):
        return {key: as_bytes(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_bytes(item) for item in value]
    return value.numpy().tobytes() if isinstance(value, Tensor) else value


def curve(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]


def check_nothing_is_torn(folder: Path) -> None:
    """What is there after a fault is whole, whichever generation it is."""
    if (folder / "settings.json").exists():
        json.loads((folder / "settings.json").read_text())
    if (folder / "curve.jsonl").exists():
        curve(folder)
    if folder.exists():
        load_state(folder, torch.device("cpu"))
    if (folder / "best").exists():
        assert len((folder / "best/weights").read_bytes()) == 960 * 4


@pytest.mark.parametrize("effect", ["error", "full", "kill"])
def test_a_fault_at_any_operation_costs_nothing(run, tmp_path, effect):
    (tmp_path / "whole").mkdir()
    with faulty_files(tmp_path / "whole") as operations:
        run("whole")
    expected = content(tmp_path / "whole/run")
    assert {"open", "write", "fsync", "rename", "mkdir"} <= {operation.kind for operation in operations}
    assert synced_late(operations) == []
    for number in range(1, len(operations) + 1):
        name = f"{effect}{number}"
        folder = tmp_path / name
        folder.mkdir()
        if effect == "kill":
            kill_at(folder, number, lambda name=name: run(name))
        else:
            # Some can be done without, such as removing what is left over.
            with contextlib.suppress(OSError), faulty_files(folder, number, effect):
                run(name)
        check_nothing_is_torn(folder / "run")
        run(name)
        assert content(folder / "run") == expected, operations[number - 1]


def synced_late(operations: list[Operation]) -> list[Path]:
    """What got its name by a rename before all that was written in it was synced."""
    late: list[Path] = []
    dirty: set[Path] = set()
    for kind, path, target in operations:
        if kind == "write":
            dirty.add(path)
        elif kind == "fsync":
            dirty.discard(path)
        elif kind == "rename" and target is not None:
            late += [file for file in dirty if file == path or path in file.parents]
    return late
