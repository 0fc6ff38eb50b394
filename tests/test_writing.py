"""What is written appears whole or not at all, is on the disk first, and what was there before is kept until then."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from audiosr_pipeline import writing
from audiosr_pipeline.writing import clear_left_parts, new_folder, restore_folder, written_whole


def write_file(path: Path, text: str) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(text)


def write_folder(path: Path, text: str) -> None:
    with written_whole(path) as temporary:
        (temporary / "deep").mkdir(parents=True)
        (temporary / "deep/file").write_text(text)


def content(path: Path) -> str:
    return (path / "deep/file" if path.is_dir() else path).read_text()


ways = pytest.mark.parametrize("write", [write_file, write_folder], ids=["file", "folder"])


@pytest.fixture
def events(monkeypatch) -> Iterator[list[str]]:
    """What is synced, by its name before it is renamed, and renamed, in order."""
    events: list[str] = []
    fsync, replace = os.fsync, os.replace

    def name(path) -> str:
        return Path(path).name.replace(f".{os.getpid()}", "")

    def synced(descriptor):
        events.append(f"sync {name(os.readlink(f'/proc/self/fd/{descriptor}'))}")
        fsync(descriptor)

    def renamed(source, target, **options):
        events.append(f"rename {name(source)} {name(target)}")
        replace(source, target, **options)

    monkeypatch.setattr(os, "fsync", synced)
    for function in ("replace", "rename"):
        monkeypatch.setattr(os, function, renamed)
    return events


linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks Linux for the names of open files")


@linux
def test_a_file_is_synced_before_it_gets_its_name_and_the_name_after(tmp_path, events):
    write_file(tmp_path / "a", "new")
    assert events == ["sync .a.part", "rename .a.part a", f"sync {tmp_path.name}"]


@linux
def test_a_folder_is_synced_with_all_that_is_in_it(tmp_path, events):
    write_folder(tmp_path / "a", "new")
    assert events == [
        *("sync file", "sync deep", "sync .a.part"),
        *("rename .a.part a", f"sync {tmp_path.name}"),
    ]


@ways
def test_what_is_there_is_replaced_and_nothing_else_is_left(tmp_path, write):
    for text in ("first", "second"):
        write(tmp_path / "a", text)
        assert content(tmp_path / "a") == text
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@ways
@pytest.mark.parametrize("failing", ["the block", "fsync", "a rename"])
def test_what_was_there_is_kept_when_anything_fails(tmp_path, write, failing, monkeypatch):
    write(tmp_path / "a", "first")

    def fail(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    replace, num_renames = os.replace, 0

    def fail_once(source, target, **options):
        nonlocal num_renames
        num_renames += 1
        # A folder is first set aside.
        if num_renames == (2 if write is write_folder else 1):
            fail()
        replace(source, target, **options)

    with pytest.raises(OSError, match="No space left"), monkeypatch.context() as patch:
        if failing == "fsync":
            patch.setattr(os, "fsync", fail)
        elif failing == "a rename":
            for function in ("replace", "rename"):
                patch.setattr(os, function, fail_once)
        with written_whole(tmp_path / "a") as temporary:
            write(temporary, "second")
            if failing == "the block":
                fail()
    assert content(tmp_path / "a") == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_a_killed_process_had_set_aside_is_put_back(tmp_path):
    write_folder(tmp_path / ".a.former", "first")
    restore_folder(tmp_path / "a")
    assert content(tmp_path / "a") == "first"
    # Killed a step later: the new one is in place already.
    write_folder(tmp_path / ".a.former", "older")
    restore_folder(tmp_path / "a")
    restore_folder(tmp_path / "b")
    assert content(tmp_path / "a") == "first" and [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_cannot_be_synced_as_such_is_no_error(tmp_path, monkeypatch):
    """As on some network file systems."""
    real = writing._sync_descriptor

    def sync_descriptor(path, flags):
        if path.is_dir():
            raise OSError(errno.EINVAL, "Invalid argument")
        real(path, flags)

    monkeypatch.setattr(writing, "_sync_descriptor", sync_descriptor)
    write_folder(tmp_path / "a", "first")
    assert content(tmp_path / "a") == "first"


def test_a_new_folder_takes_the_place_of_nothing_but_an_empty_one(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("deep", "deeper/still"):
        with new_folder(tmp_path / name) as folder:
            (folder / "file").write_text("x")
        assert (tmp_path / name / "file").read_text() == "x"
        with pytest.raises(FileExistsError, match="is there and is not an empty folder"), new_folder(tmp_path / name):
            pass
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "never"):
        raise ZeroDivisionError
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "deeper"]


def test_what_dead_processes_left_of_these_names_is_removed(tmp_path):
    # No process has so high a number; the parts of this one are being written.
    for name in (".a.csv.4999999.part", f".a.csv.{os.getpid()}.part", ".b.csv.4999999.part", "a.csv"):
        (tmp_path / name).touch()
    clear_left_parts(tmp_path, ["a.csv"])
    assert {path.name for path in tmp_path.iterdir()} == {f".a.csv.{os.getpid()}.part", ".b.csv.4999999.part", "a.csv"}
