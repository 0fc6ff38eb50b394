"""What a coder puts in front of the sound and behind it is left out, to the sample, where the format says how much."""

import shutil
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from audiosr_pipeline.audio_io import AudioFileError, audio_length, read_audio, read_segment
from audiosr_pipeline.audio_io.mp4 import find_edit
from audiosr_pipeline.audio_io.window import Window
from tests.audio_io.encode import delay, encode, sweep

FIXTURES = Path(__file__).parents[1] / "fixtures"


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def with_itunes_tag(path: Path, delay_samples: int, padding: int, length: int) -> None:
    """Takes an MP4 file's edit list away and says in iTunes' way what it said; the index must stand at the end."""
    data = bytearray(path.read_bytes().replace(b"edts", b"free"))
    text = f" 00000000 {delay_samples:08X} {padding:08X} {length:016X}" + 8 * " 00000000"
    entry = (
        box(b"mean", bytes(4) + b"com.apple.iTunes")
        + box(b"name", bytes(4) + b"iTunSMPB")
        + box(b"data", struct.pack(">II", 1, 0) + text.encode())
    )
    tag = box(b"udta", box(b"meta", bytes(4) + box(b"ilst", box(b"----", entry))))
    moov = data.index(b"moov") - 4
    # What FFmpeg writes there of its own would be the first that is found.
    index = bytes(data[moov:]).replace(b"udta", b"free") + tag
    path.write_bytes(bytes(data[:moov]) + struct.pack(">I", len(index)) + index[4:])


@pytest.mark.parametrize("scale", [1, 2])
def test_what_itunes_says_of_delay_and_padding_counts_where_there_is_no_edit_list(tmp_path, scale):
    """Some programs count in samples of half the track's rate."""
    num_samples = 100_002
    audio = sweep(num_samples, 44_100)
    path = tmp_path / "a.m4a"
    encode(path, audio, 44_100, "aac", "ipod", b="128k")
    # FFmpeg's last packet says that it is short, so that there is no padding.
    with_itunes_tag(path, 1_024 // scale, 0, num_samples // scale)
    read, _ = read_audio(path)
    assert read.shape == audio.shape
    assert delay(read, audio) == 0
    assert audio_length(path) == (num_samples, 44_100)


def test_what_itunes_said_of_another_recording_does_not_count(tmp_path):
    path = tmp_path / "a.m4a"
    encode(path, sweep(100_003, 44_100), 44_100, "aac", "ipod", b="128k")
    with_itunes_tag(path, 2_112, 300, 50_000)
    assert read_audio(path)[0].shape[1] >= 100_003


def test_an_edit_in_the_middle_of_a_track_is_what_is_read(tmp_path):
    """As editors cut without coding again: from the 10,000th sample on, 1.5 s."""
    audio = sweep(100_003, 44_100)
    path = tmp_path / "a.m4a"
    encode(path, audio, 44_100, "aac", "ipod", b="128k")
    data = bytearray(path.read_bytes())
    entry = data.index(b"elst") + 12
    data[entry : entry + 8] = struct.pack(">Ii", 1_500, 1_024 + 10_000)
    path.write_bytes(data)
    read, _ = read_audio(path)
    assert read.shape == (2, 66_150)
    assert delay(read, audio[:, 10_000:]) == 0
    assert np.array_equal(read_segment(path, 1.4, 0.2)[0][:, :4_410], read[:, -4_410:])


def test_an_edit_list_of_several_parts_is_left_to_ffmpeg(tmp_path):
    path = tmp_path / "a"
    header = bytes(12) + struct.pack(">II", 1_000, 0)
    track = box(b"tkhd", bytes(12) + struct.pack(">I", 7))
    media = box(b"mdia", box(b"mdhd", bytes(12) + struct.pack(">II", 48_000, 96_000)))

    def edit_of(*entries: tuple[int, int]) -> object:
        edits = b"".join(struct.pack(">IiI", *entry, 0x10000) for entry in entries)
        elst = box(b"edts", box(b"elst", bytes(4) + struct.pack(">I", len(entries)) + edits))
        path.write_bytes(box(b"moov", box(b"mvhd", header) + box(b"trak", track + elst + media)))
        with open(path, "rb") as file:
            return find_edit(Window(file, 0, path.stat().st_size), 7)

    assert edit_of((500, 0), (500, 48_000)) is None
    one = edit_of((500, -1), (1_000, 480))
    assert one is not None
    # An empty edit in front moves the sound to a later time, and changes nothing of it.
    assert (one.start, one.duration) == (Fraction(1, 100), 1)


def test_mp3_in_mp4_has_neither_delay_nor_padding(tmp_path):
    """The edit list counts milliseconds, of which FFmpeg rounds up the last."""
    audio = sweep(100_003, 44_100)
    encode(tmp_path / "a.mp4", audio, 44_100, "mp3", "mp4")
    read, _ = read_audio(tmp_path / "a.mp4")
    assert 0 <= read.shape[1] - 100_003 < 44.1
    assert delay(read, audio) == 0


def test_he_aac_is_read_at_its_true_rate_and_without_its_decoders_delay(tmp_path):
    """tests/fixtures/he_aac.m4a is `sweep(44_100, 44_100, 1)` by fdkaac 1.0.0 (-p 5 -b 16000): its core has half the
    rate, and the 961 samples by which the decoder is late stand in no header."""
    path = tmp_path / "a.m4a"
    shutil.copy(FIXTURES / "he_aac.m4a", path)
    read, sampling_rate = read_audio(path)
    # Mono may be parametric stereo, as far as the header tells: FFmpeg's decoder gives two channels in any case.
    assert (read.shape, sampling_rate) == ((2, 44_100), 44_100)
    assert np.array_equal(read[0], read[1])
    assert delay(read, sweep(44_100, 44_100, 1)) == 0


def joined_mp3(path: Path, lengths: tuple[int, ...]) -> list[np.ndarray]:
    """Writes MP3 files behind each other, with the tags that players leave between them."""
    data, parts = b"", []
    for number, length in enumerate(lengths):
        encode(path, 0.5**number * sweep(length, 44_100), 44_100, "mp3")
        data += path.read_bytes() + (b"TAG" + bytes(125) if number % 2 else b"")
        parts.append(read_audio(path)[0])
        assert parts[-1].shape == (2, length)
    path.write_bytes(data)
    return parts


def test_joined_mp3_files_follow_each_other_without_a_gap(tmp_path):
    path = tmp_path / "a.mp3"
    parts = joined_mp3(path, (50_003, 60_001, 30_000))
    read, _ = read_audio(path)
    assert np.array_equal(read, np.concatenate(parts, axis=1))
    assert audio_length(path) == (140_004, 44_100)
    assert np.array_equal(read_segment(path, 1.0, 1.0)[0], read[:, 44_100:88_200])


def test_joined_mp3_files_of_which_the_last_was_cut_are_an_error(tmp_path):
    path = tmp_path / "a.mp3"
    joined_mp3(path, (50_003, 60_001))
    path.write_bytes(path.read_bytes()[:-4_000])
    with pytest.raises(AudioFileError, match=r"promises 60001 samples \(1.36 s\), 5\d+ samples"):
        read_audio(path)


def test_all_links_of_chained_ogg_flac_are_read(tmp_path):
    path = tmp_path / "a.oga"
    data, parts = b"", []
    for number, length in enumerate((50_003, 30_001)):
        encode(path, 0.5**number * sweep(length, 44_100), 44_100, "flac", "ogg")
        data += path.read_bytes()
        parts.append(read_audio(path)[0])
    path.write_bytes(data)
    assert np.array_equal(read_audio(path)[0], np.concatenate(parts, axis=1))
    assert audio_length(path) == (80_004, 44_100)
