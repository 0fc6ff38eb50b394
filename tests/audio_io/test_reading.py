"""What is read is all that a file holds; what is broken is named in one line."""

import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiosr_pipeline.audio_io import (
    AudioFileError,
    audio_files,
    audio_format,
    passed_over,
    read_audio,
    write_audio,
)
from tests.audio_io.encode import encode


def some_audio(channels: int = 2, num_samples: int = 16_000, peak: float = 0.9) -> np.ndarray:
    audio = np.random.default_rng(0).uniform(-1, 1, (channels, num_samples)).astype(np.float32)
    return audio * np.float32(peak / np.abs(audio).max())


@pytest.fixture
def wav(tmp_path) -> Path:
    """A 16-bit stereo file of 16000 samples."""
    path = tmp_path / "whole.wav"
    write_audio(path, some_audio(), 16_000, "PCM_16")
    return path


def test_the_format_of_a_file_is_its_samples_and_its_rate(tmp_path):
    write_audio(tmp_path / "a.flac", np.zeros((1, 10), np.float32), 44_100, "PCM_24")
    assert audio_format(tmp_path / "a.flac") == "PCM_24 at 44100 Hz"


def message_of(path: Path) -> str:
    """The line that says why a file can't be read."""
    with pytest.raises(AudioFileError) as caught:
        read_audio(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_a_missing_file_is_named(tmp_path):
    assert message_of(tmp_path / "nix.wav").endswith("no such file or directory")


def test_a_folder_is_no_file(tmp_path):
    assert message_of(tmp_path).endswith("is a folder")
    assert message_of(Path(os.devnull)).endswith("is a device or a pipe, not a file")


def test_an_empty_file_is_named(tmp_path):
    (tmp_path / "a.wav").touch()
    assert message_of(tmp_path / "a.wav").endswith("is empty (0 bytes)")


def test_zero_samples_are_named(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((0, 2)), 16_000)
    assert message_of(tmp_path / "a.wav").endswith("holds no samples")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.m4a", "a"])
def test_text_is_no_audio_whatever_its_name(tmp_path, name):
    (tmp_path / name).write_text("This is a diary, and not a recording. " * 10)
    assert "not readable as audio: it is text. Accepted are WAV, FLAC, OGG" in message_of(tmp_path / name)


def test_headerless_samples_are_refused(tmp_path):
    (tmp_path / "a.raw").write_bytes(bytes(1_000))
    assert "headerless" in message_of(tmp_path / "a.raw")


@pytest.mark.parametrize("audio_format", ["WAV", "AIFF", "AU", "RF64"])
def test_a_truncated_file_says_how_much_is_missing(tmp_path, audio_format):
    path = tmp_path / "a.wav"
    soundfile.write(path, some_audio().T, 16_000, format=audio_format, subtype="PCM_16")
    # Two channels of two bytes each.
    path.write_bytes(path.read_bytes()[: -4 * 6_000])
    message = message_of(path)
    assert "its header promises 16000 samples (1.00 s), 10000 samples (0.62 s) could be read. Fetch" in message
    assert message.endswith("or save what is sound of it with: ffmpeg -i FILE OUT.wav")


@pytest.mark.parametrize("audio_format", ["FLAC", "MP3"])
def test_a_truncated_compressed_file_says_how_much_is_missing(tmp_path, audio_format):
    path = tmp_path / "a"
    soundfile.write(path, some_audio(num_samples=160_000).T, 16_000, format=audio_format)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = re.search(r"its header promises 160000 samples .*, (\d+) samples .* could be read", message_of(path))
    # Frames of either coder are short, and noise takes the same bits everywhere.
    assert found is not None
    assert int(found[1]) == pytest.approx(80_000, abs=8_000)


def test_a_truncated_ogg_file_is_noticed(tmp_path):
    path = tmp_path / "a.ogg"
    write_audio(path, some_audio(num_samples=160_000), 16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    message = message_of(path)
    assert "its header doesn't say its length" in message
    assert re.search(r"\d+ samples .* could be read \(it ends without an end mark\)", message)


def test_a_header_that_promises_too_much_memory_is_an_error(tmp_path):
    path = tmp_path / "a.flac"
    write_audio(path, some_audio(), 16_000)
    damaged = bytearray(path.read_bytes())
    # The last 36 bits of these 8 bytes are the number of samples.
    (header,) = struct.unpack(">Q", damaged[18:26])
    damaged[18:26] = struct.pack(">Q", header | (2**36 - 1))
    path.write_bytes(damaged)
    assert "its header promises 68719476735 samples" in message_of(path)


@pytest.mark.parametrize("size", [0x7FFF_F000, 0xFFFF_FFFF])
def test_a_header_written_to_a_pipe_promises_nothing(wav, size):
    """Text-to-speech programs and ffmpeg can't go back to fill in the size, and leave the largest there is."""
    piped = bytearray(wav.read_bytes())
    piped[40:44] = struct.pack("<I", size)
    wav.write_bytes(piped)
    assert read_audio(wav)[0].shape == (2, 16_000)


@pytest.mark.parametrize(
    ("audio_format", "subtype"), [("AIFF", "PCM_24"), ("OGG", "OPUS"), ("W64", None), ("CAF", "PCM_24"), ("NIST", None)]
)
def test_other_formats_are_read(tmp_path, audio_format, subtype):
    audio = some_audio(num_samples=300_000)
    path = tmp_path / "a"
    soundfile.write(path, audio.T, 48_000, format=audio_format, subtype=subtype)
    read, sampling_rate = read_audio(path)
    assert sampling_rate == 48_000
    assert np.array_equal(read, soundfile.read(path, dtype="float32")[0].T)


def test_a_folder_is_searched_for_audio_by_name_without_hidden_files(tmp_path):
    for name in ["b.WAV", "a/c.flac", "a/notes.txt", ".hidden.wav", ".trash/d.wav", "e.m4a", "f.png"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.wav").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in audio_files(tmp_path)]
    assert found == ["a/c.flac", "b.WAV", "e.m4a"]


@pytest.mark.parametrize("text", ["export const rate = 48_000;\n", "// Größe\n" + 900 * "äöü ", ""])
@pytest.mark.parametrize("suffix", [".ts", ".mts", ".TS"])
def test_programs_named_as_video_are_passed_over_in_folders(tmp_path, text, suffix):
    program = tmp_path / f"program{suffix}"
    program.write_text(text, encoding="utf-8")
    encode(tmp_path / "video.ts", some_audio(), 48_000, "mp2", "mpegts")
    assert audio_files(tmp_path) == [tmp_path / "video.ts"]
    assert passed_over(tmp_path) == [
        f"{tmp_path}: passed over 1 file that isn't named as audio or video: {program.name}"
    ]
