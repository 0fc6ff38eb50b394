"""The type of an output is kept, with its audio replaced wherever it holds it."""

from collections import namedtuple
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from audiosr_pipeline.adapters import with_super_resolution
from tests.adapters.tiny import build_vits
from tests.signals import tone

# Ends on a whole sample of 48 kHz, and has no band that is full.
AUDIO = 0.5 * tone(440, 0.2, 16_000)[0]
PCM = (AUDIO * 32_767).astype(np.int16)


def super_resolve(output: Any, audiosr: Any, sampling_rate: int | None = 16_000) -> Any:
    return with_super_resolution(lambda: output, audiosr, sampling_rate=sampling_rate)()


class Speech(NamedTuple):
    text: str
    audio: Any
    sampling_rate: int = 16_000


class Clip(NamedTuple):
    sampling_rate: int
    audio: Any


@pytest.mark.parametrize(
    "output",
    [
        Speech("rain", AUDIO),
        namedtuple("AudioAndRate", "audio sampling_rate")(AUDIO, 16_000),
        Clip(16_000, AUDIO),
        namedtuple("Reported", "audio original reports")(AUDIO, "text", [1]),
    ],
    ids=["three fields", "a pair", "rate first", "fields of our names"],
)
def test_a_named_tuple_comes_back_as_such(output, tiny_pipeline):
    out = super_resolve(output, tiny_pipeline)
    assert isinstance(out, type(output)) and len(out) == len(output)
    assert out.audio.shape == (9_600,) and out.sampling_rate == 48_000
    assert out._asdict().get("sampling_rate", 48_000) == 48_000
    assert out.original.shape == (9_600,) and out.reports[0].sampling_rate == 16_000
    assert output.audio is AUDIO


class Slots:
    __slots__ = ("audio", "text")

    def __init__(self, audio, text):
        self.audio, self.text = audio, text


class SlotsAndRate(Slots):
    __slots__ = ("sample_rate",)


@dataclass(slots=True)
class Result:
    audio: Any
    sampling_rate: int
    text: str = "rain"


def slots_and_rate():
    output = SlotsAndRate(AUDIO, "rain")
    output.sample_rate = 16_000
    return output


@pytest.mark.parametrize("output", [Slots(AUDIO, "rain"), slots_and_rate(), Result(AUDIO, 16_000)])
def test_so_does_an_object_with_slots(output, tiny_pipeline):
    out = super_resolve(output, tiny_pipeline)
    assert isinstance(out, type(output)) and out.text == "rain"
    assert out.audio.shape == out.original.shape == (9_600,) and out.sampling_rate == 48_000
    assert getattr(out, "sample_rate", 48_000) == 48_000 and out.reports[0].action
    assert output.audio is AUDIO


def test_what_cannot_be_changed_at_all_is_not_lost(tiny_pipeline):
    class Sealed:
        audio = property(lambda self: AUDIO)

    out = super_resolve(Sealed(), tiny_pipeline)
    assert out["audio"].shape == (9_600,) and out["sampling_rate"] == 48_000


class Final:
    """No other class may be derived from it."""

    __slots__ = ("audio",)

    def __init__(self, audio):
        self.audio = audio

    def __init_subclass__(cls):
        raise TypeError("final")


def test_what_cannot_carry_the_rate_is_an_error_with_what_was_generated(tiny_pipeline):
    output = Final(AUDIO)
    with pytest.raises(
        ValueError, match=r"a Final can't carry `sampling_rate`: return \(audio, sampling_rate\)"
    ) as error:
        super_resolve(output, tiny_pipeline)
    assert error.value.output is output and output.audio is AUDIO


@dataclass
class AudioChunk:
    """As Piper's, which keeps what it was asked for."""

    sample_rate: int
    audio_float_array: np.ndarray
    _audio_int16_array: Any = None
    _audio_int16_bytes: Any = field(default=None)


def test_copies_in_other_types_are_replaced_too(tiny_pipeline):
    chunk = AudioChunk(16_000, AUDIO, PCM, PCM.tobytes())
    out = super_resolve([chunk], tiny_pipeline, None)[0]
    assert out.sample_rate == 48_000 and out.audio_float_array.shape == (9_600,)
    expected = np.round(out.audio_float_array * 32_767)
    assert out._audio_int16_array.dtype == np.int16
    np.testing.assert_array_equal(out._audio_int16_array, expected)
    np.testing.assert_array_equal(np.frombuffer(out._audio_int16_bytes, np.int16), expected)
    assert chunk._audio_int16_array is PCM and chunk.audio_float_array is AUDIO


def test_so_are_other_names_layouts_and_libraries(tiny_pipeline):
    copies = {
        "wav": AUDIO,
        "column": AUDIO[:, None],
        "list": AUDIO.tolist(),
        "tensor": torch.from_numpy(AUDIO).double()[None],
        "int32": (AUDIO.astype(np.float64) * 2**31).astype(np.int32),
    }
    for output in (SimpleNamespace(audio=AUDIO, **copies), {"audio": AUDIO, "sampling_rate": 16_000, **copies}):
        out = super_resolve(output, tiny_pipeline)
        new = out if isinstance(out, dict) else vars(out)
        assert new["wav"] is new["audio"] and new["audio"].shape == (9_600,)
        assert new["column"].shape == (9_600, 1) and len(new["list"]) == 9_600
        assert new["tensor"].shape == (1, 9_600) and new["tensor"].dtype == torch.float64
        np.testing.assert_array_equal(new["column"][:, 0], new["audio"])
        np.testing.assert_allclose(new["list"], new["audio"])
        np.testing.assert_array_equal(new["tensor"][0].numpy(), new["audio"])
        np.testing.assert_allclose(new["int32"] / 2**31, new["audio"], atol=1e-6)


def test_stereo_in_the_other_order_is_a_copy(tiny_pipeline):
    stereo = np.stack([AUDIO, 0.5 * AUDIO])
    out = super_resolve(SimpleNamespace(audio=stereo, for_soundfile=stereo.T.copy()), tiny_pipeline)
    np.testing.assert_array_equal(out.for_soundfile, out.audio.T)


def test_int16_that_was_cut_at_full_scale_is_a_copy_and_is_cut_again(tiny_pipeline):
    loud = 4 * AUDIO
    cut = (np.clip(loud, -1, 1) * 32_767).astype(np.int16)
    out = super_resolve(SimpleNamespace(audio=loud, pcm=cut), tiny_pipeline)
    assert np.abs(out.audio).max() > 1.5 and np.abs(out.pcm.astype(int)).max() == 32_767
    np.testing.assert_array_equal(np.sign(out.pcm[np.abs(out.audio) > 1]), np.sign(out.audio[np.abs(out.audio) > 1]))


@pytest.mark.parametrize("form", [SimpleNamespace, dict])
def test_other_audio_beside_it_is_left_and_said_to_be(form, tiny_pipeline):
    other = AUDIO[::-1].copy()
    output = form(audio=AUDIO, reference=other, sampling_rate=16_000)
    with pytest.warns(UserWarning, match=f"a {form.__name__} holds other audio beside: reference, left as it came"):
        out = super_resolve(output, tiny_pipeline)
    new = out if isinstance(out, dict) else vars(out)
    assert new["reference"] is other and new["audio"].shape == (9_600,)


@pytest.mark.filterwarnings("error")
def test_what_is_no_audio_beside_it_is_left_without_a_word(tiny_pipeline):
    output = SimpleNamespace(
        audio=AUDIO,
        text="rain",
        ids=torch.arange(500),
        mel=torch.randn(1, 80, 500),
        latents=torch.randn(8, 500),
        embedding=torch.randn(512),
        # Of the text, in tokens.
        lengths=[12],
        none=None,
    )
    out = super_resolve(output, tiny_pipeline)
    for name in ("text", "ids", "mel", "latents", "embedding", "lengths"):
        assert getattr(out, name) is getattr(output, name)


@pytest.mark.parametrize("form", [dict, SimpleNamespace])
def test_lengths_and_masks_beside_a_batch_are_those_of_the_new_audio(form, tiny_pipeline):
    batch = np.stack([AUDIO, AUDIO])
    mask = torch.ones(2, 3_200, dtype=torch.long)
    mask[1, 1_600:] = 0
    beside = {"lengths": [3_200, 1_600], "audio_lengths": torch.tensor([3_200, 1_600]), "padding_mask": mask}
    output = form(audio=batch, sampling_rate=16_000, **beside, token_lengths=[7, 5], num_samples=3_200)
    out = super_resolve(output, tiny_pipeline)
    new = out if isinstance(out, dict) else vars(out)
    # With lengths beside it, it is two clips, not one of two channels.
    assert new["audio"].shape == (2, 9_600) and [report.num_channels for report in new["reports"]] == [1, 1]
    assert new["lengths"] == new["audio_lengths"].tolist() == [9_600, 4_800]
    assert new["padding_mask"].sum(dim=1).tolist() == [9_600, 4_800] and new["num_samples"] == 9_600
    assert new["token_lengths"] == [7, 5]
    assert mask.shape == (2, 3_200)


def test_a_batch_in_an_output_of_transformers_is_one_behind_a_function_too(tiny_pipeline):
    model = build_vits()
    ids = torch.tensor([[5, 6, 7, 8, 9], [5, 6, 7, 0, 0]])
    before = model(ids, attention_mask=(ids > 0).long())
    out = super_resolve(before, tiny_pipeline)
    assert len(out.reports) == 2 and type(out) is type(before)
    assert out.sequence_lengths.tolist() == [3 * length for length in before.sequence_lengths.tolist()]
    assert out.waveform.shape[-1] == out.sequence_lengths.max()


@pytest.mark.parametrize("name", ["fs", "output_sample_rate", "audio_sample_rate"])
@pytest.mark.parametrize("form", [dict, SimpleNamespace])
def test_a_rate_by_any_of_its_names_is_not_contradicted_unsaid(form, name, tiny_pipeline):
    output = form(audio=AUDIO, **{name: 24_000})
    with pytest.raises(ValueError, match="a rate of its own, 24000 Hz, but sampling_rate=16000 was passed"):
        super_resolve(output, tiny_pipeline)
    out = super_resolve(output, tiny_pipeline, None)
    new = out if isinstance(out, dict) else vars(out)
    assert new[name] == new["sampling_rate"] == 48_000 and new["audio"].shape == (6_400,)


@pytest.mark.parametrize("form", [dict, SimpleNamespace])
def test_the_frame_rate_of_a_video_is_no_rate_of_its_sound(form, tiny_pipeline):
    out = super_resolve(form(audio=AUDIO, frames=[1, 2], frame_rate=24, sampling_rate=16_000), tiny_pipeline)
    new = out if isinstance(out, dict) else vars(out)
    assert new["frame_rate"] == 24 and new["sampling_rate"] == 48_000
