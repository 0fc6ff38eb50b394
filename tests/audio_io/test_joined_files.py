"""What stands in front of an audio file's first byte or behind its last is neither played nor passed over unsaid."""

import struct
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import soundfile

from audiosr_pipeline.audio_io import AudioFileError, audio_length, audio_notes, read_audio
from tests.audio_io.encode import encode, sweep

FOLLOWED = "another file stands behind its samples"
ENCODERS = {
    "a.mp4": ("aac", "mp4", {}),
    "fragments.mp4": ("aac", "mp4", {"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"}),
    "a.mov": ("aac", "mov", {}),
    "a.wma": ("wmav2", "asf", {}),
    "a.flv": ("mp3", "flv", {}),
    "a.avi": ("mp3", "avi", {}),
    "a.webm": ("libopus", "webm", {}),
    "a.tta": ("tta", "tta", {}),
    "a.flac": ("flac", "flac", {}),
    "a.opus": ("libopus", "ogg", {}),
    "a.mp3": ("mp3", "mp3", {}),
    "a.latm": ("aac", "latm", {}),
}
# An ID3 tag of the second version, with a title and padding, as players write it in front of anything.
ID3 = b"ID3\3\0\0" + bytes((0, 0, 2, 0x2C)) + b"TIT2\0\0\0\5\0\0\0Song" + bytes(285)


@cache
def coded(name: str) -> bytes:
    codec, container, options = ENCODERS[name]
    rate = 48_000 if codec == "libopus" else 44_100
    bit_rate = {"b": "128k"} if codec in ("wmav2", "aac", "mp3") else {}
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        encode(path, sweep(50_003, rate), rate, codec, container, options, **bit_rate)
        return path.read_bytes()


def pcm(folder: Path, audio_format: str, num_samples: int = 30_001) -> bytes:
    soundfile.write(folder / "pcm", sweep(num_samples, 16_000).T, 16_000, "PCM_16", format=audio_format)
    return (folder / "pcm").read_bytes()


def read(folder: Path, data: bytes) -> np.ndarray:
    """The samples; `audio_length` must agree with them."""
    path = folder / "x"
    path.write_bytes(data)
    audio, sampling_rate = read_audio(path)
    assert audio_length(path) == (audio.shape[1], sampling_rate)
    return audio


def message(folder: Path, data: bytes) -> str:
    (folder / "x").write_bytes(data)
    with pytest.raises(AudioFileError) as caught:
        read_audio(folder / "x")
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.mp4", "fragments.mp4", "a.mov", "a.wma", "a.flv", "a.avi", "a.webm", "a.tta"])
def test_the_second_of_two_coded_files_is_not_passed_over(tmp_path, name):
    data = coded(name)
    assert FOLLOWED in message(tmp_path, 2 * data)


@pytest.mark.parametrize("audio_format", ["AU", "NIST", "IRCAM", "AIFF", "CAF", "W64"])
def test_the_second_of_two_files_of_samples_is_not_passed_over_nor_its_header_played(tmp_path, audio_format):
    assert FOLLOWED in message(tmp_path, 2 * pcm(tmp_path, audio_format))


@pytest.mark.parametrize(
    ("audio_format", "places"), [("WAV", (4, 40)), ("AU", (8,)), ("RF64", (20, 28)), ("AIFF", (4, 42)), ("CAF", ())]
)
def test_the_second_of_two_files_from_a_pipe_is_not_played(tmp_path, audio_format, places):
    """Their headers don't say where they end."""
    data = bytearray(pcm(tmp_path, audio_format))
    if audio_format == "CAF":
        places = (data.index(b"data") + 4, data.index(b"data") + 8)
    for place in places:
        data[place : place + 4] = b"\xff" * 4
    if audio_format == "RF64":
        data[20:36] = b"\xff" * 16
    assert read(tmp_path, data).shape == (2, 30_001)
    assert FOLLOWED in message(tmp_path, 2 * data)


@pytest.mark.parametrize("first", ["WAV", "AU", "a.mp4", "a.opus", "a.mp3", "a.webm"])
@pytest.mark.parametrize("second", ["WAV", "a.flac", "a.mp4", "a.mp3"])
def test_a_file_of_another_kind_behind_the_first_is_not_passed_over(tmp_path, first, second):
    if first == second:
        return
    data = [coded(name) if "." in name else pcm(tmp_path, name) for name in (first, second)]
    assert FOLLOWED in message(tmp_path, b"".join(data))


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def wav(samples: bytes, *more: bytes) -> bytes:
    """A WAV file of 16 bits, one channel, 16 kHz, with chunks behind its samples."""
    form = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16))
    body = b"WAVE" + form + chunk(b"data", samples) + b"".join(more)
    return b"RIFF" + struct.pack("<I", len(body)) + body


SAMPLES = (sweep(20_000, 16_000, 1)[0] * 2**15).astype("<i2").tobytes()
LIST = chunk(b"LIST", b"INFOISFT\x0e\0\0\0Lavf59.27.100\0")
JUNK = np.random.default_rng(0).bytes(3_000)


@pytest.mark.parametrize("between", [b"", LIST])
def test_samples_in_two_chunks_are_an_error(tmp_path, between):
    """RIFF allows one; decoders read the first or the last."""
    assert "two chunks" in message(tmp_path, wav(SAMPLES, between, chunk(b"data", SAMPLES)))


@pytest.mark.parametrize(
    "more",
    [
        [LIST],
        [chunk(b"id3 ", ID3), LIST, chunk(b"JUNK", bytes(77)), chunk(b"bext", b"x" * 602)],
        [chunk(b"data", b"")],
        [chunk(b"_PMX", b"<x/>")],
    ],
)
@pytest.mark.parametrize("behind", [b"", b"\r\n", bytes(2_000), b"TAG" + b" " * 125, ID3])
def test_chunks_tags_and_what_is_too_short_for_a_block_are_no_samples(tmp_path, more, behind):
    expected = np.frombuffer(SAMPLES, "<i2") / np.float32(2**15)
    assert np.array_equal(read(tmp_path, wav(SAMPLES, *more) + behind)[0], expected)
    assert audio_notes(tmp_path / "x") == []


def with_length(data: bytes, place: int, length: int) -> bytes:
    return data[:place] + struct.pack("<I", length) + data[place + 4 :]


@pytest.mark.parametrize("tail", [JUNK, b"-----boundary, and some more text " * 40])
def test_junk_behind_the_samples_is_not_played(tmp_path, tail):
    data = wav(SAMPLES)
    junk = "is no chunk and doesn't sound like them"
    assert junk in message(tmp_path, data + tail)
    # Counted by the length of the whole, and by that of the samples.
    assert junk in message(tmp_path, with_length(data, 4, len(data) - 8 + len(tail)) + tail)
    assert junk in message(tmp_path, with_length(data, 40, len(SAMPLES) + len(tail)) + tail)
    assert read(tmp_path, wav(SAMPLES, LIST) + tail).shape == (1, 20_000)


def test_chunks_that_the_length_of_the_samples_counts_are_no_samples(tmp_path):
    data = wav(SAMPLES) + LIST
    assert read(tmp_path, with_length(data, 40, len(SAMPLES) + len(LIST))).shape == (1, 20_000)
    # Of unknown length, too.
    assert read(tmp_path, with_length(data, 40, 0xFFFF_FFFF)).shape == (1, 20_000)


@pytest.mark.parametrize("kind", ["sweep", "noise", "silence"])
@pytest.mark.parametrize("is_whole", [False, True])
def test_samples_that_go_on_behind_the_length_in_the_header_are_read_and_that_is_said(tmp_path, kind, is_whole):
    noise = np.random.default_rng(0).normal(0, 3_000, 20_000).astype("<i2").tobytes()
    samples = {"sweep": SAMPLES, "noise": noise, "silence": bytes(20_000) + SAMPLES[20_000:]}[kind]
    data = with_length(wav(samples), 40, 8_000)
    if not is_whole:
        data = with_length(data, 4, 8_036)
    assert np.array_equal(read(tmp_path, data)[0], np.frombuffer(samples, "<i2") / np.float32(2**15))
    note = "its header says 4000 samples, 20000 were read: what follows sounds like more of them"
    assert audio_notes(tmp_path / "x") == [note]


def test_au_and_nist_files_that_are_longer_than_their_headers_say(tmp_path):
    data = bytearray(pcm(tmp_path, "AU"))
    expected = read(tmp_path, data)
    data[8:12] = struct.pack(">I", 20_000)
    assert np.array_equal(read(tmp_path, data), expected)
    assert "its header says 5000 samples" in audio_notes(tmp_path / "x")[0]
    nist = pcm(tmp_path, "NIST")
    for tail in (bytes(1_000), b"\r\n"):
        assert np.array_equal(read(tmp_path, nist + tail), expected)
    assert "doesn't sound like them" in message(tmp_path, nist + JUNK)


def test_zeros_behind_a_w64_file_are_no_samples(tmp_path):
    data = pcm(tmp_path, "W64")
    assert read(tmp_path, data + bytes(1_000)).shape == (2, 30_001)


@pytest.mark.parametrize("front", [ID3, bytes(1_000), ID3 + bytes(500), bytes(500) + ID3])
@pytest.mark.parametrize(
    "name",
    ["WAV", "AIFF", "AU", "CAF", "W64", "RF64", "NIST", "a.flac", "a.opus", "a.latm", "a.wma", "a.webm", "a.mp3"],
)
def test_a_tag_or_zeros_in_front_change_nothing(tmp_path, name, front):
    data = coded(name) if "." in name else pcm(tmp_path, name)
    expected = read(tmp_path, data)
    assert np.array_equal(read(tmp_path, front + data), expected)


@pytest.mark.parametrize("has_id3", [False, True])
@pytest.mark.parametrize("num_bytes", [1, 1_000, 5_000, 50_000])
def test_zeros_around_mp3_with_a_tag_of_its_length_do_not_shift_it(tmp_path, has_id3, num_bytes):
    data = coded("a.mp3")
    expected = read(tmp_path, data)
    assert expected.shape == (2, 50_003)
    if not has_id3:
        data = data[10 + data[9] :]
    for front, behind in ((num_bytes, 0), (0, num_bytes), (num_bytes, num_bytes)):
        assert np.array_equal(read(tmp_path, bytes(front) + data + bytes(behind)), expected)
    # Other bytes too; joined ones are all read.
    junk = np.random.default_rng(0).bytes(min(num_bytes, 5_000))
    assert np.array_equal(read(tmp_path, data + junk), expected)
    assert np.array_equal(read(tmp_path, data + bytes(num_bytes) + data), np.concatenate([expected, expected], axis=1))


def test_untagged_mp3_in_front_of_tagged_is_not_left_out(tmp_path):
    encode(tmp_path / "b.mp3", sweep(20_000, 44_100), 44_100, "mp3", None, {"write_xing": "0", "id3v2_version": "0"})
    data = (tmp_path / "b.mp3").read_bytes()
    assert read(tmp_path, data + coded("a.mp3")).shape[1] >= 70_003


@pytest.mark.parametrize("codec", ["ac3", "eac3"])
@pytest.mark.parametrize("tail", [bytes(1_000), JUNK])
def test_what_stands_behind_ac3_does_not_cost_its_last_frame(tmp_path, codec, tail):
    encode(tmp_path / "a", sweep(100_003, 48_000), 48_000, codec, codec)
    assert "something else stands behind" in message(tmp_path, (tmp_path / "a").read_bytes() + tail)
