"""Files that are valid, or near it, and that decoders by themselves read wrong."""

import struct
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from audiosr_pipeline.audio_io import (
    AudioFileError,
    audio_length,
    audio_notes,
    looks_like_file,
    read_audio,
    read_segment,
    write_audio,
)
from audiosr_pipeline.audio_io.ffmpeg import FFmpegSource
from audiosr_pipeline.audio_io.ogg import MIRRORED
from audiosr_pipeline.audio_io.window import Window
from tests.audio_io.encode import encode, sweep


@pytest.mark.parametrize(("audio_format", "subtype"), [("CAF", "PCM_16"), ("W64", "PCM_16"), ("W64", "FLOAT")])
@pytest.mark.parametrize("num_samples", [10_000, 10_001])
def test_headers_that_sox_writes_once_more_into_a_pipe_are_no_sound(tmp_path, audio_format, subtype, num_samples):
    """It can't go back to fill in the length: the header comes twice in front, and once behind the samples."""
    path = tmp_path / "a"
    audio = sweep(num_samples, 16_000, 1)
    soundfile.write(path, audio.T, 16_000, format=audio_format, subtype=subtype)
    expected = read_audio(path)[0]
    assert expected.shape == audio.shape
    data = path.read_bytes()
    header_bytes = data.index(b"data") + (16 if audio_format == "CAF" else 24)
    header = bytearray(data[:header_bytes])
    # The length of nothing.
    if audio_format == "CAF":
        header[-12:-4] = struct.pack(">Q", 4)
    else:
        header[-8:], header[16:24] = struct.pack("<Q", 23), bytes(8)
    samples = data[header_bytes:][: num_samples * (4 if subtype == "FLOAT" else 2)]
    path.write_bytes(2 * header + samples + header)
    assert np.array_equal(read_audio(path)[0], expected)
    assert audio_length(path) == (num_samples, 16_000)


# What a coder may change of a channel's level: a third of what the channels of these tests differ by at least, 12 %.
CODED = 0.04


def levels(audio: np.ndarray, names: str) -> np.ndarray:
    """Of each channel, against the first. Coders change levels alike, to some percent, and neighbours differ by 8 % and
    more; of the channel of low frequencies, "w", they leave only these."""
    rms = np.sqrt((audio**2).mean(axis=1))
    return np.array([level / rms[0] for level, name in zip(rms, names, strict=True) if name != "w"])


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("channels", [3, 5, 6, 8])
def test_channels_of_vorbis_and_opus_come_in_the_order_of_wav(tmp_path, subtype, channels):
    """Section 4.3.9 of the Vorbis I specification: left, centre, right, ..., the low frequencies last."""
    audio = np.stack([(0.1 + 0.05 * place) * sweep(48_000, 48_000, 1)[0] for place in range(channels)])
    path = tmp_path / "a.ogg"
    soundfile.write(path, audio.T, 48_000, format="OGG", subtype=subtype)
    names = {3: "lcr", 5: "lcrab", 6: "lcrabw", 8: "lcrstabw"}[channels]
    wav = {3: "lrc", 5: "lrcab", 6: "lrcwab", 8: "lrcwabst"}[channels]
    read = read_audio(path)[0]
    assert levels(read, wav) == pytest.approx(levels(audio[[names.index(name) for name in wav]], wav), rel=CODED)


def test_channels_are_written_to_vorbis_in_its_order(tmp_path):
    audio = np.stack([(0.1 + 0.05 * place) * sweep(48_000, 48_000, 1)[0] for place in range(6)])
    write_audio(tmp_path / "a.ogg", audio, 48_000)
    expected = levels(audio, "lrcwab")
    assert levels(read_audio(tmp_path / "a.ogg")[0], "lrcwab") == pytest.approx(expected, rel=CODED)
    # In the file the third is the right one.
    assert levels(soundfile.read(tmp_path / "a.ogg")[0].T, "lcrabw")[2] == pytest.approx(expected[1], rel=CODED)


@pytest.mark.parametrize("sync", ["fe7f0180", "7ffe8001", "ff1f00e8", "72f81f4e"])
def test_a_coded_stream_in_the_samples_of_a_wav_file_is_no_sound(tmp_path, sync):
    """As on DTS discs and from digital outputs: played as samples it is noise at full scale."""
    rng = np.random.default_rng(0)
    stream = b"".join(bytes.fromhex(sync) + rng.bytes(2_044) for _ in range(40))
    samples = np.frombuffer(bytes(4_096) + stream, "<i2").reshape(-1, 2)
    soundfile.write(tmp_path / "a.wav", samples, 44_100, subtype="PCM_16")
    with pytest.raises(AudioFileError, match="its samples are no sound but .*decode them first"):
        read_audio(tmp_path / "a.wav")
    # Once is chance.
    soundfile.write(tmp_path / "b.wav", samples[:2_000], 44_100, subtype="PCM_16")
    assert read_audio(tmp_path / "b.wav")[0].shape == (2, 2_000)


def test_a_coder_in_wav_in_which_libsndfile_can_t_seek_is_read_from_any_place(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, sweep(30_080, 8_000, 1).T, 8_000, subtype="GSM610")
    read = read_audio(path)[0]
    assert np.array_equal(read_segment(path, 2.0, 0.5)[0], read[:, 16_000:20_000])


def test_the_length_of_flac_in_which_ffmpeg_can_t_seek(tmp_path):
    """One of a single frame, such as any below a tenth of a second."""
    for num_samples in (1, 1_000, 16_000):
        write_audio(tmp_path / "a.flac", sweep(num_samples, 16_000, 1), 16_000)
        assert audio_length(tmp_path / "a.flac") == (num_samples, 16_000)
        read = read_audio(tmp_path / "a.flac")[0]
        assert np.array_equal(
            read_segment(tmp_path / "a.flac", 0.5 * num_samples / 16_000, 0.01)[0][:, :1],
            read[:, num_samples // 2 :][:, :1],
        )


@pytest.mark.parametrize("marked", [None, 1])
def test_of_several_audio_tracks_the_default_one_or_the_first_is_read_and_said(tmp_path, marked):
    path = tmp_path / "a.mka"
    lengths = (48_000, 96_000, 72_000)
    with av.open(str(path), "w") as file:
        streams = [file.add_stream("pcm_s16le", rate=48_000, layout=layout) for layout in ("mono", "stereo", "mono")]
        for number, stream in enumerate(streams):
            stream.disposition = 1 if number == marked else 0
        for stream, length in zip(streams, lengths, strict=True):
            channels = stream.layout.nb_channels
            samples = np.zeros((1, length * channels), np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=stream.layout.name)
            frame.sample_rate = 48_000
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    number = marked or 0
    assert read_audio(path)[0].shape[1] == lengths[number]
    assert audio_notes(path) == [f"of 3 audio tracks, number {number + 1} was read"]


@pytest.mark.parametrize("audio_format", ["MAT5", "VOC", "AVR", "SVX"])
def test_formats_of_which_libsndfile_does_not_tell_the_length_are_refused(tmp_path, audio_format):
    soundfile.write(tmp_path / "a", sweep(1_000, 16_000, 1).T, 16_000, format=audio_format, subtype="PCM_16")
    with pytest.raises(AudioFileError, match="isn't read: make it WAV first, with: sox FILE OUT.wav"):
        read_audio(tmp_path / "a")


def sparse_wav(path: Path, num_bytes: int, length: int) -> None:
    """A mono WAV file of 16 bits at 48 kHz, of zeros but for its last 1,000 samples, whose header says a length."""
    with open(path, "wb") as file:
        header = struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            b"RIFF",
            (length + 36) % 2**32,
            b"WAVE",
            b"fmt ",
            16,
            1,
            1,
            48_000,
            96_000,
            2,
            16,
            b"data",
            length,
        )
        file.write(header)
        file.truncate(len(header) + num_bytes)
        file.seek(len(header) + num_bytes - 2_000)
        file.write(np.full(1_000, 2**14, "<i2").tobytes())


def test_a_wav_file_whose_length_field_has_overflown_is_read_to_its_end(tmp_path):
    """Programs that don't know RF64 go on beyond 4 GB, and leave the length's lower 32 bits."""
    num_bytes = 2**32 + 5_000_000
    sparse_wav(tmp_path / "a.wav", num_bytes, num_bytes % 2**32)
    num_samples = num_bytes // 2
    assert audio_length(tmp_path / "a.wav") == (num_samples, 48_000)
    end, _ = read_segment(tmp_path / "a.wav", (num_samples - 2_000) / 48_000, 0.05)
    assert not end[:, :1_000].any()
    assert (end[:, 1_000:2_000] == 0.5).all()
    assert not end[:, 2_000:].any()


def extensible_wav(path: Path, container_bits: int, valid_bits: int, samples: bytes, channels: int) -> None:
    frame = container_bits // 8 * channels
    guid = struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    fmt = struct.pack(
        "<HHIIHHHHI", 0xFFFE, channels, 48_000, 48_000 * frame, frame, container_bits, 22, valid_bits, 0x3F
    )
    fmt += guid
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(samples)) + samples
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


@pytest.mark.parametrize(("container_bits", "valid_bits"), [(24, 20), (32, 20), (32, 24), (16, 12)])
def test_samples_of_fewer_bits_than_they_take_stand_in_the_upper_ones(tmp_path, container_bits, valid_bits):
    """As WAVE_FORMAT_EXTENSIBLE has it: full scale is that of the container."""
    values = np.array([0, 2**18, -(2**18), 2**19 - 1, -(2**19), 5]) << 12
    num_bytes = container_bits // 8
    data = b"".join(int(value).to_bytes(4, "little", signed=True)[4 - num_bytes :] for value in values)
    extensible_wav(tmp_path / "a.wav", container_bits, valid_bits, data, 6)
    read = read_audio(tmp_path / "a.wav")[0]
    step = 2.0 ** (1 - container_bits)
    assert read[:, 0] == pytest.approx(values / 2**31, abs=step)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_big_endian_wav_file_is_read_and_its_length_known(tmp_path, subtype):
    path = tmp_path / "rifx.wav"
    audio = sweep(8_000, 16_000)
    soundfile.write(path, audio.T, 16_000, subtype, endian="BIG", format="WAV")
    assert path.read_bytes()[:4] == b"RIFX"
    read, _ = read_audio(path)
    np.testing.assert_allclose(read, audio, atol=1e-4)
    path.write_bytes(path.read_bytes()[:5_000])
    with pytest.raises(AudioFileError, match="truncated"):
        read_audio(path)


@pytest.mark.parametrize("audio_format", ["WAV", "AIFF", "W64", "CAF", "RF64"])
def test_two_files_one_behind_the_other_are_no_file(tmp_path, audio_format):
    """The second one would be passed over, or its header be played."""
    path = tmp_path / "both"
    soundfile.write(path, sweep(8_000, 16_000).T, 16_000, "PCM_16", format=audio_format)
    path.write_bytes(2 * path.read_bytes())
    with pytest.raises(AudioFileError, match="another file stands behind its samples"):
        read_audio(path)


@pytest.mark.parametrize(
    "head",
    [b"RIFF\0\0\0\0junk", b"RIFX", b"FORM", b"ID3\3\0\0", b"OggS\0\2", b"fLaC\0\0\0\x22", b"\0\0\0\x20ftypM4A "],
)
def test_bytes_of_files_look_like_files_damaged_or_not(head):
    assert looks_like_file(head) and not looks_like_file(b"\0\0" + head)


def test_eight_channels_of_coded_sound_are_read(tmp_path):
    """PyAV's arrays of eight planes read memory that isn't the process's, which ends it."""
    path = tmp_path / "a.m4a"
    audio = sweep(48_000, 48_000, 8)
    encode(path, audio, 48_000, "aac", b="640k", layout="7.1")
    read = read_audio(path)[0]
    assert read.shape == audio.shape
    # The channel of low frequencies keeps little of it.
    assert (np.sqrt((np.delete(read, 3, axis=0) ** 2).mean(axis=1)) > 0.25).all()


def test_channels_in_an_order_of_their_own_are_read(tmp_path):
    """PyAV frees the list of them twice, which ends the process at once or a little later."""
    path = tmp_path / "a.caf"
    audio = sweep(20_000, 48_000, 8) * np.linspace(1, 0.3, 8, dtype=np.float32)[:, None]
    encode(path, audio, 48_000, "pcm_s16le", layout="7.1")
    with open(path, "rb") as file:
        for _ in range(20):
            source = FFmpegSource(path, Window(file, 0, path.stat().st_size))
            assert source.channels == 8
            # A step of 16 bits.
            assert np.abs(np.concatenate(list(source.blocks()), axis=1) - audio).max() < 2**-15


def test_a_stretch_of_ogg_is_the_files_own(tmp_path):
    """libsndfile's seeks into the last page come out late by what that page leaves out."""
    path = tmp_path / "a.ogg"
    encode(path, sweep(300_077, 48_000), 48_000, "vorbis", strict="-2")
    data = path.read_bytes()
    start = data.rindex(b"OggS")
    (end,) = struct.unpack("<Q", data[start + 6 : start + 14])
    page = data[start : start + 6] + struct.pack("<Q", end - 51) + data[start + 14 : start + 22] + bytes(4)
    page += data[start + 26 :]
    mirrored = zlib.crc32(page.translate(MIRRORED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    check_sum = struct.pack("<I", int(f"{mirrored:032b}"[::-1], 2))
    path.write_bytes(data[:start] + page[:22] + check_sum + page[26:])
    whole = read_audio(path)[0]
    assert whole.shape[1] == end - 51
    for first in range(0, whole.shape[1] - 1_000, 5_003):
        assert np.array_equal(read_segment(path, first / 48_000, 1_000 / 48_000)[0], whole[:, first : first + 1_000])


@pytest.mark.parametrize("subtype", ["ALAC_20", "ALAC_32"])
def test_alac_that_libsndfile_decodes_to_noise_is_refused(tmp_path, subtype):
    """What libsndfile 1.2.2 reads of these two files is wrong by more than full scale, without an error."""
    path = tmp_path / "a.caf"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.9, 0.9, (8000, 2)), 44_100, subtype)
    for read in (read_audio, audio_length):
        with pytest.raises(
            AudioFileError, match=r"a\.caf: its samples are (20|32) bit .*: save it as WAV, FLAC or ALAC"
        ):
            read(path)
