"""The length of a file is what can be decoded, whatever its header says; what is missing is said."""

import os
import re
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from audiosr_pipeline.audio_io import AudioFileError, audio_length, read_audio, read_segment
from tests.audio_io.encode import encode, sweep

NO_TAG = {"write_xing": "0"}


def wav_bytes(path: Path, num_samples: int = 80_000, **kind: str) -> bytearray:
    soundfile.write(path, sweep(num_samples, 16_000, 1).T, 16_000, **{"subtype": "PCM_16", **kind})
    return bytearray(path.read_bytes())


def whole(path: Path) -> np.ndarray:
    """The samples; `audio_length` and `read_segment` must agree with them."""
    audio, sampling_rate = read_audio(path)
    assert audio_length(path) == (audio.shape[1], sampling_rate)
    start_s = max(0.0, audio.shape[1] / sampling_rate - 0.1)
    segment, _ = read_segment(path, start_s, min(0.1, audio.shape[1] / sampling_rate))
    assert np.array_equal(segment, audio[:, round(start_s * sampling_rate) :][:, : segment.shape[1]])
    return audio


@pytest.mark.parametrize("length", [0, 32_000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
def test_a_wav_file_whose_length_was_never_filled_in_is_read_to_its_end(tmp_path, length):
    data = wav_bytes(tmp_path / "a.wav")
    expected = read_audio(tmp_path / "a.wav")[0]
    data[4:8] = struct.pack("<I", min(length + 36, 0xFFFF_FFFF))
    data[40:44] = struct.pack("<I", length)
    (tmp_path / "a.wav").write_bytes(data)
    assert np.array_equal(whole(tmp_path / "a.wav"), expected)


@pytest.mark.parametrize("tail", [b"", b"LIST\x04\0\0\0INFO", b"TAG" + b" " * 125, bytes(3_000)])
def test_what_follows_the_samples_of_a_wav_file_is_not_taken_for_more(tmp_path, tail):
    data = wav_bytes(tmp_path / "a.wav")
    expected = read_audio(tmp_path / "a.wav")[0]
    (tmp_path / "a.wav").write_bytes(data + tail)
    assert np.array_equal(whole(tmp_path / "a.wav"), expected)


def test_a_chunk_after_an_odd_number_of_bytes_without_padding_is_no_audio(tmp_path):
    data = wav_bytes(tmp_path / "a.wav", 1_001, subtype="PCM_U8")
    del data[44 + 1_001 :]
    (tmp_path / "a.wav").write_bytes(data + b"LIST\x04\0\0\0INFO")
    assert whole(tmp_path / "a.wav").shape == (1, 1_001)


@pytest.mark.parametrize("num_samples", [10, 200, 30_000])
def test_silence_from_a_pipe_whose_length_is_zero_is_silence(tmp_path, num_samples):
    soundfile.write(tmp_path / "a.wav", np.zeros(num_samples), 16_000, "PCM_16")
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[4:8] = data[40:44] = bytes(4)
    for length in (0, 36):
        data[4:8] = struct.pack("<I", length)
        (tmp_path / "a.wav").write_bytes(data)
        audio = whole(tmp_path / "a.wav")
        assert audio.shape == (1, num_samples)
        assert not audio.any()


def test_an_empty_wav_file_with_chunks_after_it_holds_no_samples(tmp_path):
    data = wav_bytes(tmp_path / "a.wav", 0)
    (tmp_path / "a.wav").write_bytes(data + b"LIST\x04\0\0\0INFO")
    with pytest.raises(AudioFileError, match="holds no samples"):
        read_audio(tmp_path / "a.wav")


@pytest.mark.parametrize("length", [0, 0x7F00_0008])
def test_an_aiff_file_from_a_pipe_is_read_to_its_end(tmp_path, length):
    """FFmpeg leaves zeros, sox the largest length that it knows."""
    data = wav_bytes(tmp_path / "a.aiff", format="AIFF")
    expected = read_audio(tmp_path / "a.aiff")[0]
    comm, ssnd = data.index(b"COMM"), data.index(b"SSND")
    data[4:8] = struct.pack(">I", length)
    data[comm + 10 : comm + 14] = struct.pack(">I", length // 2)
    data[ssnd + 4 : ssnd + 8] = struct.pack(">I", length)
    (tmp_path / "a.aiff").write_bytes(data)
    assert np.array_equal(whole(tmp_path / "a.aiff"), expected)


def test_an_rf64_file_whose_length_was_never_filled_in(tmp_path):
    data = wav_bytes(tmp_path / "a.wav", format="RF64")
    expected = read_audio(tmp_path / "a.wav")[0]
    data[20:44] = bytes(24)
    (tmp_path / "a.wav").write_bytes(data)
    assert np.array_equal(whole(tmp_path / "a.wav"), expected)


@pytest.mark.parametrize("codec_options", [{"b": "64k"}, {"b": "128k"}, {"global_quality": "472", "flags": "+qscale"}])
@pytest.mark.parametrize("loud", ["start", "end"])
def test_mp3_without_a_tag_is_read_whole_at_any_bit_rate(tmp_path, codec_options, loud):
    """What a file's first frame says of its length is far off where the bit rate changes."""
    audio = sweep(441_000, 44_100, 1) * 0.2
    part = slice(0, 44_100) if loud == "start" else slice(-44_100, None)
    audio[:, part] += 0.3 * np.random.default_rng(0).standard_normal(44_100).astype(np.float32)
    encode(tmp_path / "a.mp3", audio, 44_100, "mp3", None, NO_TAG, **codec_options)
    # The delay of 1105 samples, and whole frames.
    assert whole(tmp_path / "a.mp3").shape == (1, -(-(441_000 + 1_105) // 1_152) * 1_152)


def test_a_picture_in_front_of_mp3_is_passed_over(tmp_path):
    encode(tmp_path / "a.mp3", sweep(100_000, 44_100), 44_100, "mp3", None, NO_TAG | {"id3v2_version": "0"})
    expected = whole(tmp_path / "a.mp3")
    # A picture of 300 kB, in which bytes look like the start of a frame.
    body = b"APIC" + struct.pack(">I", 300_014) + b"\0\0\0image/jpeg\0\3\0" + b"\xff\xfb\x90\x64\xff\xd8" * 50_000
    size = bytes((len(body) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    (tmp_path / "a.mp3").write_bytes(b"ID3\3\0\0" + size + body + (tmp_path / "a.mp3").read_bytes())
    assert np.array_equal(whole(tmp_path / "a.mp3"), expected)


def test_joined_mp3_files_are_read_to_the_end_of_the_last(tmp_path):
    encode(tmp_path / "a.mp3", sweep(100_000, 44_100), 44_100, "mp3")
    (tmp_path / "b.mp3").write_bytes(2 * (tmp_path / "a.mp3").read_bytes())
    assert whole(tmp_path / "b.mp3").shape[1] >= 200_000


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_all_links_of_a_chained_ogg_file_are_read(tmp_path, subtype):
    parts = []
    for number, length in enumerate((50_003, 70_001, 1_000)):
        with soundfile.SoundFile(tmp_path / "a.ogg", "w", 48_000, 2, subtype, format="OGG") as file:
            file.write(sweep(length, 48_000).T * 0.5**number)
        parts.append(((tmp_path / "a.ogg").read_bytes(), read_audio(tmp_path / "a.ogg")[0]))
    (tmp_path / "a.ogg").write_bytes(b"".join(data for data, _ in parts))
    read = whole(tmp_path / "a.ogg")
    assert read.shape == (2, 121_004)
    assert np.array_equal(read, np.concatenate([audio for _, audio in parts], axis=1))
    across, _ = read_segment(tmp_path / "a.ogg", 1.0, 0.5)
    # Opus' decoder needs a moment to come to the same after a seek.
    assert np.abs(across - read[:, 48_000:72_000]).max() < (0 if subtype == "VORBIS" else 0.05) + 1e-9


def test_links_of_different_kinds_are_refused(tmp_path):
    data = b""
    for rate in (44_100, 48_000):
        soundfile.write(tmp_path / "a.ogg", sweep(20_000, rate).T, rate)
        data += (tmp_path / "a.ogg").read_bytes()
    (tmp_path / "a.ogg").write_bytes(data)
    with pytest.raises(AudioFileError, match="2 channels at 44100 Hz, 2 channels at 48000 Hz"):
        read_audio(tmp_path / "a.ogg")


def flac_bytes(path: Path) -> tuple[bytearray, np.ndarray]:
    encode(path, sweep(100_003, 44_100), 44_100, "flac")
    return bytearray(path.read_bytes()), read_audio(path)[0]


def test_flac_of_unknown_length(tmp_path):
    data, expected = flac_bytes(tmp_path / "a.flac")
    # The last 36 bits of these 8 bytes are the number of samples.
    (header,) = struct.unpack(">Q", data[18:26])
    data[18:26] = struct.pack(">Q", header >> 36 << 36)
    (tmp_path / "a.flac").write_bytes(data)
    assert np.array_equal(whole(tmp_path / "a.flac"), expected)


def frames_of(data: bytes) -> list[int]:
    """Where the frames of a FLAC file of fixed block size at 44.1 kHz, stereo, begin."""
    return [match.start() for match in re.finditer(rb"\xff\xf8[\x59\xc9\x79][\x18\x88\x98\xa8]", data)]


def test_a_stretch_of_flac_cut_out_without_decoding_is_itself_and_no_more(tmp_path):
    data, expected = flac_bytes(tmp_path / "a.flac")
    frames = frames_of(data)
    block = struct.unpack(">H", data[10:12])[0]
    (tmp_path / "a.flac").write_bytes(data[: frames[0]] + data[frames[4] : frames[12]])
    assert np.array_equal(whole(tmp_path / "a.flac"), expected[:, 4 * block : 12 * block])


def test_flac_that_lacks_its_end_or_a_frame_in_the_middle_is_an_error(tmp_path):
    data, _ = flac_bytes(tmp_path / "a.flac")
    frames = frames_of(data)
    block = struct.unpack(">H", data[10:12])[0]
    (tmp_path / "a.flac").write_bytes(data[: frames[10]])
    for function in (read_audio, audio_length):
        with pytest.raises(AudioFileError, match=f"promises 100003 samples .*, {10 * block} samples .* could"):
            function(tmp_path / "a.flac")
    (tmp_path / "a.flac").write_bytes(data[: frames[10]] + data[frames[12] :])
    with pytest.raises(AudioFileError, match=f"promises 100003.*, {10 * block} samples .*{2 * block} are missing"):
        read_audio(tmp_path / "a.flac")
    data[frames[10] + 500] ^= 0x55
    (tmp_path / "a.flac").write_bytes(data)
    with pytest.raises(AudioFileError, match="damaged"):
        read_audio(tmp_path / "a.flac")


@pytest.mark.parametrize(
    ("name", "codec", "container", "options"),
    [
        ("a.m4a", "aac", "ipod", {"movflags": "faststart"}),
        ("b.m4a", "aac", "ipod", {}),
        ("a.webm", "libopus", "webm", {}),
        ("a.wma", "wmav2", "asf", {}),
        ("a.avi", "mp3", "avi", {}),
        ("a.wav", "mp3", "wav", {}),
        ("a.mp3", "mp3", None, {}),
        ("a.flac", "flac", None, {}),
        ("a.oga", "flac", "ogg", {}),
        ("a.wv", "wavpack", None, {}),
        ("a.tta", "tta", None, {}),
    ],
)
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_truncated_file_is_an_error(tmp_path, name, codec, container, options, kept):
    path = tmp_path / name
    encode(path, sweep(300_000, 48_000), 48_000, codec, container, options, b="128k")
    os.truncate(path, round(kept * path.stat().st_size))
    for function in (read_audio, audio_length):
        with pytest.raises(AudioFileError, match=re.escape(str(path))):
            function(path)


def test_damage_in_the_first_frame_is_an_error_as_any_other(tmp_path):
    encode(tmp_path / "a.wv", sweep(20_000, 48_000), 48_000, "wavpack")
    data = bytearray((tmp_path / "a.wv").read_bytes())
    data[4:8] = b"\xff" * 4
    (tmp_path / "a.wv").write_bytes(data)
    with pytest.raises(AudioFileError):
        read_audio(tmp_path / "a.wv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n<!DOCTYPE html><html><body>404</body></html>", "is a web page, not audio"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "is a git-lfs pointer"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/a.ts\n", "is a playlist, not audio"),
        (b"ffconcat version 1.0\nfile secret.wav\n", "not readable as audio: it is text"),
        (bytes(range(256)) * 20, "not readable as audio: format not recognised"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), "not readable as audio"),
    ],
)
def test_what_is_no_audio_is_called_what_it_is(tmp_path, content, message):
    (tmp_path / "a.mp3").write_bytes(content)
    with pytest.raises(AudioFileError, match=message):
        read_audio(tmp_path / "a.mp3")


def test_a_video_without_sound_holds_no_audio(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as file:
        picture = file.add_stream("mpeg4", rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        file.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        file.mux(picture.encode(None))
    with pytest.raises(AudioFileError, match="holds no audio"):
        read_audio(tmp_path / "a.mp4")
