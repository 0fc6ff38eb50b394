"""What docs/formats.md says of each format: how many samples come out, how they lie, which decoder reads them."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiosr_pipeline.audio_io import AUDIO_SUFFIXES, audio_files, audio_format, audio_length, read_audio, read_segment
from tests.audio_io.encode import delay, encode, sweep

DOCS = Path(__file__).parents[2] / "docs/formats.md"
# Not a multiple of any frame.
NUM_SAMPLES = 100_003
NO_TAG = {"write_xing": "0"}

# Name, codec, container and options of its muxer, rate, number of samples, delay, sample format.
ROWS = [
    ("tagged.mp3", "mp3", None, {}, 44_100, NUM_SAMPLES, 0, "MPEG_LAYER_III"),
    ("untagged.mp3", "mp3", None, NO_TAG, 44_100, 88 * 1152, 1105, "MPEG_LAYER_III"),
    ("untagged22.mp3", "mp3", None, NO_TAG, 22_050, 176 * 576, 1105, "MPEG_LAYER_III"),
    ("a.mp2", "mp2", None, {}, 44_100, 87 * 1152, 481, "MPEG_LAYER_II"),
    ("mp3.wav", "mp3", "wav", {}, 44_100, 88 * 1152, 1105, "MPEG_LAYER_III"),
    ("a.m4a", "aac", "ipod", {}, 44_100, NUM_SAMPLES, 0, "AAC"),
    ("faststart.m4a", "aac", "ipod", {"movflags": "faststart"}, 44_100, NUM_SAMPLES, 0, "AAC"),
    ("fragments.mp4", "aac", "mp4", {"movflags": "frag_keyframe+empty_moov"}, 44_100, NUM_SAMPLES + 1024, 1024, "AAC"),
    ("a.aac", "aac", "adts", {}, 44_100, 99 * 1024, 1024, "AAC"),
    ("alac.m4a", "alac", "ipod", {}, 44_100, NUM_SAMPLES, 0, "PCM_16"),
    ("a.opus", "libopus", "opus", {}, 48_000, NUM_SAMPLES, 0, "OPUS"),
    ("a.webm", "libopus", "webm", {}, 48_000, NUM_SAMPLES, 0, "OPUS"),
    ("alac.caf", "alac", "caf", {}, 44_100, NUM_SAMPLES, 0, "PCM_16"),
    ("mp3.caf", "mp3", "caf", {}, 44_100, NUM_SAMPLES, 0, "MPEG_LAYER_III"),
    ("opus.mp4", "libopus", "mp4", {}, 48_000, NUM_SAMPLES, 0, "OPUS"),
    ("aac.mkv", "aac", "matroska", {}, 44_100, 98 * 1024, 0, "AAC"),
    ("flac.mka", "flac", "matroska", {}, 44_100, NUM_SAMPLES, 0, "PCM_16"),
    ("a.flac", "flac", None, {}, 44_100, NUM_SAMPLES, 0, "PCM_16"),
    ("flac.oga", "flac", "ogg", {}, 44_100, NUM_SAMPLES, 0, "PCM_16"),
    ("a.wma", "wmav2", "asf", {}, 44_100, 50 * 2048, 2048, "WMAV2"),
    ("wmav1.wma", "wmav1", "asf", {}, 44_100, 50 * 2048, 2048, "WMAV1"),
    ("a.ac3", "ac3", None, {}, 44_100, 66 * 1536, 256, "AC3"),
    ("a.eac3", "eac3", None, {}, 44_100, 66 * 1536, 256, "EAC3"),
    ("a.wv", "wavpack", None, {}, 44_100, NUM_SAMPLES, 0, "PCM_16"),
    ("a.tta", "tta", None, {}, 44_100, NUM_SAMPLES, 0, "PCM_16"),
    ("video.mp4", "aac", "mp4", {}, 44_100, NUM_SAMPLES, 0, "AAC"),
    ("video.mov", "aac", "mov", {}, 44_100, NUM_SAMPLES, 0, "AAC"),
    ("video.mkv", "libopus", "matroska", {}, 48_000, NUM_SAMPLES, 0, "OPUS"),
    ("video.avi", "mp3", "avi", {}, 44_100, 88 * 1152, 1105, "MPEG_LAYER_III"),
    ("video.ts", "aac", "mpegts", {}, 44_100, 99 * 1024, 1024, "AAC"),
    ("a.flv", "aac", "flv", {}, 44_100, 99 * 1024, 1024, "AAC"),
]


@pytest.mark.parametrize(("name", "codec", "container", "options", "rate", "length", "lag", "subtype"), ROWS)
def test_a_row_of_the_table(tmp_path, name, codec, container, options, rate, length, lag, subtype):
    """`length` is what was encoded, with `lag` 0, where the format says so; else all that the coder's frames hold."""
    audio = sweep(NUM_SAMPLES, rate)
    path = tmp_path / name
    encode(path, audio, rate, codec, container, options, has_video=name.startswith("video"), b="128k")
    read, sampling_rate = read_audio(path)
    assert (read.shape, sampling_rate) == ((2, length), rate)
    assert delay(read, audio) == lag
    if subtype.startswith("PCM"):
        # Half a step of 16 bits.
        assert np.abs(read - audio).max() < 0.51 * 2**-15
    assert audio_length(path) == (length, rate)
    assert audio_format(path) == f"{subtype} at {rate} Hz"
    assert audio_files(tmp_path) == [path]
    for start in (-0.1, 0.2, 1.6, length / rate - 0.1):
        first = round(start * rate)
        padded = np.pad(read, ((0, 0), (max(0, -first), rate)))[:, max(0, first) :][:, : round(0.3 * rate)]
        # mp2 has another rounding after a seek.
        assert np.abs(read_segment(path, start, 0.3)[0] - padded).max() <= (1e-4 if codec == "mp2" else 0)


def test_every_row_stands_in_the_documentation():
    text = DOCS.read_text()
    for name in {row[0] for row in ROWS}:
        assert f"`{name}`" in text, name


def test_the_documentation_lists_what_folders_are_searched_for():
    listed = re.findall(r"`(\.\w+)`", DOCS.read_text())
    assert set(AUDIO_SUFFIXES) <= set(listed)


@pytest.mark.parametrize(("codec", "subtype"), [("mp3", "MP3"), ("vorbis", "OGG"), ("opus", "OGG")])
def test_gapless_files_are_what_libsndfile_makes_of_them(tmp_path, codec, subtype):
    rate = 48_000
    audio = sweep(NUM_SAMPLES, rate)
    names = {"vorbis": "VORBIS", "opus": "OPUS", "mp3": None}
    with soundfile.SoundFile(tmp_path / "a", "w", rate, 2, format=subtype, subtype=names[codec]) as file:
        file.write(audio.T)
    read, _ = read_audio(tmp_path / "a")
    expected = soundfile.read(tmp_path / "a", dtype="float32")[0].T
    assert read.shape == expected.shape == audio.shape
    # Another decoder of MP3 rounds in other places.
    assert np.abs(read - expected).max() < (2**-15 if codec == "mp3" else 1e-9)


@pytest.mark.parametrize(("sample_format", "subtype", "step"), [("s16", "PCM_16", 2**-15), ("s32", "PCM_24", 2**-23)])
def test_flac_is_exact(tmp_path, sample_format, subtype, step):
    audio = sweep(NUM_SAMPLES, 48_000)
    soundfile.write(tmp_path / "a.flac", audio.T, 48_000, subtype=subtype)
    read, _ = read_audio(tmp_path / "a.flac")
    assert np.array_equal(read, soundfile.read(tmp_path / "a.flac", dtype="float32")[0].T)
    assert audio_format(tmp_path / "a.flac") == f"{subtype} at 48000 Hz"
