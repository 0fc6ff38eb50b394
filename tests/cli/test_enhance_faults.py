"""`enhance` on a file system with faults: nothing is torn, and the same command finishes."""

import json
import os
import resource
import shutil
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from audiosr_pipeline import spectrogram
from audiosr_pipeline.version import SOFTWARE
from tests.cli.commands import files, make_wav, run
from tests.faults import faulty_files, kill_at, unsynced

COMMAND = ["enhance", "in", "-o", "out", "--report", "--spectrogram", "--quiet"]
RESULTS = ["a.json", "a.png", "a.wav"]


@pytest.fixture
def reference(pipeline, folder, monkeypatch) -> dict[str, bytes]:
    """What an input becomes without faults; the spectrogram is drawn in less time."""

    def save_small(path, clips, title):
        text = PngImagePlugin.PngInfo()
        text.add_text("Software", SOFTWARE)
        Image.new("L", (8, 8)).save(path, format="png", pnginfo=text)

    monkeypatch.setattr(spectrogram, "save_spectrograms", save_small)
    make_wav("in/a.wav")
    return once(COMMAND)


def once(command: list[str]) -> dict[str, bytes]:
    """The files that a command writes; they are removed."""
    assert run(*command) == 0
    written = {name: Path("out", name).read_bytes() for name in files("out")}
    shutil.rmtree("out")
    return written


def assert_nothing_torn(reference: dict[str, bytes]) -> None:
    """What has its name is whole; beside it there is at most what is hidden."""
    for name in files("out") if Path("out").exists() else []:
        if not name.startswith("."):
            assert Path("out", name).read_bytes() == reference[name], name
    # What tells that all is done comes after the report.
    assert Path("out/a.json").exists() or not Path("out/a.wav").exists()


def assert_finished(reference: dict[str, bytes], command: list[str]) -> None:
    """The command without a fault ends well, and leaves what it should and nothing hidden, nowhere."""
    assert run(*command) == 0
    assert {name: Path("out", name).read_bytes() for name in files("out")} == reference
    assert not list(Path().rglob(".*"))


def num_operations(command: list[str]) -> int:
    with faulty_files(Path.cwd()) as operations:
        assert run(*command) == 0
    assert sorted(operations and {operation.kind for operation in operations} - {"remove"}) == [
        "fsync",
        "mkdir",
        "open",
        "rename",
        "write",
    ]
    assert unsynced(operations) == []
    return len(operations)


@pytest.mark.parametrize("effect", ["error", "full"])
def test_each_operation_can_fail(reference, capsys, effect):
    count = num_operations(COMMAND)
    for number in range(1, count + 1):
        shutil.rmtree("out")
        with faulty_files(Path.cwd(), number, effect):
            code = run(*COMMAND)
        err = capsys.readouterr().err
        assert_nothing_torn(reference)
        if code == 0:
            # What failed was cleaning up, or a lock.
            assert sorted(name for name in files("out") if not name.startswith(".")) == RESULTS
        else:
            assert code in (1, 2) and err.startswith("audiosr-pipeline: ")
        assert_finished(reference, COMMAND)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes to kill")
def test_the_process_can_be_killed_at_each_operation(reference):
    for number in range(1, num_operations(COMMAND) + 1):
        shutil.rmtree("out")
        kill_at(Path.cwd(), number, lambda: run(*COMMAND))
        assert_nothing_torn(reference)
        assert_finished(reference, COMMAND)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes to kill")
def test_an_overwrite_that_is_killed_keeps_an_output_and_no_report_of_another(reference):
    run(*COMMAND)
    before = Path("out/a.wav").read_bytes()
    # The stub's audio doesn't depend on the seed: the sample format tells the two apart.
    again = [*COMMAND, "--overwrite", "--seed", "1", "--sample-format", "pcm24"]
    after = once(again)
    run(*COMMAND)
    found = set()
    for number in range(1, num_operations(again) + 1):
        run(*COMMAND, "--overwrite")
        kill_at(Path.cwd(), number, lambda: run(*again))
        audio = Path("out/a.wav").read_bytes()
        assert audio in (before, after["a.wav"])
        if (report := Path("out/a.json")).exists():
            seed = json.loads(report.read_text())["seed"]
            assert seed == (0 if audio == before else 1)
            found.add(seed)
    assert found == {0, 1}
    assert_finished(after, again)


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit to a file's size")
def test_a_library_that_writes_in_c_meets_a_full_disk(reference, capsys):
    """The limit ends a write in the middle, whoever writes: here libsndfile."""
    size = len(reference["a.wav"])
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (10, 44, 5_000, size // 2, size - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            code = run(*COMMAND)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert code == 1
        assert_nothing_torn(reference)
    capsys.readouterr()
    assert_finished(reference, COMMAND)
