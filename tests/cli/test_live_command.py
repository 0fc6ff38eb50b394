"""`live`: a stream through the program, in WAV and in bare samples."""

import io
import os
import re
import struct
import sys
import wave

import numpy as np
import pytest
import torch

from audiosr_pipeline.cli.pcm import count_left
from audiosr_pipeline.models.streaming_extension import StreamingExtension
from tests.cli.commands import run
from tests.cli.test_streams import Stream

RATE = 16_000
SAMPLES = (3_000 * np.sin(np.arange(4_000) / 5)).astype("<i2")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("streaming")
    StreamingExtension(hidden_size=8, intermediate_size=8, num_layers=1, num_bands=16).save_pretrained(folder)
    return str(folder)


def wav(
    data: bytes, rate: int = RATE, channels: int = 1, bits: int = 16, tag: int = 1, length: int | None = None
) -> bytes:
    """A WAV file, which may announce another length than it has."""
    announced = len(data) if length is None else length
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)
    chunks = b"LIST" + struct.pack("<I", 3) + b"abc\0" + b"fmt " + struct.pack("<I", len(form)) + form
    return b"RIFF" + struct.pack("<I", 0xFFFFFFFF) + b"WAVE" + chunks + b"data" + struct.pack("<I", announced) + data


def live(monkeypatch, model: str, data: bytes, *options: str) -> tuple[int, bytes]:
    """Exit code and stdout of the program."""
    stdout = Stream()
    monkeypatch.setattr(sys, "stdin", Stream(data))
    monkeypatch.setattr(sys, "stdout", stdout)
    code = run("live", "--model", model, *options)
    return code, stdout.buffer.getvalue()


@pytest.mark.parametrize("length", [None, 0, 0x7FFFF000, 0xFFFFFFFF])
def test_wav_comes_out_at_48_khz_whatever_length_it_announces(monkeypatch, model, capsys, length):
    code, output = live(monkeypatch, model, wav(SAMPLES.tobytes(), length=length), "--cutoff-freq", "6000")
    with wave.open(io.BytesIO(output)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (48_000, 1, 2)
        made = np.frombuffer(file.readframes(1 << 20), "<i2")
    assert code == 0 and "0.25 s of 16000 Hz, 48.0 ms late; content up to 6000 Hz" in capsys.readouterr().err
    latency = len(made) - 3 * len(SAMPLES)
    assert not made[: latency - 600].any() and 2_300 < latency < 2_310
    # Every third sample is one of the input's, which the resampler's filter leaves as it was.
    assert np.abs(made[latency::3][50:-50].astype(int) - SAMPLES[50:-50]).max() < 60


def test_what_follows_the_samples_is_not_played(monkeypatch, model):
    whole = wav(SAMPLES.tobytes())
    assert live(monkeypatch, model, whole + b"LIST" + bytes(1_000))[1] == live(monkeypatch, model, whole)[1]


@pytest.mark.parametrize(("sample", "scale"), [("s16le", 2**15), ("s24le", 2**23), ("s32le", 2**31), ("f32le", 1)])
def test_bare_samples_keep_their_format(monkeypatch, model, sample, scale):
    numbers = np.stack([SAMPLES, -SAMPLES], axis=1) / 2**15
    if sample == "f32le":
        data = numbers.astype("<f4").tobytes()
    else:
        whole = np.round(numbers * scale).astype("<i8")
        data = b"".join(int(number).to_bytes(int(sample[1:3]) // 8, "little", signed=True) for number in whole.ravel())
    options = ("--raw", sample, "--sampling-rate", "48000", "--channels", "2", "--cutoff-freq", "20000")
    code, output = live(monkeypatch, model, data, *options)
    # At 48 kHz with all of the band known nothing is changed; the latency is silence in front.
    assert code == 0 and output.endswith(data) and not any(output[: len(output) - len(data)])


def test_bare_samples_are_wav_s_samples(monkeypatch, model):
    in_wav = live(monkeypatch, model, wav(SAMPLES.tobytes()))[1]
    bare = live(monkeypatch, model, SAMPLES.tobytes(), "--raw", "s16le", "--sampling-rate", "16000")[1]
    assert in_wav.endswith(bare) and len(in_wav) - len(bare) == 44


def test_a_header_that_promises_more_is_an_error_at_the_end(monkeypatch, model, capsys):
    code, output = live(monkeypatch, model, wav(SAMPLES.tobytes(), length=9_000))
    assert code == 1 and len(output) > 3 * 8_000
    assert "stdin ended after 8000 of the 9000 bytes that its header announces" in capsys.readouterr().err


def test_half_a_sample_at_the_end_is_an_error(monkeypatch, model, capsys):
    options = ("--raw", "s16le", "--sampling-rate", "16000", "--channels", "2")
    assert live(monkeypatch, model, SAMPLES.tobytes()[:-1], *options)[0] == 1
    assert "stdin ends 3 bytes into a sample of 4 bytes: it was cut, or isn't s16le with channels=2" in (
        capsys.readouterr().err
    )


def test_what_is_not_finite_is_an_error_that_says_when(monkeypatch, model, capsys):
    numbers = np.full(16_000, np.nan, "<f4")
    assert live(monkeypatch, model, numbers.tobytes(), "--raw", "f32le", "--sampling-rate", "16000")[0] == 1
    assert "block has 16000 samples that are NaN or infinite" in capsys.readouterr().err


def test_clipping_is_counted(monkeypatch, model, capsys):
    loud = np.where(np.arange(4_000) // 40 % 2, 32_767, -32_768).astype("<i2")
    assert live(monkeypatch, model, wav(loud.tobytes()))[0] == 0
    assert "samples were beyond full scale and are clipped" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (b"hello\n", (), r"stdin holds bytes that begin with b'hello\\n', no WAV file. Pipe WAV, or give the format"),
        (b"", (), "stdin holds nothing, no WAV file"),
        (wav(b"")[:30], (), "stdin ended within a WAV header"),
        (wav(bytes(100), bits=8), (), "WAV of format 1 with 8 bits; accepted are PCM of 16, 24 and 32 bits"),
        (wav(bytes(120), channels=3), (), "channels=3; accepted are 1 and 2"),
        (wav(bytes(100), rate=96_000), (), "sampling_rate=96000; a stream's is at most 48000 Hz"),
        (bytes(100), ("--raw", "s16le"), "--raw and --sampling-rate belong together"),
        (wav(bytes(100)), ("--sampling-rate", "16000"), "--raw and --sampling-rate belong together"),
    ],
)
def test_what_cannot_be_played_is_bad_usage(monkeypatch, model, capsys, data, options, message):
    code, output = live(monkeypatch, model, data, *options)
    assert code == 2 and not output
    assert re.search(message, capsys.readouterr().err)


def test_a_model_that_is_not_there_is_bad_usage(monkeypatch, capsys):
    assert live(monkeypatch, "nowhere", wav(SAMPLES.tobytes()))[0] == 2
    assert "no streaming model in nowhere" in capsys.readouterr().err


def test_a_terminal_is_no_output(monkeypatch, model, capsys):
    monkeypatch.setattr(sys, "stdin", Stream(wav(SAMPLES.tobytes())))
    monkeypatch.setattr(sys, "stdout", Stream(is_terminal=True))
    assert run("live", "--model", model) == 2
    assert "stdout is a terminal or closed: pipe it on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("behind", "is_loss"),
    [
        (wav(SAMPLES.tobytes()), True),
        (SAMPLES.tobytes(), True),
        (b"LIST" + struct.pack("<I", 2_000) + b"x" * 2_000, False),
        (b"id3 " + struct.pack("<I", 2_001) + b"x" * 2_002 + wav(SAMPLES.tobytes()), True),
        (bytes(5_000), False),
        (b"TAG" + b"x" * 125, False),
    ],
    ids=["a second file", "samples", "a chunk", "a chunk and a file", "zeros", "a short tag"],
)
def test_what_follows_the_announced_samples_is_not_lost_unsaid(monkeypatch, model, capsys, behind, is_loss):
    code, output = live(monkeypatch, model, wav(SAMPLES.tobytes()) + behind)
    assert len(output) > 44 + 2 * 3 * len(SAMPLES)
    assert code == int(is_loss)
    assert ("bytes or more follow the 8000 that stdin's header announces" in capsys.readouterr().err) == is_loss


@pytest.mark.skipif(os.name == "nt", reason="there pipes can't be asked")
@pytest.mark.parametrize("is_closed", [True, False])
@pytest.mark.parametrize("behind", [b"", b"\x81" * 1_000])
def test_what_follows_is_not_waited_for(is_closed, behind):
    """Whoever pipes may keep the pipe open until the last sound has come; what was read ahead is counted."""
    read, write = os.pipe()
    with open(read, "rb") as stream, open(write, "wb", buffering=0) as other:
        other.write(b"head" + behind)
        if is_closed:
            other.close()
        assert stream.read(4) == b"head"
        assert count_left(stream) == len(behind)
