"""Which files are taken for audio by their names, when a folder is searched."""

from pathlib import Path

AUDIO_SUFFIXES = (
    ".wav .flac .ogg .oga .opus .mp3 .mp2 .mpga .aif .aiff .aifc .au .snd .caf .w64 .rf64 .m4a .m4b .m4r .aac .wma "
    ".ac3 .eac3 .dts .amr .ape .mka .mpc .spx .tak .tta .weba .wv "
    # Videos, whose sound is read.
    ".3gp .asf .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .qt .ts .vob .webm .wmv"
).split()


def audio_files(folder: Path | str) -> list[Path]:
    """The files in a folder and below that are named as audio or video, sorted; hidden ones are passed over."""
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
    return path.suffix.lower() in AUDIO_SUFFIXES
