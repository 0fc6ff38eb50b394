"""What is written is read back, whole or not at all, in the sample format that was asked for or the source had."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiosr_pipeline.audio_io import (
    AudioFileError,
    fitting_gain,
    is_narrower,
    kept_subtype,
    read_audio,
    read_comment,
    write_audio,
    writing,
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
    monkeypatch.setattr(writing, "MAX_WAV_BYTES", 2 * 2 * 16_000 - 1)
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

    def fail(audio, subtype, rng):
        written.append(audio)
        if len(written) == 2:
            raise error
        return audio

    monkeypatch.setattr(writing, "_quantize", fail)
    with pytest.raises((KeyboardInterrupt, AudioFileError)):
        write_audio(wav, some_audio(num_samples=2 * writing.BLOCK), 16_000, "FLOAT")
    assert len(written) == 2
    assert list(wav.parent.iterdir()) == [wav]
    assert wav.read_bytes() == before


@pytest.mark.parametrize(
    ("source_subtype", "wav", "flac"),
    [
        ("PCM_16", "PCM_16", "PCM_16"),
        ("PCM_24", "PCM_24", "PCM_24"),
        # Of 32 bits float32 holds what was read; 24-bit PCM would not.
        ("PCM_32", "FLOAT", "PCM_24"),
        ("FLOAT", "FLOAT", "PCM_24"),
        ("DOUBLE", "FLOAT", "PCM_24"),
        ("PCM_U8", "PCM_16", "PCM_16"),
        ("ULAW", "PCM_16", "PCM_16"),
        ("MPEG_LAYER_III", "PCM_16", "PCM_16"),
        ("AAC", "PCM_16", "PCM_16"),
    ],
)
def test_the_sample_format_of_the_source_is_kept(source_subtype, wav, flac):
    assert kept_subtype(".wav", source_subtype) == wav
    assert kept_subtype(".FLAC", source_subtype) == flac
    assert kept_subtype(".ogg", source_subtype) == "VORBIS"


def test_narrower_is_what_holds_fewer_bits():
    assert is_narrower("PCM_16", "PCM_24")
    assert is_narrower("PCM_24", "FLOAT")
    assert not is_narrower("PCM_24", "PCM_24")
    assert not is_narrower("PCM_16", "MPEG_LAYER_III")
    assert not is_narrower("FLOAT", "DOUBLE")
    assert not is_narrower("VORBIS", "PCM_24")


def dithered(tmp_path, audio: np.ndarray, name: str = "a.wav") -> np.ndarray:
    """What 16-bit dithered audio is, in steps of 16 bits."""
    write_audio(tmp_path / name, audio.astype(np.float32), 48_000, "PCM_16", dither=True)
    return read_audio(tmp_path / name)[0] * 2**15


def test_dither_keeps_what_lies_below_a_step(tmp_path):
    """The mean of triangular dither is the sample, and its error's power is a quarter of a step, whatever the level."""
    for level in (0.1, 0.3, 0.5, 7.9):
        error = dithered(tmp_path, np.full((1, 200_000), level / 2**15)) - level
        # Five standard errors of the mean of 200,000 values of deviation 0.5.
        assert abs(error.mean()) < 5 * 0.5 / 200_000**0.5
        assert error.var() == pytest.approx(0.25, rel=0.02)


def test_dither_leaves_digital_silence_and_is_the_same_every_time(tmp_path):
    audio = np.zeros((2, 3_000))
    audio[0, 1_000:2_000] = audio[1, 1_500:] = 1e-5
    first = dithered(tmp_path, audio)
    assert not first[0, :1_000].any() and not first[0, 2_000:].any() and not first[1, :1_500].any()
    assert first[0, 1_000:2_000].any()
    assert np.array_equal(first, dithered(tmp_path, audio, "b.wav"))
    # Channels have noise of their own: a common one would be heard in the middle.
    both = dithered(tmp_path, np.full((2, 100_000), 0.5 / 2**15))
    assert abs(np.corrcoef(both)[0, 1]) < 0.02


def test_dither_at_full_scale_does_not_wrap(tmp_path):
    steps = dithered(tmp_path, np.tile([[1.0], [-1.0]], 1_000))
    assert steps[0].min() >= 2**15 - 2 and steps[1].max() <= -(2**15) + 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("name", "subtype"), [("a.wav", "FLOAT"), ("a.wav", "PCM_16"), ("a.flac", None), ("a.ogg", None)]
)
def test_what_is_not_finite_never_reaches_an_encoder(tmp_path, name, subtype, bad):
    audio = some_audio()
    audio[1, 15_999] = bad
    with pytest.raises(AudioFileError, match=r"not written, because the audio holds NaN or infinity"):
        write_audio(tmp_path / name, audio, 48_000, subtype)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_to_keep_what_was_written_is_an_error(wav, monkeypatch):
    before = wav.read_bytes()

    def fail(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(AudioFileError, match="can't be written: no space left on device"):
        write_audio(wav, some_audio(peak=0.1), 16_000)
    assert list(wav.parent.iterdir()) == [wav]
    assert wav.read_bytes() == before


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "rf64.wav"])
def test_a_comment_is_kept_beside_the_samples(tmp_path, monkeypatch, name):
    if name == "rf64.wav":
        monkeypatch.setattr(writing, "MAX_WAV_BYTES", 1_000)
    audio = np.linspace(-0.5, 0.5, 4_801, dtype=np.float32)[None]
    write_audio(tmp_path / "plain.wav", audio, 48_000)
    write_audio(tmp_path / name, audio, 48_000, comment="made from ä")
    assert read_comment(tmp_path / name) == "made from ä"
    assert read_comment(tmp_path / "plain.wav") == read_comment(tmp_path / "none.wav") == ""
    read, _ = read_audio(tmp_path / name)
    assert read.shape == (1, 4_801)
    if not name.endswith("ogg"):
        assert np.array_equal(read, read_audio(tmp_path / "plain.wav")[0])
