"""What an object that isn't known hands over beside its audio: what is taken for audio, what passes without a word."""

import array
import asyncio
import collections
import io
import json
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from audiosr_pipeline.adapters import with_super_resolution
from audiosr_pipeline.adapters.watching import looks_like_audio
from tests.signals import noise, tone

AUDIO = noise(0.2, 16_000)[0]
PCM = (AUDIO * 32_767).astype(np.int16)
RANDOM = np.random.default_rng(0)


class Slots:
    __slots__ = ("samples",)

    def __init__(self, samples):
        self.samples = samples


class Lazy:
    """Audio in a property."""

    @property
    def samples(self):
        return AUDIO


class Foreign:
    """An array of another library."""

    def __array__(self, dtype=None, copy=None):
        return AUDIO


def wav(audio=AUDIO) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, audio, 16_000, format="WAV")
    return file.getvalue()


IS_AUDIO = {
    "list of floats": AUDIO.tolist(),
    "list of numpy's floats": list(AUDIO),
    "list of int16 as ints": PCM.tolist(),
    "tuple of floats": tuple(AUDIO.tolist()),
    "array of Python": array.array("h", PCM.tolist()),
    "another library's": Foreign(),
    "int16": PCM,
    "int32": PCM.astype(np.int32) * 65_536,
    "int64": torch.from_numpy(PCM).long(),
    "float64": AUDIO.astype(np.float64),
    "bfloat16": torch.from_numpy(AUDIO).bfloat16(),
    "floats of int16's range": PCM.astype(np.float32),
    "silence": np.zeros(16_000, np.float32),
    "one column": AUDIO[:, None],
    "two columns": np.stack([AUDIO, AUDIO], axis=1),
    "four axes": AUDIO[None, None, None],
    "a batch in stereo": np.zeros((4, 2, 1), np.float32) + AUDIO,
    "a quarter of a second of tone as wide as an embedding": tone(440, 0.256, 16_000)[0],
    "a piece of 10 ms": tone(440, 0.01, 16_000)[0],
    "bare samples in bytes": PCM.tobytes(),
    "bare samples in a bytearray": bytearray(PCM.tobytes()),
    "bare samples in a memoryview": memoryview(PCM.tobytes()),
    "bare samples as uint8": np.frombuffer(PCM.tobytes(), np.uint8),
    "a file's bytes": wav(),
    "a file's bytes as a tensor": torch.frombuffer(bytearray(wav()), dtype=torch.uint8),
    "an MP4's bytes": b"\0\0\0\x20ftypisom" + bytes(20),
    "an open file": io.BytesIO(wav()),
    "pcm in a dict": {"pcm": AUDIO},
    "any key": {"speaker": "a", "out": {"result": [AUDIO]}},
    "object with .samples": SimpleNamespace(samples=AUDIO, sample_rate=16_000),
    "object with any attribute": SimpleNamespace(result=AUDIO),
    "object with slots": Slots(AUDIO),
    "object with a property": Lazy(),
    "named tuple": collections.namedtuple("Speech", "ids y")([1, 2], AUDIO),
    "deque of chunks": collections.deque([AUDIO, AUDIO]),
    "array of arrays": np.array([None, AUDIO], dtype=object),
}
IS_NONE = {
    "None": None,
    "text": "rain " * 1_000,
    "number": 0.5,
    "numpy's number": np.float32(0.5),
    "0-d tensor": torch.tensor(0.5),
    "token ids": torch.randint(32_000, (1, 4_000)),
    "token ids as a list": list(range(4_000)),
    "token ids as int16": np.arange(4_000, dtype=np.int16),
    "labels": torch.cat([torch.full((500,), -100), torch.arange(500)]),
    "codes": torch.randint(1_024, (1, 8, 500)),
    "mask": torch.ones(1, 4_000, dtype=torch.bool),
    "mask of bytes": torch.randint(2, (4_000,), dtype=torch.uint8),
    "no tokens": np.zeros(4_000, np.int64),
    "short list": [0.1, -0.2, 0.3],
    "embedding": torch.randn(1, 512),
    "embedding, normalised": nn.functional.normalize(torch.randn(1, 1_536)),
    "embedding as a list": torch.randn(1_536).tolist(),
    "embedding of a speaker": torch.randn(192),
    "embedding of a speaker as a list": torch.randn(192).tolist(),
    "hidden states of a short text": torch.randn(1, 20, 768),
    "hidden states": torch.randn(1, 77, 768),
    "no state yet": torch.zeros(1, 2_048),
    "probabilities": torch.rand(1, 4_000).softmax(-1),
    "pitch": 100 + 50 * tone(3, 1, 1_000)[0],
    "times": [index * 0.02 for index in range(1_000)],
    "spectrogram": torch.randn(1, 80, 1_000),
    "spectrogram, bins last": torch.randn(1, 1_000, 80),
    "image": np.zeros((512, 512, 3), np.uint8),
    "image in floats": torch.randn(1, 3, 512, 512),
    "JSON": json.dumps({"text": "rain" * 500}).encode(),
    "text in bytes": ("Regen und Böen " * 200).encode(),
    "text as uint8": np.frombuffer(b"rain " * 500, np.uint8),
    "PNG": b"\x89PNG" + RANDOM.bytes(5_000),
    "weights in a zip": b"PK\x03\x04" + RANDOM.bytes(5_000),
    "hash": RANDOM.bytes(64),
    "text file": io.StringIO("rain" * 500),
    "network": nn.Linear(2_000, 1),
    "weight": nn.Parameter(torch.randn(1, 2_000)),
    "config": {"rate": 16_000, "mean": [0.1] * 3, "name": "engine", "sizes": {"width": 512}},
    "object": SimpleNamespace(ids=torch.arange(500), text="rain", score=0.5, embedding=torch.randn(256)),
    "meta tensor": torch.empty(1, 16_000, device="meta"),
    "complex spectrum": torch.randn(1, 2_000, dtype=torch.complex64),
}


@pytest.mark.parametrize("name", IS_AUDIO)
def test_what_is_taken_for_audio(name):
    assert looks_like_audio(IS_AUDIO[name])


@pytest.mark.parametrize("name", IS_NONE)
def test_what_is_not(name):
    assert not looks_like_audio(IS_NONE[name])


def test_an_open_file_is_left_where_it_was():
    file = io.BytesIO(b"rain" + wav())
    file.seek(4)
    assert looks_like_audio(file) and file.tell() == 4


class Stream:
    """Iterated, and nothing else."""

    def __init__(self, *items):
        self.items = items
        self.name = "stream"

    def __iter__(self):
        return iter(self.items)


class Later:
    """Awaited, and nothing else."""

    def __await__(self):
        yield from ()
        return AUDIO


class Voice:
    def speak(self, text):
        return AUDIO


class HifiGan(nn.Module):
    def forward(self, mel):
        return torch.from_numpy(AUDIO)


class Engine:
    """Audio by ways that no one knows, and what is none."""

    def __init__(self):
        self.last = AUDIO
        self.voice = Voice()
        self.voices = {"a": Voice()}
        self.vocoder = lambda: AUDIO
        self.head = HifiGan()
        self.encoder = nn.Linear(2, 2)
        self.config = {"name": "engine"}
        self.embedding = torch.randn(1, 512)

    def __call__(self, text):
        return AUDIO

    @property
    def latest(self):
        return AUDIO

    def say(self, output):
        return output

    async def say_later(self, output):
        return output

    async def say_in_pieces(self, *outputs):
        for output in outputs:
            yield output

    def with_voice(self, name):
        return type(self)()

    def voice_of(self, name):
        return Voice()


@pytest.fixture
def wrapped(tiny_pipeline):
    return with_super_resolution(Engine(), tiny_pipeline, sampling_rate=16_000)


@pytest.mark.parametrize("name", IS_AUDIO)
def test_it_never_comes_out_of_a_method_unsaid(name, wrapped):
    with pytest.raises(ValueError, match="Engine.say returned what looks like audio") as error:
        wrapped.say(IS_AUDIO[name])
    assert error.value.output is IS_AUDIO[name]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", IS_NONE)
def test_the_rest_comes_as_it_is_without_a_word(name, wrapped):
    assert wrapped.say(IS_NONE[name]) is IS_NONE[name]


# Of floats in the range of int16.
@pytest.mark.filterwarnings("ignore:audio.*the input's peak")
@pytest.mark.parametrize("name", IS_AUDIO)
def test_of_a_method_that_generates_it_comes_at_48_khz_or_not_at_all(name, wrapped):
    """Each form is taken, or an error says which are."""
    try:
        out = with_super_resolution(lambda: IS_AUDIO[name], wrapped.audiosr, sampling_rate=16_000)()
    except ValueError as error:
        assert "what <lambda> returned can't be used" in str(error)
        assert any(word in str(error) for word in ("accepted", "Accepted", "Pass", "pass", "its keys are"))
    else:
        report = (out["reports"] if type(out) is dict else out.reports)[0]
        assert report.action in ("enhanced", "silent") and report.sampling_rate == 16_000


async def gather(items):
    return [item async for item in items]


async def awaited(later):
    return await later


IN_TIME = {
    "iterator": lambda wrapped, items: list(wrapped.say(iter(items))),
    "map": lambda wrapped, items: list(wrapped.say(map(np.asarray, items))),
    "next of an iterator": lambda wrapped, items: [next(wrapped.say(iter(items)))],
    "what is only iterated": lambda wrapped, items: list(wrapped.say(Stream(*items))),
    "coroutine": lambda wrapped, items: [asyncio.run(wrapped.say_later(*items))],
    "iterator of a coroutine": lambda wrapped, items: list(asyncio.run(wrapped.say_later(iter(items)))),
    "async generator": lambda wrapped, items: asyncio.run(gather(wrapped.say_in_pieces(*items))),
    "function": lambda wrapped, items: [wrapped.say(lambda: items[0])()],
}


@pytest.mark.parametrize("name", IN_TIME)
def test_nor_of_what_gives_it_in_time(name, wrapped):
    with pytest.raises(ValueError, match=r"Engine.say\w* returned what looks like audio"):
        IN_TIME[name](wrapped, [AUDIO])
    ids = np.arange(2_000)
    np.testing.assert_array_equal(IN_TIME[name](wrapped, [ids]), [ids])


def test_nor_of_what_is_awaited(wrapped):
    with pytest.raises(ValueError, match="Engine.say returned what looks like audio"):
        asyncio.run(awaited(wrapped.say(Later())))


def test_what_stands_for_an_object_has_its_attributes_and_no_other_protocol(wrapped):
    stream = wrapped.say(Stream(1, 2))
    assert stream.name == "stream" and list(stream) == list(stream) == [1, 2]
    assert not hasattr(stream, "__next__") and not hasattr(stream, "__await__")


@pytest.mark.parametrize("name", ["last", "latest"])
def test_an_attribute_that_holds_audio_is_said_to(name, wrapped):
    with pytest.warns(UserWarning, match=f"Engine.{name} looks like audio.*at its own rate, not at 48 kHz"):
        assert getattr(wrapped, name) is AUDIO


@pytest.mark.parametrize(
    ("access", "what"),
    [
        (
            lambda wrapped: wrapped.voice,
            "Engine.voice makes audio by `speak`.*generator.voice, audiosr, sampling_rate=16000",
        ),
        (lambda wrapped: wrapped.head, "Engine.head makes audio by its call.*generator.head, audiosr, sampling_rate"),
        (lambda wrapped: wrapped.voices, "Engine.voices makes audio by `speak`"),
        (lambda wrapped: wrapped.voice_of("a"), "what Engine.voice_of returned makes audio by `speak`"),
    ],
    ids=["attribute", "called", "dict", "method"],
)
def test_a_part_that_makes_audio_is_said_to(access, what, wrapped):
    with pytest.warns(UserWarning, match=what):
        access(wrapped)


def test_a_function_that_is_kept_in_an_attribute_is_watched_as_a_method_is(wrapped):
    with pytest.raises(ValueError, match="Engine.vocoder returned what looks like audio"):
        wrapped.vocoder()


def test_a_copy_of_the_object_is_taken_to_48_khz_too(wrapped):
    other = wrapped.with_voice("a")
    assert other.generator is not wrapped.generator
    assert other("rain").shape == (9_600,)


def test_other_attributes_are_read_without_a_word(wrapped):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wrapped.encoder is wrapped.generator.encoder
        assert wrapped.config is wrapped.generator.config and wrapped.embedding is wrapped.generator.embedding
