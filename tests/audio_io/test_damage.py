"""Damage within a file is an error that says both lengths, and never a shorter recording."""

import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiosr_pipeline.audio_io import AudioFileError, audio_length, read_audio, write_audio
from tests.audio_io.encode import encode, sweep


def damage(path: Path, share: float, num_bytes: int = 2_000) -> None:
    """Overwrites some bytes in the middle with noise."""
    data = bytearray(path.read_bytes())
    start = round(share * len(data))
    data[start : start + num_bytes] = np.random.default_rng(0).bytes(num_bytes)
    path.write_bytes(data)


def lengths_in_error(path: Path) -> tuple[int | None, int]:
    """The lengths in samples that the error says: the one that is promised, None if the header doesn't say it, and
    what can be read."""
    with pytest.raises(AudioFileError) as caught:
        read_audio(path)
    message = str(caught.value)
    found = re.search(r"(?:promises (\d+) samples.*?|doesn't say its length), (\d+) samples", message)
    assert found is not None, message
    assert "Fetch the whole file again, or save what is sound of it with: ffmpeg" in message
    return None if found[1] is None else int(found[1]), int(found[2])


@pytest.mark.parametrize(
    ("name", "codec", "container", "options", "promised"),
    [
        ("a.ogg", "vorbis", "ogg", {}, 300_000),
        ("a.opus", "libopus", "opus", {}, 300_000),
        ("a.oga", "flac", "ogg", {}, 300_000),
        # Matroska says a duration in milliseconds, which counts the coder's delay, and the last block whole.
        ("opus.mka", "libopus", "matroska", {}, 300_312),
        ("mp3.mka", "mp3", "matroska", {}, 301_105),
        ("a.flv", "mp3", "flv", {}, 301_000),
        ("a.wma", "wmav2", "asf", {}, 300_000),
        ("a.mp3", "mp3", None, {"write_xing": "0"}, None),
        ("a.mp2", "mp2", None, {}, None),
        ("a.ts", "mp2", "mpegts", {}, None),
        ("a.mpg", "mp2", "mpeg", {}, None),
        ("a.m4a", "aac", "ipod", {}, 300_000),
    ],
)
def test_damage_in_the_middle_is_an_error_with_both_lengths(tmp_path, name, codec, container, options, promised):
    path = tmp_path / name
    strict = {"strict": "-2"} if codec == "vorbis" else {}
    encode(path, sweep(300_000, 48_000), 48_000, codec, container, options, b="128k", **strict)
    assert read_audio(path)[0].shape[1] >= 300_000
    damage(path, 0.5)
    said, found = lengths_in_error(path)
    assert (said is None) == (promised is None)
    if said is not None:
        assert abs(said - promised) < 2_048
    # What comes before is sound to within a page of Ogg, a second long, or a block of the others.
    assert 90_000 < found < 153_000


@pytest.mark.parametrize(
    ("name", "codec", "container"), [("a.wav", "wmav2", "wav"), ("b.wav", "mp3", "wav"), ("a.flv", "mp3", "flv")]
)
@pytest.mark.parametrize("kept", [0.5, 0.93])
def test_what_is_cut_off_is_said_of_coded_sound_too(tmp_path, name, codec, container, kept):
    path = tmp_path / name
    encode(path, sweep(300_000, 48_000), 48_000, codec, container, b="128k")
    os.truncate(path, round(kept * path.stat().st_size))
    promised, found = lengths_in_error(path)
    # Two frames of WMA; the promise is worked out from what a byte holds on the whole.
    assert promised == pytest.approx(302_000, abs=4_096)
    assert found == pytest.approx(kept * 302_000, abs=4_096)


def test_a_cut_caf_file_is_an_error_whichever_decoder_takes_it(tmp_path):
    path = tmp_path / "a.caf"
    soundfile.write(path, sweep(100_000, 48_000).T, 48_000, subtype="PCM_16")
    os.truncate(path, 4_096 + 4 * 30_000)
    promised, found = lengths_in_error(path)
    assert (promised, found) == (100_000, pytest.approx(30_000, abs=1_024))


def test_a_cut_nist_file_is_an_error(tmp_path):
    path = tmp_path / "a.sph"
    soundfile.write(path, sweep(100_000, 16_000, 1).T, 16_000, format="NIST", subtype="PCM_16")
    os.truncate(path, 1_024 + 2 * 30_000)
    assert lengths_in_error(path) == (100_000, 30_000)


def test_an_mp4_file_without_its_index_says_so(tmp_path):
    path = tmp_path / "a.m4a"
    encode(path, sweep(100_000, 48_000), 48_000, "aac", "ipod")
    size = path.read_bytes().index(b"moov") - 4
    os.truncate(path, size // 2)
    with pytest.raises(AudioFileError, match=f"there are {size // 2} bytes of {size}, but not the index"):
        read_audio(path)


@pytest.mark.parametrize("says", ["mehd", "mdhd", "sidx"])
def test_a_file_that_lacks_its_last_fragments_is_an_error_if_its_header_says_its_length(tmp_path, says):
    """Cut where a fragment ends, as a download in parts may be."""
    path = tmp_path / "a.mp4"
    flags = {"sidx": "dash+global_sidx"}.get(says, "frag_keyframe+empty_moov+default_base_moof")
    encode(path, sweep(480_000, 48_000), 48_000, "aac", "mp4", {"movflags": flags, "frag_duration": "1000000"})
    data = bytearray(path.read_bytes())
    if says == "mehd":
        place = data.index(b"mvex")
        size = struct.unpack(">I", data[place - 4 : place])[0]
        data[place - 4 : place] = struct.pack(">I", size + 16)
        data[place + 4 : place + 4] = struct.pack(">I4sII", 16, b"mehd", 0, 10_020)
        movie = data.index(b"moov")
        data[movie - 4 : movie] = struct.pack(">I", struct.unpack(">I", data[movie - 4 : movie])[0] + 16)
    elif says == "mdhd":
        place = data.index(b"mdhd")
        data[place + 20 : place + 24] = struct.pack(">I", 481_024)
    path.write_bytes(data)
    # The delay isn't said.
    assert read_audio(path)[0].shape[1] == 481_024
    fragments = [match.start() - 4 for match in re.finditer(b"moof", data)]
    path.write_bytes(data[: fragments[-3]])
    promised, found = lengths_in_error(path)
    assert promised == pytest.approx(481_024, abs=100)
    assert found < 400_000


def test_sound_that_is_missing_by_the_times_of_a_container_is_an_error(tmp_path):
    """A WebM file of which a cluster was cut out, as of a stream that was interrupted."""
    path = tmp_path / "a.mka"
    options = {"cluster_time_limit": "500", "live": "1"}
    encode(path, sweep(240_000, 48_000), 48_000, "libopus", "matroska", options)
    data = path.read_bytes()
    clusters = [match.start() for match in re.finditer(bytes.fromhex("1f43b675"), data)]
    assert len(clusters) > 6
    path.write_bytes(data[: clusters[3]] + data[clusters[4] :])
    _, found = lengths_in_error(path)
    assert 48_000 < found < 100_000
    with pytest.raises(AudioFileError, match="are missing, by the time of the next"):
        audio_length(path)


def test_an_ogg_file_that_lacks_a_page_is_an_error(tmp_path):
    path = tmp_path / "a.ogg"
    write_audio(path, sweep(300_000, 48_000), 48_000)
    data = path.read_bytes()
    pages = [match.start() for match in re.finditer(b"OggS", data)]
    path.write_bytes(data[: pages[6]] + data[pages[7] :])
    (before,) = struct.unpack("<Q", data[pages[5] + 6 : pages[5] + 14])
    assert lengths_in_error(path) == (300_000, before)


def test_a_station_s_stream_that_was_entered_in_the_middle_is_no_damage(tmp_path):
    """Its header, and then pages from where it was."""
    path = tmp_path / "a.ogg"
    write_audio(path, sweep(300_000, 48_000), 48_000)
    data = path.read_bytes()
    pages = [match.start() for match in re.finditer(b"OggS", data)]
    path.write_bytes(data[: pages[2]] + data[pages[6] :])
    assert read_audio(path)[0].shape[1] > 100_000
