"""Parts of outputs: moved together, and removed when their process is gone."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from audiosr_pipeline.cli import parts
from audiosr_pipeline.cli.parts import part_folder, publish, remove_left_parts
from tests.cli.commands import files, make_wav, run


def dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def test_what_a_killed_process_left_is_removed_and_what_a_live_one_writes_is_not(pipeline, folder):
    make_wav("in/a.wav")
    with part_folder(folder / "out") as live:
        (live / "audio.wav").write_bytes(b"half")
        left = folder / "out" / ".audiosr-pipeline-left.part"
        left.mkdir()
        (left / "audio.wav").write_bytes(b"half")
        assert run("enhance", "in", "-o", "out") == 0
        assert not left.exists() and (live / "audio.wav").exists()
    assert files("out") == ["a.wav"]


def test_single_parts_are_removed_by_their_process(pipeline, folder):
    make_wav("in/a.wav")
    Path("out").mkdir()
    dead = dead_process()
    kept = [
        # A process that runs.
        f".a.wav.{os.getpid()}.part",
        # What this command doesn't write.
        f".other.wav.{dead}.part",
        ".a.wav.part",
        "a.wav.1.part",
    ]
    for name in [*kept, f".a.wav.{dead}.part", f".a.json.{dead}.part", f".a.wav.{10**30}.part"]:
        Path("out", name).write_bytes(b"half")
    assert run("enhance", "in", "-o", "out", "--report") == 0
    assert files("out") == sorted([*kept, "a.json", "a.wav"])


def test_a_link_that_looks_like_a_part_folder_is_not_followed(folder):
    (folder / "music").mkdir()
    (folder / "music/song.wav").write_bytes(b"song")
    (folder / "out").mkdir()
    (folder / "out/.audiosr-pipeline-x.part").symlink_to(folder / "music")
    remove_left_parts(folder / "out", {"a.wav"})
    assert (folder / "music/song.wav").exists()


def test_a_folder_that_another_run_took_before_it_was_locked_is_made_again(folder, monkeypatch):
    real, calls = parts._lock, []

    def lock(path: Path) -> int | None:
        calls.append(path)
        if len(calls) == 1:
            remove = real(path)
            path.rmdir()
            os.close(remove)
        return real(path)

    monkeypatch.setattr(parts, "_lock", lock)
    with part_folder(folder) as made:
        assert made.is_dir()
    assert len(calls) == 2


def test_of_two_runs_one_makes_the_output(folder):
    output, report = folder / "a.wav", folder / "a.json"
    for run_name, is_moved in (("first", True), ("second", False)):
        with part_folder(folder) as part:
            (part / "audio").write_text(run_name)
            (part / "report").write_text(run_name)
            assert publish({report: part / "report", output: part / "audio"}, output, overwrite=False) == is_moved
    assert (output.read_text(), report.read_text()) == ("first", "first")


def test_an_output_that_appears_while_it_is_made_is_left(pipeline, monkeypatch, capsys):
    """Two runs into one folder end well; the slower one says so."""
    make_wav("a.wav")
    call = type(pipeline).__call__

    def meanwhile(self, audio, **arguments):
        type(self).__call__ = call
        assert run("enhance", "a.wav", "-o", "out", "--report", "--quiet") == 0
        return call(self, audio, **arguments)

    monkeypatch.setattr(type(pipeline), "__call__", meanwhile)
    assert run("enhance", "a.wav", "-o", "out", "--report") == 0
    assert files("out") == ["a.json", "a.wav"]
    assert "already done, by another run" in capsys.readouterr().out


def test_a_folder_that_someone_else_has_locked_is_written_all_the_same(pipeline, monkeypatch):
    """As by `flock out audiosr-pipeline ...`."""
    monkeypatch.setattr(parts, "LONGEST_WAIT_S", 0.05)
    make_wav("a.wav")
    Path("out").mkdir()
    descriptor = os.open("out", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert run("enhance", "a.wav", "-o", "out") == 0
    finally:
        os.close(descriptor)
    assert files("out") == ["a.wav"]


def test_without_locks_nothing_is_taken_for_left(pipeline, monkeypatch):
    monkeypatch.setattr(parts, "fcntl", None)
    make_wav("a.wav")
    Path("out/.audiosr-pipeline-x.part").mkdir(parents=True)
    assert run("enhance", "a.wav", "-o", "out") == 0
    assert Path("out/.audiosr-pipeline-x.part").exists()


def test_what_another_run_left_of_a_report_is_no_obstacle(pipeline, capsys):
    """A report and a picture of ours without their output are made again; others are not touched."""
    make_wav("in/a.wav")
    assert run("enhance", "in", "-o", "out", "--report", "--spectrogram") == 0
    Path("out/a.wav").unlink()
    assert run("enhance", "in", "-o", "out", "--report", "--spectrogram") == 0
    for foreign in ("[]", "{}", '{"output": "a.wav"}', "no json", '{"output": "b.wav", "output_subtype": "PCM_16"}'):
        Path("out/a.wav").unlink()
        Path("out/a.json").write_text(foreign)
        assert run("enhance", "in", "-o", "out", "--report") == 1
        assert Path("out/a.json").read_text() == foreign
        make_wav("out/a.wav")
    assert "out/a.json is there, and is no file that this program made" in capsys.readouterr().err
