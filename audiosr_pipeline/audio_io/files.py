"""Which files are taken for audio by their names, when a folder is searched."""

import codecs
from pathlib import Path

AUDIO_SUFFIXES = (
    ".wav .flac .ogg .oga .opus .mp3 .mp2 .mpga .aif .aiff .aifc .au .snd .caf .w64 .rf64 .m4a .m4b .m4r .aac .wma "
    ".ac3 .eac3 .dts .amr .ape .mka .mpc .spx .tak .tta .weba .wv "
    # Videos, whose sound is read.
    ".3gp .asf .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .qt .ts .vob .webm .wmv"
).split()

# Programs in TypeScript are named so too.
PROGRAM_SUFFIXES = (".ts", ".mts")


def audio_files(folder: Path | str) -> list[Path]:
    """The files in a folder and below that are named as audio or video, sorted; hidden ones, and programs in TypeScript
    that are named as video, are passed over."""
    return [path for path in _files(folder) if _is_named_as_audio(path)]


def other_files(folder: Path | str) -> list[Path]:
    """The files that `audio_files` passes over, but for hidden ones."""
    return [path for path in _files(folder) if not _is_named_as_audio(path)]


def _files(folder: Path | str) -> list[Path]:
    return sorted(
        path
        for path in Path(folder).rglob("*")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts) and path.is_file()
    )


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
