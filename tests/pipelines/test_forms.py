"""Forms in which libraries hand over audio and its rate: each gives the clips that it holds, in the pipeline and behind
a generator alike."""

import io
from array import array
from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
import torch
from transformers.models.vits.modeling_vits import VitsModelOutput

from audiosr_pipeline.adapters import read_output, with_super_resolution
from audiosr_pipeline.pipelines.inputs import load_clips
from tests.signals import noise

MONO = noise(0.1, 16_000)[0]
STEREO = np.concatenate([noise(0.1, 16_000, seed) for seed in (1, 2)])
PCM = (STEREO * 32_767).astype(np.int16)


class AudioSamples:
    """As torchcodec's."""

    data, sample_rate, pts_seconds = torch.from_numpy(STEREO), 16_000, 0.0


class AudioDecoder:
    """As torchcodec's, which datasets puts in its Audio column."""

    def get_all_samples(self):
        return AudioSamples()


class Series:
    """As pandas' or jax's, of which arrays are made by their protocol."""

    def __init__(self, values):
        self.values_of_it = values

    def __array__(self, dtype=None, copy=None):
        return self.values_of_it


class Pair(NamedTuple):
    waveform: np.ndarray
    rate: int


@dataclass
class Result:
    audio: object
    sample_rate: int


@dataclass(frozen=True)
class SealedResult:
    audio: object
    sample_rate: int


def encoded() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, STEREO.T, 16_000, subtype="FLOAT", format="WAV")
    return file.getvalue()


def at_its_end() -> io.BytesIO:
    """Written, and not rewound."""
    file = io.BytesIO()
    file.write(encoded())
    return file


def objects(*items) -> np.ndarray:
    array = np.empty(len(items), object)
    array[:] = items
    return array


# The form, the rate passed with it, and the clips in it.
FORMS = {
    "(audio, rate), one dimension": ((MONO, 16_000), None, [MONO]),
    "(audio, rate), a batch": ((STEREO[None], 16_000), None, [STEREO]),
    "(audio, rate), a list": (([MONO, MONO[:700]], 16_000), None, [MONO, MONO[:700]]),
    "(rate, audio) of Gradio": ((16_000, MONO), None, [MONO]),
    "(rate, audio) of Gradio and scipy, stereo": ((16_000, STEREO.T), None, [STEREO]),
    "(rate, audio), int16": ((np.int64(16_000), PCM.T), None, [PCM / np.float32(32_768)]),
    "(audio, rate, spectrogram) of F5-TTS": ((MONO, 16_000, np.zeros((100, 40))), None, [MONO]),
    "(audio, rate, text)": ((MONO, 16_000, "rain", None), None, [MONO]),
    "(rate, audio, text)": ((16_000, STEREO.T, "rain"), None, [STEREO]),
    "CosyVoice's dict": ({"tts_speech": torch.from_numpy(STEREO[:1])}, 16_000, [STEREO[:1]]),
    "(audio, rate, figures, texts)": ((MONO, 16_000, {"seconds": 0.3}, ["rain"], 0.5), None, [MONO]),
    "(audio, rate, spectrogram) of 20 bands": ((MONO, 16_000, np.zeros((20, 40))), None, [MONO]),
    "a rate in a tensor of one": ((MONO, torch.tensor([16_000])), None, [MONO]),
    "dicts without their rate": ([{"audio": MONO}, {"tts_speech": STEREO}], 16_000, [MONO, STEREO]),
    "a dict of a file's bytes": ({"audio": encoded(), "sampling_rate": 16_000}, None, [STEREO]),
    "a rate in a tensor": ((MONO, torch.tensor(16_000)), None, [MONO]),
    "a rate in an array": ({"audio": MONO, "sampling_rate": np.array(16_000)}, None, [MONO]),
    "a list of pairs": ([(MONO, 16_000), (torch.from_numpy(STEREO), 16_000)], None, [MONO, STEREO]),
    "transformers' dict": ({"audio": STEREO, "sampling_rate": 16_000}, None, [STEREO]),
    "a dict and a rate": ({"audio": STEREO}, 16_000, [STEREO]),
    "datasets' dict": ({"path": None, "array": MONO, "sampling_rate": 16_000}, None, [MONO]),
    "datasets' dict, not decoded": ({"path": "a.wav", "bytes": encoded()}, None, [STEREO]),
    "datasets' decoder": (AudioDecoder(), None, [STEREO]),
    "a row of datasets": ({"text": "rain", "audio": AudioDecoder()}, None, [STEREO]),
    "a row of datasets, not decoded": ({"audio": {"bytes": encoded(), "path": None}}, None, [STEREO]),
    "torchcodec's samples": (AudioSamples(), None, [STEREO]),
    "a column of datasets": ([AudioDecoder(), AudioDecoder()], None, [STEREO, STEREO]),
    "ComfyUI's dict": ({"waveform": torch.from_numpy(STEREO[None]), "sample_rate": 16_000}, None, [STEREO]),
    "ComfyUI's dict, a batch": (
        {"waveform": torch.from_numpy(STEREO[:, None]), "sample_rate": 16_000},
        None,
        [*STEREO[:, None]],
    ),
    "a list of ComfyUI's": (
        [{"waveform": torch.from_numpy(STEREO[None]), "sample_rate": 16_000}] * 2,
        None,
        [STEREO] * 2,
    ),
    "bytes": (encoded(), None, [STEREO]),
    "bytes in an array": (np.frombuffer(encoded(), np.uint8), None, [STEREO]),
    "bytes in a tensor": (torch.frombuffer(bytearray(encoded()), dtype=torch.uint8), None, [STEREO]),
    "a dict with sr": ({"audio": MONO, "sr": 16_000}, None, [MONO]),
    "an open file": (io.BytesIO(encoded()), None, [STEREO]),
    "an open file at its end": (at_its_end(), None, [STEREO]),
    "a list of files": ([encoded(), encoded()], None, [STEREO, STEREO]),
    "a ragged array of objects": (objects(MONO, MONO[:700]), 16_000, [MONO, MONO[:700]]),
    "a ragged series": (Series(objects(MONO, MONO[:700])), 16_000, [MONO, MONO[:700]]),
    "an array of another library": (Series(MONO), 16_000, [MONO]),
    "a named tuple": (Pair(MONO, 16_000), None, [MONO]),
    "chunks of Piper": ([SimpleNamespace(audio_float_array=MONO, sample_rate=16_000)], None, [MONO]),
    "samples of sherpa-onnx": (SimpleNamespace(samples=MONO.tolist(), sample_rate=16_000), None, [MONO]),
    "a list of floats": (MONO.tolist(), 16_000, [MONO]),
    "Python's array of floats": (array("f", MONO), 16_000, [MONO]),
    "Python's array of 16-bit integers": (array("h", PCM[0]), 16_000, [PCM[0] / np.float32(32_768)]),
    "a view of floats": (memoryview(MONO), 16_000, [MONO]),
    "a view of a file's bytes": (memoryview(encoded()), None, [STEREO]),
    "a dict with rate": ({"audio": MONO, "rate": 16_000}, None, [MONO]),
    "a dict with rate, which is a speed": ({"audio": MONO, "rate": 1.2, "sampling_rate": 16_000}, None, [MONO]),
    "a batch and its lengths": (
        {"waveform": STEREO, "lengths": [1_600, 700], "sampling_rate": 16_000},
        None,
        [STEREO[0], STEREO[1, :700]],
    ),
    "a batch of which one clip is nothing but padding": (
        {"waveform": torch.from_numpy(STEREO), "lengths": torch.tensor([1_600, 0])},
        16_000,
        [*STEREO],
    ),
    "an object with a batch and its lengths": (
        SimpleNamespace(audio=STEREO[:, None], audio_lengths=np.array([700, 1_600]), rate=16_000),
        None,
        [STEREO[:1, :700], STEREO[1:]],
    ),
    "a list of numpy's floats": (list(MONO), 16_000, [MONO]),
    "a list of floats and its rate": ((MONO.tolist(), 16_000), None, [MONO]),
    "lists of floats": ([MONO.tolist(), MONO[:700].tolist()], 16_000, [MONO, MONO[:700]]),
    "XTTS' dict": ({"wav": MONO.tolist(), "gpt_latents": np.zeros((1, 5, 64))}, 16_000, [MONO]),
    "an object with .audio": (SimpleNamespace(audio=STEREO), 16_000, [STEREO]),
    "an object with .audio and its rate": (Result(MONO, 16_000), None, [MONO]),
    "an object with .audios": (SimpleNamespace(audios=STEREO), 16_000, [*STEREO]),
}


@pytest.mark.parametrize("name", FORMS)
def test_the_clips_are_those_in_the_form(name):
    form, sampling_rate, expected = FORMS[name]
    clips = load_clips(form, sampling_rate)
    assert {clip.sampling_rate for clip in clips} == {16_000}
    for clip, audio in zip(clips, expected, strict=True):
        assert clip.is_flat == (audio.ndim == 1)
        np.testing.assert_array_equal(clip.audio, np.atleast_2d(audio))
    read, rate = read_output(lambda: None, form, sampling_rate)
    assert rate == 16_000
    for clip, audio in zip(read, expected, strict=True):
        np.testing.assert_array_equal(clip, audio)


@pytest.mark.parametrize("name", FORMS)
def test_behind_a_generator_the_same_form_comes_back(name, tiny_pipeline):
    form, sampling_rate, expected = FORMS[name]
    out = with_super_resolution(lambda: form, tiny_pipeline, sampling_rate)()
    reports = out["reports"] if type(out) is dict else out.reports
    assert (
        len(reports) == len(expected) and (out["sampling_rate"] if type(out) is dict else out.sampling_rate) == 48_000
    )
    # What comes back can be read again.
    has_rate = sampling_rate is None or isinstance(form, dict)
    clips = load_clips(out, None if has_rate else 48_000)
    for clip, audio in zip(clips, expected, strict=True):
        assert clip.sampling_rate == 48_000 and clip.audio.shape == (len(np.atleast_2d(audio)), 3 * audio.shape[-1])
    if isinstance(form, (tuple, dict)):
        assert isinstance(out, type(form))


REFUSED = {
    "(audio, rate) of torchaudio, stereo": ((STEREO, 16_000), r"one stereo clip or two mono ones: pass \(\[audio\], "),
    "(audio, rate) of soundfile, stereo": ((STEREO.T, 16_000), r"transpose it to \(channels, num_samples\)"),
    "(rate, audio), channels first": ((16_000, STEREO), r"where that form has \(num_samples, channels\)"),
    "another rate than passed": ({"array": MONO, "sampling_rate": 22_050}, "22050 Hz, but sampling_rate=16000 was"),
    "two audios": ({"array": MONO / 2, "audio": MONO, "sampling_rate": 16_000}, r"a dict with \['audio', 'array', 's"),
    "two rates in a dict": (
        {"audio": MONO, "sampling_rate": 16_000, "sr": 24_000},
        r"a dict with \['audio', 'sampling_rate', 'sr'\]: keep one of each",
    ),
    "two rates in an object": (
        SimpleNamespace(audio=MONO, sampling_rate=16_000, sample_rate=24_000),
        "a SimpleNamespace with several rates, {'sampling_rate': 16000, 'sample_rate': 24000}: keep one",
    ),
    "nothing": ({"bytes": None, "path": None}, "whose bytes and path are both None"),
    "bare samples": (PCM.tobytes(), r"audio, a bytes of 6400 bytes, .*np.frombuffer\(audio, np.int16\)"),
    "a view of bare samples": (memoryview(PCM.tobytes()), r"audio, a bytes of 6400 bytes, .*np.frombuffer"),
    "bytes with a sign": (PCM.astype(np.int8), "dtype int8; accepted are floats, int16, int32 and uint8"),
    "integers without a sign": (PCM.astype(np.uint16), "dtype uint16; accepted are floats, int16, int32 and uint8"),
    "another rate than passed, as rate": ({"audio": MONO, "rate": 24_000}, "24000 Hz, but sampling_rate=16000 was"),
    "a file of text": (io.StringIO("rain"), "a StringIO that reads as str"),
    "a generator": ((piece for piece in [MONO]), r"gives its audio later. Pass list\(audio\) if it gives clips"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_uncertain_is_refused_and_told_what_is_accepted(name, tiny_pipeline):
    form, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        tiny_pipeline(form, 16_000)


def test_a_named_tuple_keeps_its_names(tiny_pipeline):
    out = with_super_resolution(lambda: Pair(MONO, 16_000), tiny_pipeline)()
    assert out.waveform.shape == (4_800,) and out.rate == out.sampling_rate == 48_000


@pytest.mark.parametrize("form", [(MONO, len(MONO)), (torch.from_numpy(STEREO[None]), torch.tensor(len(MONO)))])
def test_a_length_is_not_taken_for_a_rate(form, tiny_pipeline):
    """SeamlessM4T returns its waveform and the waveform's length, which for one clip is a tensor without axes."""
    with pytest.raises(ValueError, match=r"audio of shape \(.*1600.* and 1600, which is its length and .* in Hz"):
        tiny_pipeline(form)
    with pytest.raises(ValueError, match="pass the audio alone, as sampling_rate=22050 is known"):
        with_super_resolution(lambda: form, tiny_pipeline, 22_050)()


def test_bytes_beside_their_rate_come_back_as_samples(tiny_pipeline):
    audio, rate = with_super_resolution(lambda: (encoded(), 16_000), tiny_pipeline)()
    assert audio.shape == (2, 4_800) and rate == 48_000


def test_a_second_at_a_usual_rate_is_one(tiny_pipeline):
    audio = noise(1.0, 8_000)[0]
    assert with_super_resolution(lambda: (audio, 8_000), tiny_pipeline)()[0].shape == (48_000,)


def test_an_output_of_transformers_stays_one(tiny_pipeline):
    output = VitsModelOutput(waveform=torch.from_numpy(STEREO))
    out = with_super_resolution(lambda: output, tiny_pipeline, 16_000)()
    assert type(out) is VitsModelOutput and out.waveform.shape == (2, 4_800) and out.sampling_rate == 48_000
    assert output.waveform.shape == (2, 1_600)


def test_what_is_awaited_later_is_told_with_the_remedy(tiny_pipeline):
    async def speak():
        return MONO

    with pytest.raises(ValueError, match=r"is awaited. Await it before; .*lambda \*args: asyncio.run"):
        with_super_resolution(speak, tiny_pipeline, 16_000)()


def test_a_second_audio_behind_the_rate_is_refused(tiny_pipeline):
    with pytest.raises(ValueError, match=r"a tuple of ndarray, int, ndarray; accepted are \(audio, sampling_rate\)"):
        with_super_resolution(lambda: (MONO, 16_000, MONO), tiny_pipeline)()


def test_what_stands_behind_the_rate_stays(tiny_pipeline):
    spectrogram = np.ones((100, 40))
    out = with_super_resolution(lambda: (MONO, 16_000, spectrogram), tiny_pipeline)()
    assert out[0].shape == (4_800,) and out[1] == 48_000 and out[2] is spectrogram


@pytest.mark.parametrize("cls", [Result, SimpleNamespace])
def test_an_object_says_the_new_rate_too(cls, tiny_pipeline):
    out = with_super_resolution(lambda: cls(audio=MONO, sample_rate=16_000), tiny_pipeline)()
    assert isinstance(out, cls) and out.audio.shape == (4_800,)
    assert out.sample_rate == out.sampling_rate == 48_000


def test_an_object_that_cannot_be_changed_comes_back_as_a_dict(tiny_pipeline):
    form = SealedResult(MONO, 16_000)
    out = with_super_resolution(lambda: form, tiny_pipeline)()
    assert out["audio"].shape == (4_800,) and out["sampling_rate"] == 48_000 and form.sample_rate == 16_000


def test_clips_of_several_rates_are_each_taken_at_their_own(tiny_pipeline):
    form = [(MONO, 16_000), (noise(0.1, 22_050)[0], 22_050)]
    out = with_super_resolution(lambda: form, tiny_pipeline)()
    assert [audio.shape for audio, rate in out] == [(4_800,), (4_800,)]
    assert [report.sampling_rate for report in out.reports] == [16_000, 22_050]
    with pytest.raises(ValueError, match="clips of different rates: 16000, 22050 Hz"):
        read_output(lambda: None, form)
