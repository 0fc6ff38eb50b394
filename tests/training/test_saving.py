"""What a run goes on from: whatever happens to its files, it goes on from the newest whole state, or says why not."""

import json
import logging
import os
import pickle
from pathlib import Path

import pytest
import torch

from audiosr_pipeline.training.saving import load_settings, load_state, save_state, writing

CPU = torch.device("cpu")


def a_state(step: int) -> dict:
    """One that is small enough to break each byte of."""
    weights = torch.full((4,), float(step))
    return {"model": {"weight": weights}, "step": step, "best": 0.5, "held_out": 1, "curve": [{"step": step}]}


def damages(whole: bytes) -> dict[str, bytes]:
    """What may become of a file, and of what it holds."""
    half = len(whole) // 2
    return {
        "empty": b"",
        "cut to a byte": whole[:1],
        "cut to half": whole[:half],
        "last byte cut": whole[:-1],
        "zeros": bytes(len(whole)),
        "a block of zeros": whole[: half // 4] + bytes(half) + whole[half // 4 + half :],
        "text": b"version https://git-lfs.github.com/spec/v1\n",
        "pickle": pickle.dumps({"step": 9}),
    }


@pytest.fixture
def run(tmp_path) -> Path:
    """The folder of a run with two generations, of the steps 1 and 2."""
    for step in (1, 2):
        save_state(tmp_path, a_state(step))
    return tmp_path


def step_of(folder: Path) -> int:
    state = load_state(folder, CPU)
    assert str(state) == str(a_state(state["step"]))
    return state["step"]


def test_a_run_that_has_saved_nothing_has_no_state(tmp_path):
    assert load_state(tmp_path, CPU) is None
    assert load_state(tmp_path / "not there", CPU) is None


def test_the_newest_state_is_taken_and_two_are_kept(run, caplog):
    save_state(run, a_state(3))
    assert step_of(run) == 3 and not caplog.records
    assert sorted(path.name for path in run.iterdir()) == ["state.previous.pt", "state.pt"]
    (run / "state.pt").unlink()
    assert step_of(run) == 2
    assert "state.pt is missing; the run goes on from state.previous.pt, after step 2" in caplog.text


class Opened:
    """A pickle that makes a file when it is read as such."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize(
    "damage", ["empty", "cut to a byte", "cut to half", "last byte cut", "zeros", "text", "pickle"]
)
def test_a_damaged_state_is_passed_over_said_and_not_kept_in_place_of_a_whole_one(run, damage, caplog):
    (run / "state.pt").write_bytes(damages((run / "state.pt").read_bytes())[damage])
    assert step_of(run) == 1
    assert "state.pt is damaged" in caplog.text and "goes on from state.previous.pt, after step 1" in caplog.text
    save_state(run, a_state(2))
    assert step_of(run) == 2
    (run / "state.pt").unlink()
    assert step_of(run) == 1


def test_no_changed_bit_gives_another_state(run, caplog):
    """Whichever byte is changed: the same state, or the one before. Some bytes, such as a date, say nothing."""
    caplog.set_level(logging.ERROR)
    whole = (run / "state.pt").read_bytes()
    steps = []
    for place in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[place] ^= 0x10
        (run / "state.pt").write_bytes(changed)
        steps.append(step_of(run))
    assert set(steps) == {1, 2}
    # Padding aside, what the archive holds is under its checksums.
    data = whole.index(a_state(2)["model"]["weight"].numpy().tobytes())
    for place in range(data, data + 16):
        (run / "state.pt").write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert step_of(run) == 1


def test_code_in_a_state_is_not_run(run, caplog):
    torch.save({**a_state(2), "model": Opened(run / "made")}, run / "state.pt")
    assert step_of(run) == 1
    assert not (run / "made").exists() and "state.pt holds code or objects" in caplog.text


@pytest.mark.parametrize("content", [[1, 2], {"step": 2}], ids=str)
def test_a_file_of_something_else_is_no_state(run, content):
    torch.save(content, run / "state.pt")
    assert step_of(run) == 1


def test_without_a_whole_state_it_is_said_what_is_wrong_with_each(run):
    (run / "state.pt").write_bytes(b"")
    (run / "state.previous.pt").write_bytes(damages((run / "state.previous.pt").read_bytes())["a block of zeros"])
    with pytest.raises(ValueError, match=r"state\.pt is damaged.*state\.previous\.pt is damaged.*backup") as error:
        load_state(run, CPU)
    assert str(run) in str(error.value) and "\n" not in str(error.value)
    (run / "state.previous.pt").unlink()
    with pytest.raises(ValueError, match=r"state\.pt is damaged.*state\.previous\.pt is missing"):
        load_state(run, CPU)


def test_a_state_that_cannot_be_read_is_not_taken_for_a_damaged_one(run, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("zipfile.ZipFile", refuse)
    with pytest.raises(PermissionError):
        load_state(run, CPU)


def test_the_last_state_is_in_place_until_the_new_one_is_on_the_disk(run, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match=r"state\.pt can't be written.*No space left"):
        patch.setattr(os, "fsync", full)
        save_state(run, a_state(3))
    assert step_of(run) == 2
    (run / "state.pt").unlink()
    assert step_of(run) == 1
    assert [path.name for path in run.iterdir()] == ["state.previous.pt"]


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "is missing"), ("", "is damaged"), ('{"seed": 1', "is damaged"), ("[]", "holds a list"), ("\0", "damaged")],
)
def test_settings_that_are_not_whole_are_named(tmp_path, text, message):
    if text is not None:
        (tmp_path / "settings.json").write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        load_settings(tmp_path)
    assert "settings.json" in str(error.value)


def test_settings_are_read(tmp_path):
    with writing(tmp_path / "settings.json") as temporary:
        temporary.write_text(json.dumps({"seed": 1}))
    assert load_settings(tmp_path) == {"seed": 1}
