"""The faults that other tests use are faults: each operation is counted, and can go wrong."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.faults import faulty_files, kill_at, unsynced

DATA = b"0123456789" * 10


def write_python(folder: Path) -> None:
    with open(folder / "part", "wb") as file:
        file.write(DATA)
        file.flush()
        os.fsync(file)
    os.replace(folder / "part", folder / "done")


def write_text(folder: Path) -> None:
    (folder / "part").write_text(DATA.decode())
    (folder / "part").rename(folder / "done")


def write_descriptor(folder: Path) -> None:
    descriptor = os.open(folder / "part", os.O_WRONLY | os.O_CREAT)
    try:
        os.write(descriptor, DATA)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(folder / "part", folder / "done")


def write_sound(folder: Path) -> None:
    soundfile.write(folder / "part", np.zeros(1_000), 8_000, format="WAV", subtype="PCM_16")
    (folder / "part").replace(folder / "done")


def write_tensor(folder: Path) -> None:
    torch.save(torch.zeros(1_000), folder / "part")
    (folder / "part").replace(folder / "done")


EXPECTED = {
    write_python: ["open", "write", "fsync", "rename"],
    write_text: ["open", "write", "rename"],
    write_descriptor: ["open", "write", "fsync", "rename"],
    write_sound: ["open", "write", "rename"],
    write_tensor: ["write", "rename"],
}
ways = pytest.mark.parametrize("write", EXPECTED, ids=lambda write: write.__name__)


@ways
def test_operations_are_counted_and_nothing_else_changes(tmp_path, write):
    with faulty_files(tmp_path) as operations:
        write(tmp_path)
    assert [operation.kind for operation in operations] == EXPECTED[write]
    assert unsynced(operations) == ([] if "fsync" in EXPECTED[write] else [tmp_path / "done"])
    assert [path.name for path in tmp_path.iterdir()] == ["done"]
    assert write in (write_sound, write_tensor) or (tmp_path / "done").read_bytes() == DATA


@ways
@pytest.mark.parametrize(("effect", "code"), [("error", errno.EIO), ("full", errno.ENOSPC)])
def test_each_can_fail_and_a_write_is_torn(tmp_path, write, effect, code):
    for number, kind in enumerate(EXPECTED[write], start=1):
        folder = tmp_path / str(number)
        folder.mkdir()
        if effect == "full" and kind == "rename":
            continue
        with (
            faulty_files(folder, number, effect) as operations,
            pytest.raises((OSError, soundfile.SoundFileError)) as raised,
        ):
            write(folder)
        assert getattr(raised.value, "errno", code) == code
        assert operations[number - 1].kind == kind
        assert not (folder / "done").exists()
        assert (folder / "part").exists() == (number > 1 or kind == "write")


@ways
def test_a_process_can_be_killed_at_each(tmp_path, write):
    for number, kind in enumerate(EXPECTED[write], start=1):
        folder = tmp_path / str(number)
        folder.mkdir()
        kill_at(folder, number, lambda folder=folder: write(folder))
        assert not (folder / "done").exists()
        assert (folder / "part").exists() == (number > 1 or kind == "write")
        if write is write_python and kind == "write":
            assert (folder / "part").read_bytes() == DATA[:50]
    with pytest.raises(AssertionError, match="not killed"):
        kill_at(tmp_path, 100, lambda: None)


def test_folders_and_removing_count_and_other_places_do_not(tmp_path):
    (tmp_path / "in").mkdir()
    with faulty_files(tmp_path / "in", 100, "full") as operations:
        write_python(tmp_path)
        (tmp_path / "in/deep").mkdir()
        (tmp_path / "in/deep").rmdir()
    assert [operation.kind for operation in operations] == ["mkdir", "remove"]
    with faulty_files(tmp_path / "in", 1, "full"), pytest.raises(OSError):
        (tmp_path / "in/deep").mkdir()


def test_a_disk_that_is_full_stays_full(tmp_path):
    with faulty_files(tmp_path, 1, "full"):
        for _ in range(2):
            with pytest.raises(OSError) as raised:
                write_python(tmp_path)
            assert raised.value.errno == errno.ENOSPC
