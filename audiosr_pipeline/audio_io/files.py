"""Which files are taken for audio by their names, when a folder is searched."""

import codecs
import os
from pathlib import Path

AUDIO_SUFFIXES = (
    ".wav .flac .ogg .oga .opus .mp3 .mp2 .mpga .aif .aiff .aifc .au .snd .caf .w64 .rf64 .m4a .m4b .m4r .aac .wma "
    ".ac3 .eac3 .dts .amr .ape .mka .mpc .spx .tak .tta .weba .wv "
    # Videos, whose sound is read.
    ".3gp .asf .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .qt .ts .vob .webm .wmv"
).split()

# Programs in TypeScript are named so too.
PROGRAM_SUFFIXES = (".ts", ".mts")
# Of the files that are passed over in a folder, so many are named.
MOST_NAMES = 8


def audio_files(folder: Path | str) -> list[Path]:
    """The files in a folder and below that are named as audio or video, sorted.

    Hidden ones, and programs in TypeScript that are named as video, are passed over. Links to folders aren't followed.
    """
    return [path for path in _entries(folder) if path.is_file() and _is_named_as_audio(path)]


def other_files(folder: Path | str) -> list[Path]:
    """The files that `audio_files` passes over, but for hidden ones."""
    return [path for path in _entries(folder) if path.is_file() and not _is_named_as_audio(path)]


def not_files(folder: Path | str) -> list[tuple[Path, str]]:
    """What `audio_files` passes over because it is no file, each with what it is; but for what is hidden."""
    return [(path, _kind(path)) for path in _entries(folder) if not path.is_file()]


def passed_over(folder: Path | str, leave_out: Path | None = None) -> list[str]:
    """Lines that count and name what `audio_files` passes over in a folder, but for what is hidden; none if nothing.

    Args:
        folder: The folder.
        leave_out: Folder whose files aren't counted, unless `folder` lies in it.
    """
    others, unread = other_files(folder), not_files(folder)
    if leave_out is not None and (out := real_path(leave_out)) not in real_path(folder).parents:
        others = [file for file in others if out not in real_path(file).parents]
        # The folder itself may be a link.
        unread = [(file, kind) for file, kind in unread if out not in (link := real_path(file), *link.parents)]
    lines = []
    if others:
        what = "1 file that isn't" if len(others) == 1 else f"{len(others)} files that aren't"
        names = listed([str(file.relative_to(folder)) for file in others])
        lines.append(f"{folder}: passed over {what} named as audio or video: {names}")
    if unread:
        what = "1 that is no file" if len(unread) == 1 else f"{len(unread)} that are no files"
        names = listed([f"{file.relative_to(folder)} ({kind})" for file, kind in unread])
        lines.append(f"{folder}: passed over {what}: {names}")
    return lines


def listed(names: list[str]) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{', '.join(names[:MOST_NAMES])}{more}"


def real_path(path: Path | str) -> Path:
    """Where a path leads. Links that lead to themselves are left, where `Path.resolve` fails."""
    return Path(os.path.realpath(path))


def _entries(folder: Path | str) -> list[Path]:
    """All in a folder and below but folders that can be searched, and what is hidden; sorted."""
    found: list[Path] = []

    def is_shown(name: str) -> bool:
        return not name.startswith(".")

    def add_unread(error: OSError) -> None:
        found.append(Path(error.filename))

    for where, folders, names in os.walk(folder, onerror=add_unread):
        folders[:] = filter(is_shown, folders)
        links = [name for name in folders if os.path.islink(os.path.join(where, name))]
        found += [Path(where, name) for name in (*filter(is_shown, names), *links)]
    return sorted(found)


def _kind(path: Path) -> str:
    """What a path is that is no file."""
    if path.is_dir():
        return "a link to a folder" if path.is_symlink() else "a folder that can't be read"
    if path.is_symlink() and not path.exists():
        return "a link to nothing"
    return "a pipe" if path.is_fifo() else "a socket" if path.is_socket() else "a device"


def _is_named_as_audio(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix in AUDIO_SUFFIXES and not (suffix in PROGRAM_SUFFIXES and _is_text(path))


def _is_text(path: Path) -> bool:
    """Whether a file begins as UTF-8 text, or is empty. In the first packet of a video there are zeros."""
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
    except OSError:  # Reading it will say why.
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return b"\0" not in head
