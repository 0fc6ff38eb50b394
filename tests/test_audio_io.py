"""What is written is read back; what is broken is named in one line."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiosr_pipeline import audio_io
from audiosr_pipeline.audio_io import (
    AudioFileError,
    audio_files,
    audio_format,
    fitting_gain,
    read_audio,
    write_audio,
    written_whole,
)


def some_audio(channels: int = 2, num_samples: int = 16_000, peak: float = 0.9) -> np.ndarray:
    audio = np.random.default_rng(0).uniform(-1, 1, (channels, num_samples)).astype(np.float32)
    return audio * np.float32(peak / np.abs(audio).max())


@pytest.fixture
def wav(tmp_path) -> Path:
    """A 16-bit stereo file of 16000 samples."""
    path = tmp_path / "whole.wav"
    write_audio(path, some_audio(), 16_000, "PCM_16")
    return path


@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [
        # Half a step of the integers, and the rounding of float32.
        (".wav", "PCM_16", 0.5001 * 2**-15),
        (".wav", "PCM_24", 0.5001 * 2**-23),
        (".wav", "FLOAT", 0),
        (".flac", "PCM_16", 0.5001 * 2**-15),
        (".flac", "PCM_24", 0.5001 * 2**-23),
    ],
)
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_what_is_written_is_read_back(tmp_path, suffix, subtype, tolerance, channels):
    audio = some_audio(channels)
    write_audio(tmp_path / f"a{suffix}", audio, 48_000, subtype)
    read, sampling_rate = read_audio(tmp_path / f"a{suffix}")
    assert sampling_rate == 48_000
    assert read.dtype == np.float32
    assert read.shape == audio.shape
    assert np.abs(read - audio).max() <= tolerance
    assert soundfile.info(tmp_path / f"a{suffix}").subtype == subtype


def test_ogg_is_vorbis_and_keeps_length_and_level(tmp_path):
    # Noise in the band that a coder keeps.
    audio = np.cumsum(some_audio(), axis=1)
    audio *= np.float32(0.5 / np.abs(audio).max())
    write_audio(tmp_path / "a.ogg", audio, 48_000)
    read, _ = read_audio(tmp_path / "a.ogg")
    assert soundfile.info(tmp_path / "a.ogg").subtype == "VORBIS"
    assert read.shape == audio.shape
    # Lossy at its default quality: 1 dB of level is wide of it.
    assert abs(20 * np.log10(read.std() / audio.std())) < 1


def test_minutes_of_ogg_can_be_written(tmp_path):
    """libvorbis overflows its stack when it gets them in one piece."""
    write_audio(tmp_path / "a.ogg", np.zeros((1, 180 * 48_000), np.float32), 48_000)
    assert soundfile.info(tmp_path / "a.ogg").frames == 180 * 48_000


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_integers_survive_exactly(tmp_path, subtype):
    """What was PCM stays the same PCM, from the most negative sample to the most positive."""
    bits = int(subtype[-2:])
    steps = np.array([[-(2 ** (bits - 1)), -1, 0, 1, 2 ** (bits - 1) - 1]])
    audio = (steps / 2 ** (bits - 1)).astype(np.float32)
    write_audio(tmp_path / "a.wav", audio, 48_000, subtype)
    assert np.array_equal(read_audio(tmp_path / "a.wav")[0], audio)


def test_rounding_does_not_shift_near_silence(tmp_path):
    """Rounding down would make of tiny negative samples a constant step below zero."""
    write_audio(tmp_path / "a.wav", np.full((1, 100), -1e-7, np.float32), 48_000, "PCM_16")
    assert not read_audio(tmp_path / "a.wav")[0].any()


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
@pytest.mark.parametrize("peak", [1.0, 1.0000001, 1.3, 17.0])
def test_the_fitting_gain_fits_and_is_no_lower_than_needed(tmp_path, subtype, peak):
    audio = some_audio(peak=1.0) * np.float32(peak)
    audio *= np.float32(fitting_gain(audio, subtype))
    write_audio(tmp_path / "a.wav", audio, 48_000, subtype)
    assert 0.9999 < np.abs(read_audio(tmp_path / "a.wav")[0]).max() <= 1


def test_float_needs_no_gain(tmp_path):
    audio = some_audio(peak=17.0)
    assert fitting_gain(audio, "FLOAT") == 1
    write_audio(tmp_path / "a.wav", audio, 48_000, "FLOAT")
    assert np.array_equal(read_audio(tmp_path / "a.wav")[0], audio)


def test_clipping_is_refused(tmp_path):
    with pytest.raises(AudioFileError, match=r"would clip in PCM_16"):
        write_audio(tmp_path / "a.wav", some_audio(peak=1.1), 48_000, "PCM_16")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "subtype", "message"),
    [
        ("a.mp3", None, r"can't write \.mp3, only \.wav, \.flac, \.ogg"),
        ("a", None, "can't write a file without a suffix"),
        ("a.flac", "FLOAT", "FLAC has no sample format FLOAT, only PCM_16, PCM_24"),
        ("a.ogg", "PCM_16", "OGG has no sample format PCM_16, only VORBIS"),
        ("no/folder/a.wav", None, "can't be written"),
    ],
)
def test_what_cannot_be_written_is_said(tmp_path, name, subtype, message):
    with pytest.raises(AudioFileError, match=message):
        write_audio(tmp_path / name, some_audio(), 48_000, subtype)
    assert list(tmp_path.iterdir()) == []


def test_too_many_channels_for_flac(tmp_path):
    with pytest.raises(AudioFileError, match=r"a\.flac: can't be written"):
        write_audio(tmp_path / "a.flac", some_audio(channels=9), 48_000)
    assert list(tmp_path.iterdir()) == []


def test_a_wav_file_of_more_than_4_gb_becomes_rf64(tmp_path, monkeypatch):
    monkeypatch.setattr(audio_io, "MAX_WAV_BYTES", 2 * 2 * 16_000 - 1)
    audio = some_audio()
    write_audio(tmp_path / "a.wav", audio, 48_000, "PCM_16")
    assert soundfile.info(tmp_path / "a.wav").format == "RF64"
    assert np.abs(read_audio(tmp_path / "a.wav")[0] - audio).max() < 2**-15
    write_audio(tmp_path / "b.wav", audio[:, 1:], 48_000, "PCM_16")
    assert soundfile.info(tmp_path / "b.wav").format == "WAV"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("disk full")])
def test_an_interrupted_write_leaves_what_was_there(wav, monkeypatch, error):
    before = wav.read_bytes()
    written = []

    def fail(audio, subtype):
        written.append(audio)
        if len(written) == 2:
            raise error
        return audio

    monkeypatch.setattr(audio_io, "_quantize", fail)
    with pytest.raises((KeyboardInterrupt, AudioFileError)):
        write_audio(wav, some_audio(num_samples=2 * audio_io.BLOCK), 16_000, "FLOAT")
    assert len(written) == 2
    assert list(wav.parent.iterdir()) == [wav]
    assert wav.read_bytes() == before


def test_the_format_of_a_file_is_its_samples_and_its_rate(tmp_path):
    write_audio(tmp_path / "a.flac", np.zeros((1, 10), np.float32), 44_100, "PCM_24")
    assert audio_format(tmp_path / "a.flac") == "PCM_24 at 44100 Hz"


def test_written_whole_appears_at_the_end_only(tmp_path):
    with written_whole(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        assert temporary.parent == tmp_path
        assert not (tmp_path / "a.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


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


def test_an_empty_file_is_named(tmp_path):
    (tmp_path / "a.wav").touch()
    assert message_of(tmp_path / "a.wav").endswith("is empty (0 bytes)")


def test_zero_samples_are_named(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((0, 2)), 16_000)
    assert message_of(tmp_path / "a.wav").endswith("holds no samples")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.m4a", "a"])
def test_text_is_no_audio_whatever_its_name(tmp_path, name):
    (tmp_path / name).write_text("This is a diary, and not a recording. " * 10)
    assert "not readable as audio: format not recognised. Accepted are WAV, FLAC, OGG" in message_of(tmp_path / name)


def test_headerless_samples_are_refused(tmp_path):
    (tmp_path / "a.raw").write_bytes(bytes(1_000))
    assert "headerless" in message_of(tmp_path / "a.raw")


@pytest.mark.parametrize("audio_format", ["WAV", "AIFF", "AU", "RF64"])
def test_a_truncated_file_says_how_much_is_missing(tmp_path, audio_format):
    path = tmp_path / "a.wav"
    soundfile.write(path, some_audio().T, 16_000, format=audio_format, subtype="PCM_16")
    # Two channels of two bytes each.
    path.write_bytes(path.read_bytes()[: -4 * 6_000])
    assert message_of(path).endswith("truncated or damaged: its header promises 16000 samples, 10000 could be read")


@pytest.mark.parametrize("audio_format", ["FLAC", "MP3"])
def test_a_truncated_compressed_file_says_how_much_is_missing(tmp_path, audio_format):
    path = tmp_path / "a"
    soundfile.write(path, some_audio(num_samples=160_000).T, 16_000, format=audio_format)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    promise, found = message_of(path).removesuffix(" could be read").split(" samples, ")
    assert promise.endswith("its header promises 160000")
    # Frames of either coder are short, and noise takes the same bits everywhere.
    assert int(found) == pytest.approx(80_000, abs=8_000)


def test_a_truncated_ogg_file_is_noticed(tmp_path):
    path = tmp_path / "a.ogg"
    write_audio(path, some_audio(num_samples=160_000), 16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "truncated: it ends without an end mark after" in message_of(path)


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
    ("audio_format", "subtype"), [("AIFF", "PCM_24"), ("MP3", None), ("OGG", "OPUS"), ("W64", None)]
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
