"""Objects that no adapter knows: whatever returns audio comes at 48 kHz, or it is said that it doesn't."""

import functools
import io
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from audiosr_pipeline.adapters import with_super_resolution
from audiosr_pipeline.adapters.function import GENERATION_METHODS
from tests.signals import noise

AUDIO = noise(0.2, 16_000)


class Engine:
    """A speech engine with one method of each kind."""

    sampling_rate = 16_000

    def __init__(self, output=AUDIO):
        self.output = output
        self.partial = functools.partial(self.say, "rain")

    def __call__(self, text):
        return self.output

    def say(self, text):
        return self.output

    @staticmethod
    def static(text):
        return AUDIO

    def chunks(self, text):
        yield from (AUDIO, AUDIO)

    def encode(self, text):
        return torch.zeros(1, 77, 768), [1, 2, 3], "text"


for method in GENERATION_METHODS:
    setattr(Engine, method, Engine.say)


@pytest.mark.parametrize("method", ["__call__", *GENERATION_METHODS])
def test_methods_that_generate_are_taken_to_48_khz(method, tiny_pipeline):
    wrapped = with_super_resolution(Engine(), tiny_pipeline, sampling_rate=16_000)
    out = wrapped("rain") if method == "__call__" else getattr(wrapped, method)("rain")
    assert out.shape == (1, 9_600) and out.sampling_rate == 48_000


def test_a_method_alone_comes_at_a_rate_that_its_object_tells(tiny_pipeline):
    with pytest.warns(UserWarning, match="the Engine of say tells sampling_rate=16000; its audio is .* at 24000 Hz"):
        with_super_resolution(Engine().say, tiny_pipeline, sampling_rate=24_000)
    assert with_super_resolution(Engine().say, tiny_pipeline, sampling_rate=16_000)("rain").shape == (1, 9_600)


@pytest.mark.parametrize("audio", [{"audio": AUDIO * np.nan, "sampling_rate": 16_000}, (AUDIO * np.nan, 16_000)])
def test_what_could_not_be_read_keeps_its_rate(audio, tiny_pipeline):
    with pytest.warns(UserWarning, match="what was generated is returned as it is"):
        out = with_super_resolution(lambda: audio, tiny_pipeline, on_error="return_original")()
    assert (out["sampling_rate"] if isinstance(out, dict) else out.sampling_rate) == 16_000


def test_dicts_in_a_generator_function_need_no_rate_of_their_own(tiny_pipeline):
    def speak(text):
        for _ in range(2):
            yield {"tts_speech": torch.from_numpy(AUDIO)}

    out = with_super_resolution(speak, tiny_pipeline, sampling_rate=16_000)("rain")
    assert [piece["tts_speech"].shape for piece in out] == [(1, 9_600)] * 2


def test_so_are_those_of_a_network(tiny_pipeline):
    network = nn.Module()
    network.forward = network.generate = lambda text: torch.from_numpy(AUDIO)
    wrapped = with_super_resolution(network, tiny_pipeline, sampling_rate=16_000)
    for method in (wrapped, wrapped.forward, wrapped.generate):
        assert method("rain").shape == (1, 9_600)


@pytest.mark.parametrize(
    "output",
    [
        AUDIO,
        torch.from_numpy(AUDIO),
        (AUDIO * 32_767).astype(np.int16),
        (AUDIO, 16_000),
        [AUDIO[0], AUDIO[0]],
        {"wav": AUDIO},
        SimpleNamespace(waveform=torch.from_numpy(AUDIO), lengths=[1]),
        b"RIFF" + bytes(100),
    ],
    ids=["array", "tensor", "int16", "pair", "list", "dict", "object", "file"],
)
@pytest.mark.parametrize("method", ["say", "partial", "static"])
def test_audio_of_a_method_that_no_one_knows_is_never_passed_through_unsaid(method, output, tiny_pipeline):
    engine = Engine(output)
    wrapped = with_super_resolution(engine, tiny_pipeline, sampling_rate=16_000)
    message = (
        rf"Engine.{method} returned what looks like audio.*with_super_resolution\(generator.{method}, audiosr, sam"
    )
    with pytest.raises(ValueError, match=message) as error:
        getattr(wrapped, method)(*([] if method == "partial" else ["rain"]))
    assert error.value.output is (AUDIO if method == "static" else output)
    # As it says.
    if isinstance(output, np.ndarray) and output.dtype == np.float32:
        remedy = with_super_resolution(getattr(engine, method), tiny_pipeline, sampling_rate=16_000)
        assert remedy(*([] if method == "partial" else ["rain"])).sampling_rate == 48_000


def test_chunks_of_such_a_method_are_watched_too(tiny_pipeline):
    wrapped = with_super_resolution(Engine(), tiny_pipeline, sampling_rate=16_000)
    with pytest.raises(ValueError, match="Engine.chunks returned what looks like audio"):
        list(wrapped.chunks("rain"))


def test_what_is_no_audio_is_the_objects_own(tiny_pipeline):
    wrapped = with_super_resolution(Engine(), tiny_pipeline, sampling_rate=16_000)
    states, tokens, text = wrapped.encode("rain")
    assert states.shape == (1, 77, 768) and (tokens, text) == ([1, 2, 3], "text")
    module = nn.Linear(2_000, 1)
    wrapped = with_super_resolution(module, tiny_pipeline, sampling_rate=16_000)
    assert wrapped.state_dict()["weight"].shape == (1, 2_000) and len(list(wrapped.parameters())) == 2
    assert wrapped.get_parameter("weight") is module.weight


def test_token_ids_are_never_taken_for_audio(tiny_pipeline):
    ids = torch.randint(32_000, (1, 4_000))
    wrapped = with_super_resolution(Engine(ids), tiny_pipeline, sampling_rate=16_000)
    with pytest.raises(ValueError, match="what Engine returned can't be used: audio has dtype int64") as error:
        wrapped.generate("rain")
    assert error.value.output is ids
    assert wrapped.say("rain") is ids


async def speak():
    return AUDIO


def test_what_is_awaitable_is_said_to_be(tiny_pipeline):
    with pytest.raises(ValueError, match="audio is a coroutine, which gives its audio when it is awaited.*asyncio"):
        with_super_resolution(speak, tiny_pipeline, sampling_rate=16_000)()


@pytest.mark.filterwarnings("error")
def test_a_rate_that_the_object_tells_is_not_doubted(tiny_pipeline):
    wrapped = with_super_resolution(lambda: (noise(0.2, 48_000), 48_000), tiny_pipeline)
    assert wrapped().reports[0].action == "left_alone"
    engine = Engine(noise(0.2, 48_000))
    engine.sampling_rate = 48_000
    assert with_super_resolution(engine, tiny_pipeline, sampling_rate=48_000)("rain").reports[0].action == "left_alone"


def pieces():
    yield from np.array_split(AUDIO[0], 5)


def kokoro():
    """Text, phonemes and audio of each sentence; nothing is spoken of the second."""
    yield "rain", "ɹeɪn", torch.from_numpy(AUDIO[0, :2_000])
    yield "...", "", None
    yield "wind", "wɪnd", torch.from_numpy(AUDIO[0, 2_000:])


def with_rates():
    yield from ((piece, 16_000) for piece in np.array_split(AUDIO[0], 2))


@pytest.mark.parametrize("function", [pieces, kokoro, with_rates])
def test_a_generator_function_gives_one_clip_in_chunks(function, tiny_pipeline):
    rate = None if function is with_rates else 16_000
    out = with_super_resolution(function, tiny_pipeline, sampling_rate=rate)(generator=torch.Generator().manual_seed(0))
    whole = with_super_resolution(lambda: AUDIO[0], tiny_pipeline, sampling_rate=16_000)
    audio = out[0] if function is with_rates else out
    np.testing.assert_array_equal(audio, whole(generator=torch.Generator().manual_seed(0)))
    assert out.sampling_rate == 48_000


@pytest.mark.parametrize(
    "empty",
    [
        np.zeros(0, np.float32),
        torch.zeros(1, 0),
        np.zeros((2, 0)),
        [],
        b"",
        (np.zeros(0), 16_000),
        {"audio": np.zeros(0), "sampling_rate": 16_000},
        SimpleNamespace(audio=torch.zeros(0), sample_rate=16_000),
        ("...", "", torch.zeros(0)),
    ],
    ids=["array", "tensor", "stereo", "list", "bytes", "pair", "dict", "object", "with texts"],
)
def test_empty_chunks_are_left_out(empty, tiny_pipeline):
    def speak():
        yield empty
        yield AUDIO[0, :2_000]
        yield empty
        yield AUDIO[0, 2_000:]

    out = with_super_resolution(speak, tiny_pipeline, sampling_rate=16_000)()
    assert out.shape == (9_600,) and out.reports[0].duration_s == 0.2

    def say_nothing():
        yield from (empty, empty, empty)

    # Dicts are whole clips.
    if not isinstance(empty, dict):
        with pytest.raises(
            ValueError, match="what say_nothing returned can't be used: no samples: 3 chunks, all of them empty"
        ):
            with_super_resolution(say_nothing, tiny_pipeline, sampling_rate=16_000)()


def encoded(kind):
    file = io.BytesIO()
    soundfile.write(file, AUDIO[0], 16_000, format=kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_a_file_that_is_sent_in_pieces_is_one_file(kind, tiny_pipeline):
    """As clients of speech services give it."""
    whole = encoded(kind)

    def receive():
        yield from (whole[start : start + 700] for start in range(0, len(whole), 700))

    out = with_super_resolution(receive, tiny_pipeline)()
    again = with_super_resolution(lambda: whole, tiny_pipeline)()
    assert out["sampling_rate"] == 48_000 and out["audio"].shape == again["audio"].shape == (9_600,)
    np.testing.assert_array_equal(out["original"], again["original"])


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_files_that_are_sent_one_by_one_are_joined(kind, tiny_pipeline):
    out = with_super_resolution(lambda: iter([encoded(kind), b"", encoded(kind)]), tiny_pipeline)()
    assert out["sampling_rate"] == 48_000 and out["audio"].shape == (19_200,)


def test_pieces_of_a_file_in_dicts_are_one_file(tiny_pipeline):
    """As edge-tts yields them, between dicts that say when each word begins."""
    whole = encoded("MP3")

    def stream():
        for start in range(0, len(whole), 700):
            yield {"type": "audio", "data": whole[start : start + 700]}
            yield {"type": "WordBoundary", "offset": 0, "duration": 100, "text": "rain"}

    out = with_super_resolution(stream, tiny_pipeline)()
    assert out["sampling_rate"] == 48_000 and out["audio"].shape == (9_600,)


@pytest.mark.parametrize("output", [AUDIO[0], iter([AUDIO[0], AUDIO[0]])], ids=["at once", "in chunks"])
def test_floats_that_may_be_integers_are_said_to_be_once(output, tiny_pipeline):
    scale = 8_000 / np.abs(AUDIO).max()
    loud = output * scale if isinstance(output, np.ndarray) else (chunk * scale for chunk in output)
    with pytest.warns(UserWarning, match="peak is 8000") as warnings:
        with_super_resolution(lambda: loud, tiny_pipeline, sampling_rate=16_000)()
    assert len([warning for warning in warnings if "peak is" in str(warning.message)]) == 1


def test_bare_samples_in_pieces_are_refused_with_the_remedy(tiny_pipeline):
    pieces = [(AUDIO[0] * 32_767).astype(np.int16).tobytes()] * 2
    with pytest.raises(ValueError, match=r"of bare samples, pass an array: np.frombuffer\(audio, np.int16\)") as error:
        with_super_resolution(lambda: iter(pieces), tiny_pipeline, sampling_rate=16_000)()
    assert error.value.output == pieces


def test_no_chunk_at_all_is_said_to_be_none(tiny_pipeline):
    def speak():
        yield from ()

    with pytest.raises(ValueError, match="what speak returned can't be used: no chunk of audio"):
        with_super_resolution(speak, tiny_pipeline, sampling_rate=16_000)()


class Config:
    sampling_rate = 24_000


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"sampling_rate": 24_000}, "sampling_rate=24000"),
        ({"sample_rate": np.int64(24_000)}, "sample_rate=24000"),
        ({"sampling_rate": 22_050, "output_sample_rate": 24_000.0}, "sampling_rate=22050, output_sample_rate=24000"),
        ({"config": Config()}, "config.sampling_rate=24000"),
        ({"config": {"sample_rate": 24_000}}, "config.sample_rate=24000"),
    ],
)
def test_a_rate_that_the_object_contradicts_is_an_error_with_both(told, shown, tiny_pipeline):
    engine = Engine()
    engine.sampling_rate = None
    vars(engine).update(told)
    with pytest.raises(ValueError, match=rf"Engine tells {shown}, but sampling_rate=16000.*generator.forward, audiosr"):
        with_super_resolution(engine, tiny_pipeline, sampling_rate=16_000)
    # As it says.
    with pytest.warns(UserWarning, match=rf"the Engine of say tells {shown}; its audio is taken to be at 16000 Hz"):
        wrapped = with_super_resolution(engine.generate, tiny_pipeline, sampling_rate=16_000)
    assert wrapped("rain").sampling_rate == 48_000
    assert with_super_resolution(engine, tiny_pipeline, sampling_rate=24_000)("rain").sampling_rate == 48_000


def test_a_rate_that_the_object_tells_later_is_compared_before_it_generates(tiny_pipeline):
    engine = Engine()
    wrapped = with_super_resolution(engine, tiny_pipeline, sampling_rate=16_000)
    engine.sampling_rate = 22_050
    engine.output = None
    with pytest.raises(ValueError, match="Engine tells sampling_rate=22050, but sampling_rate=16000"):
        wrapped("rain")


@pytest.mark.parametrize("rate", [None, 0, -1, "16000", True, lambda: 16_000])
def test_what_is_no_rate_contradicts_nothing(rate, tiny_pipeline):
    engine = Engine()
    engine.sampling_rate = rate
    assert with_super_resolution(engine, tiny_pipeline, sampling_rate=16_000)("rain").sampling_rate == 48_000


def test_chunks_that_do_not_fit_are_an_error_with_what_was_generated(tiny_pipeline):
    def unequal():
        yield AUDIO[0], 16_000
        yield AUDIO[0], 22_050

    with pytest.raises(ValueError, match="chunks of different rates") as error:
        with_super_resolution(unequal, tiny_pipeline)()
    assert len(error.value.output) == 2


def test_a_generator_function_draws_from_the_seed_while_it_yields(tiny_pipeline):
    def draw():
        yield 0.1 * torch.randn(3_200)

    wrapped = with_super_resolution(draw, tiny_pipeline, sampling_rate=16_000)
    first, again = (wrapped(generator=torch.Generator().manual_seed(0)) for _ in range(2))
    np.testing.assert_array_equal(first.original, again.original)


@pytest.mark.parametrize("kind", ["bytes", "file", "path"])
def test_an_encoded_file_comes_back_as_the_dict_of_transformers(kind, tmp_path, tiny_pipeline):
    soundfile.write(tmp_path / "speech.wav", AUDIO[0], 16_000, subtype="FLOAT")
    encoded = (tmp_path / "speech.wav").read_bytes()
    output = {"bytes": encoded, "file": io.BytesIO(encoded), "path": tmp_path / "speech.wav"}[kind]
    out = with_super_resolution(lambda: output, tiny_pipeline)()
    assert sorted(out) == ["audio", "original", "reports", "sampling_rate"]
    assert out["audio"].shape == out["original"].shape == (9_600,) and out["sampling_rate"] == 48_000


def test_chunks_that_came_before_a_failure_are_not_lost(tiny_pipeline):
    def speak():
        yield AUDIO[0]
        raise ConnectionError("the server is gone")

    for on_error in ("raise", "return_original"):
        wrapped = with_super_resolution(speak, tiny_pipeline, sampling_rate=16_000, on_error=on_error)
        with pytest.raises(ConnectionError) as error:
            wrapped()
        (chunk,) = error.value.output
        assert chunk is not None and chunk.shape == (3_200,)


@pytest.mark.parametrize(
    "beside",
    [lambda audio: audio[None], lambda audio: (audio, {"latency": 0.1}), lambda audio: (audio, SimpleNamespace())],
)
def test_what_was_measured_beside_a_chunk_is_left_out(beside, tiny_pipeline):
    def speak():
        yield from (beside(piece) for piece in np.array_split(AUDIO[0], 3))

    assert with_super_resolution(speak, tiny_pipeline, sampling_rate=16_000)().shape[-1] == 9_600


def test_a_stream_of_an_object_comes_in_the_pieces_that_it_gave(tiny_pipeline):
    class Streaming:
        def stream(self, pieces):
            yield from pieces

    wrapped = with_super_resolution(Streaming(), tiny_pipeline, sampling_rate=22_050)
    parts = np.array_split(AUDIO[0], 3)
    whole = with_super_resolution(lambda: AUDIO[0], tiny_pipeline, sampling_rate=22_050)
    expected = whole(generator=torch.Generator().manual_seed(0))
    for pieces in (
        parts,
        [torch.from_numpy(part)[None] for part in parts],
        [("rain", "ɹeɪn", part) for part in parts],
        [SimpleNamespace(audio=part, sample_rate=22_050) for part in parts],
        [parts[0], None, *parts[1:]],
    ):
        out = wrapped.stream(pieces, generator=torch.Generator().manual_seed(0))
        assert isinstance(out, list) and len(out) == len(pieces) and out.sampling_rate == 48_000
        assert all(type(piece) is type(before) for piece, before in zip(out, pieces, strict=True))
        held = [piece[-1] if isinstance(piece, tuple) else getattr(piece, "audio", piece) for piece in out]
        held = [np.asarray(audio).reshape(-1) for audio in held if audio is not None]
        np.testing.assert_array_equal(np.concatenate(held), expected)
    with pytest.raises(ValueError, match="no chunk of audio"):
        wrapped.stream([])
