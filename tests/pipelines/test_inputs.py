"""Every form of audio that is accepted, and a clear ValueError for what isn't."""

import base64
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from diffusers.pipelines.pipeline_utils import AudioPipelineOutput

from audiosr_pipeline.pipelines.inputs import load_clips, warned
from audiosr_pipeline.pipelines.rates import in_short
from tests.pipelines.stubs import seeded
from tests.signals import noise

MONO = noise(0.1, 16_000)[0]
STEREO = np.concatenate([noise(0.1, 16_000, seed) for seed in (1, 2)])


@pytest.fixture
def file(tmp_path):
    soundfile.write(tmp_path / "stereo.wav", STEREO.T, 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "mono.flac", MONO, 22_050, subtype="PCM_24")
    return tmp_path / "stereo.wav"


def test_one_dimension_is_a_mono_clip():
    for audio in (MONO, torch.from_numpy(MONO)):
        (clip,) = load_clips(audio, 16_000)
        assert clip.is_flat and clip.sampling_rate == 16_000
        assert np.array_equal(clip.audio, MONO[None])


def test_two_dimensions_are_a_batch_of_mono_clips():
    for audio in (STEREO, torch.from_numpy(STEREO)):
        clips = load_clips(audio, 16_000)
        assert [clip.is_flat for clip in clips] == [True, True]
        assert np.array_equal(np.concatenate([clip.audio for clip in clips]), STEREO)


def test_three_dimensions_are_batch_channels_and_samples():
    for audio in (np.stack([STEREO] * 3), torch.from_numpy(np.stack([STEREO] * 3))):
        clips = load_clips(audio, 16_000)
        assert len(clips) == 3 and not any(clip.is_flat for clip in clips)
        assert all(np.array_equal(clip.audio, STEREO) for clip in clips)


def test_a_list_holds_clips_of_any_length_and_kind(file):
    clips = load_clips([MONO[:500], STEREO, torch.from_numpy(MONO), str(file), file], 16_000)
    assert [clip.audio.shape for clip in clips] == [(1, 500), (2, 1_600), (1, 1_600), (2, 1_600), (2, 1_600)]
    assert [clip.is_flat for clip in clips] == [True, False, True, False, False]
    assert len(load_clips((MONO, MONO), 16_000)) == 2


def test_a_file_brings_its_own_rate(file):
    (clip,) = load_clips(str(file), None)
    assert clip.sampling_rate == 16_000 and not clip.is_flat
    assert np.array_equal(clip.audio, STEREO)
    (clip,) = load_clips(file.with_name("mono.flac"), None)
    assert clip.sampling_rate == 22_050 and clip.is_flat
    # 24 bit.
    assert np.abs(clip.audio[0] - MONO).max() <= 2**-24
    rates = [clip.sampling_rate for clip in load_clips([file, file.with_name("mono.flac")], None)]
    assert rates == [16_000, 22_050]


def test_a_dict_is_one_clip_or_a_list_of_them():
    """As transformers' text-to-audio pipelines return it."""
    (clip,) = load_clips({"audio": STEREO, "sampling_rate": 16_000}, None)
    assert np.array_equal(clip.audio, STEREO) and not clip.is_flat
    clips = load_clips([{"audio": MONO, "sampling_rate": rate} for rate in (16_000, 24_000)], None)
    assert [clip.sampling_rate for clip in clips] == [16_000, 24_000]
    clips = load_clips({"audio": [MONO, MONO[:700]], "sampling_rate": 16_000}, None)
    assert [clip.audio.shape for clip in clips] == [(1, 1_600), (1, 700)]


@dataclass
class StubOutput:
    audios: object


@pytest.mark.parametrize("output", [AudioPipelineOutput, StubOutput], ids=["diffusers", "any"])
def test_an_output_object_is_what_its_audios_are(output):
    clips = load_clips(output(audios=STEREO), 16_000)
    assert len(clips) == 2 and clips[0].is_flat
    (clip,) = load_clips(output(audios=torch.from_numpy(STEREO[None])), 16_000)
    assert clip.audio.shape == (2, 1_600)


def test_every_form_gives_the_same_audio(tiny_pipeline, file):
    forms = [
        ([STEREO], 16_000),
        (STEREO[None], 16_000),
        (torch.from_numpy(STEREO[None]), 16_000),
        (str(file), None),
        ([file], None),
        ({"audio": STEREO, "sampling_rate": 16_000}, None),
        (SimpleNamespace(audios=STEREO[None]), 16_000),
    ]
    results = [tiny_pipeline(audio, rate, generator=seeded()).audios for audio, rate in forms]
    for result in results:
        assert result.shape == (1, 2, 4_800)
        assert np.array_equal(result, results[0])
    unpacked = tiny_pipeline(**{"audio": MONO, "sampling_rate": 16_000}, generator=seeded())
    assert np.array_equal(unpacked.audios, tiny_pipeline(MONO, 16_000, generator=seeded()).audios)


def test_the_output_of_one_pipeline_is_input_of_the_next(tiny_pipeline):
    first = tiny_pipeline([STEREO, MONO], 16_000, generator=seeded())
    again = tiny_pipeline(first, first.sampling_rate)
    assert [audio.shape for audio in again.audios] == [audio.shape for audio in first.audios]


@pytest.mark.parametrize(
    ("dtype", "zero", "scale"),
    [("int16", 0, 2**15), ("int32", 0, 2**31), ("uint8", 128, 128)],
)
@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy], ids=["array", "tensor"])
def test_integers_are_scaled_by_their_range(dtype, zero, scale, convert):
    limits = np.iinfo(dtype)
    samples = np.array([limits.min, zero, limits.max, zero + (limits.max - zero) // 2], dtype)
    (clip,) = load_clips(convert(samples), 16_000)
    assert clip.audio.dtype == np.float32
    assert clip.audio[0] == pytest.approx([-1, 0, 1 - 1 / scale, 0.5], abs=1 / scale)
    assert clip.audio.min() == -1 and clip.audio.max() <= 1


@pytest.mark.parametrize("dtype", [np.float16, np.float64, torch.float64, torch.float16, torch.bfloat16])
def test_any_float_is_accepted(dtype):
    audio = MONO.astype(dtype) if not isinstance(dtype, torch.dtype) else torch.from_numpy(MONO).to(dtype)
    (clip,) = load_clips(audio, 16_000)
    assert clip.audio.dtype == np.float32
    assert clip.audio[0] == pytest.approx(MONO, abs=2e-3)


@pytest.mark.filterwarnings("ignore:audio. the input's peak")
@pytest.mark.parametrize("dtype", [">i2", ">i4", ">f4", ">f8", "<i2", "u1"])
def test_the_byte_order_of_numbers_does_not_matter(dtype):
    """AIFF and AU files are big-endian, and so are the arrays that their readers may give."""
    samples = np.array([1, 20, 100, 3], dtype)
    (clip,) = load_clips(samples, 16_000)
    (expected,) = load_clips(samples.astype(samples.dtype.newbyteorder("=")), 16_000)
    assert np.array_equal(clip.audio, expected.audio) and clip.audio.dtype == np.dtype("=f4")


def test_tensors_of_any_layout_are_read():
    audio = torch.from_numpy(MONO)
    quantized = torch.quantize_per_tensor(audio, 0.001, 0, torch.qint32)
    for tensor in (audio.to_sparse(), torch.stack([audio] * 2).to_sparse_csr()[0], quantized, torch._neg_view(-audio)):
        (clip,) = load_clips(tensor, 16_000)
        # 0.0005 is half a step of the quantised one.
        assert clip.audio[0] == pytest.approx(MONO, abs=0.00051)


def test_floats_that_may_be_integers_are_taken_as_they_are_with_a_warning():
    quiet, loud = load_clips([MONO, 8_000 * MONO / np.abs(MONO).max()], 16_000)
    with pytest.warns(UserWarning, match=r"audio\[1\]: the input's peak is 8000, where floats .* divide by 32768"):
        warned([quiet, loud])
    assert quiet.notes == () and np.abs(loud.audio).max() == pytest.approx(8_000)
    assert len(loud.notes) == 1 and "peak is 8000" in loud.notes[0]


@pytest.mark.parametrize("peak", [1.0, 1.3, 31.0])
def test_a_mix_that_is_over_full_scale_is_no_reason_to_warn(peak, recwarn):
    """30 dB over is what no mix is."""
    (clip,) = load_clips(np.float32(peak) * MONO / np.abs(MONO).max(), 16_000)
    assert clip.notes == () and not recwarn.list


def test_the_warning_is_in_the_report(tiny_pipeline):
    with pytest.warns(UserWarning, match="peak is 8000"):
        (report,) = tiny_pipeline(8_000 * MONO / np.abs(MONO).max(), 16_000).reports
    assert any("peak is 8000" in note for note in report.notes)


@pytest.mark.parametrize("value", [2e12, 1e25, -1e38, 1e300])
def test_samples_too_large_to_compute_with_are_refused_without_a_numpy_warning(tiny_pipeline, value, recwarn):
    audio = MONO.astype("f8")
    audio[7] = value
    with pytest.raises(ValueError, match=r"1 samples that are beyond 1e\+12, the first .* at sample 7 .* divide by"):
        tiny_pipeline(audio if abs(value) > 3e38 else audio.astype("f4"), 16_000)
    assert not recwarn.list


@pytest.mark.filterwarnings("ignore:audio. the input's peak")
def test_samples_up_to_1e12_run_without_a_numpy_warning(tiny_pipeline, recwarn):
    out = tiny_pipeline(MONO * np.float32(1e12 / np.abs(MONO).max() * 0.999), 16_000)
    assert np.isfinite(out.audios).all() and out.reports[0].low_band_error_db < -50
    assert not [warning for warning in recwarn.list if warning.category is RuntimeWarning]


def test_tensors_may_belong_to_a_graph_and_arrays_to_a_larger_one():
    (clip,) = load_clips(torch.from_numpy(MONO).requires_grad_(), 16_000)
    assert np.array_equal(clip.audio[0], MONO)
    (clip,) = load_clips(STEREO.T[:, 1][::-1], 16_000)
    assert np.array_equal(clip.audio[0], STEREO[1, ::-1])


def test_strided_and_big_endian_arrays_run(tiny_pipeline):
    expected = tiny_pipeline(STEREO[0].copy(), 16_000, generator=seeded()).audios
    for audio in (STEREO.T[:, 0], STEREO[0].astype(">f4")):
        assert np.array_equal(tiny_pipeline(audio, 16_000, generator=seeded()).audios, expected)


def test_eight_channels_and_more_run(tiny_pipeline):
    out = tiny_pipeline([np.repeat(STEREO, 4, axis=0)], 16_000)
    assert out.audios.shape == (1, 8, 4_800)
    assert len(load_clips([np.zeros((32, 100), np.float32)], 16_000)[0].audio) == 32


@pytest.mark.parametrize("sampling_rate", [4_000, 192_000, 44_100.0, np.int64(8_000), np.float32(8_000)])
def test_rates_are_whole_numbers_of_any_type(sampling_rate):
    (clip,) = load_clips(MONO, sampling_rate)
    assert clip.sampling_rate == sampling_rate and type(clip.sampling_rate) is int


def with_bad_sample(value: float, shape=(2, 16_000), where=(1, 8_000)) -> np.ndarray:
    audio = np.zeros(shape, np.float32)
    audio[where] = value
    return audio


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_named_with_their_position(value):
    with pytest.raises(
        ValueError, match=rf"audio\[1\] has 1 samples .* first {value} in channel 1 at sample 8000 \(0.5"
    ):
        load_clips([MONO, with_bad_sample(value)], 16_000)
    with pytest.raises(ValueError, match=r"audio has 1 samples .* in channel 0 at sample 3 "):
        load_clips(with_bad_sample(value, (50,), 3), 16_000)
    # Opposite infinities add up to NaN.
    audio = with_bad_sample(value)
    audio[0, 5] = -value
    with pytest.raises(
        ValueError, match="has 2 samples that are NaN or infinite, the first .* in channel 0 at sample 5"
    ):
        load_clips([audio], 16_000)


EMPTY = np.zeros(0, np.float32)
BAD_AUDIO = {
    "nothing": (None, "audio is a NoneType; accepted are"),
    "a number": (0.5, "audio is a float; accepted are"),
    "no dimension": (np.array(0.5), r"audio has shape \(\); accepted are"),
    "four dimensions": (np.zeros((1, 1, 1, 50)), r"audio has shape \(1, 1, 1, 50\); accepted are"),
    "an empty list": ([], "audio is an empty list"),
    "a list of numbers": ([0.1, 0.2], "audio is a list of numbers"),
    "a list of lists": ([[0.1, 0.2]], r"audio\[0\] is a list"),
    "a list with nothing": ([MONO, None], r"audio\[1\] is a NoneType"),
    "a list with a number": ([MONO, 0.5], r"audio\[1\] is a float"),
    "three dimensions in a list": ([np.zeros((1, 1, 50))], r"audio\[0\] has shape \(1, 1, 50\); a clip is"),
    "no dimension in a list": ([np.array(0.5)], r"audio\[0\] has shape \(\); a clip is"),
    "zero samples": (EMPTY, r"audio has shape \(0,\): zero samples"),
    "zero samples in a list": ([MONO, EMPTY], r"audio\[1\] has shape \(0,\): zero samples"),
    "zero samples in a batch": (np.zeros((2, 0)), "zero samples"),
    "zero channels": ([np.zeros((0, 50))], r"audio\[0\] has shape \(0, 50\)"),
    "an empty batch": (np.zeros((0, 50)), r"audio has shape \(0, 50\)"),
    "an empty tensor": (torch.zeros(3, 2, 0), "zero samples"),
    "channels last": (STEREO.T, r"audio has shape \(1600, 2\), read as \(batch, num_samples\).*transpose it"),
    "channels last in a list": ([STEREO.T], r"\(1600, 2\), read as \(channels, num_samples\).*transpose it"),
    "channels last in a batch": (np.stack([STEREO.T]), r"\(1600, 2\), read as \(channels, num_samples\)"),
    "channels last in a dict": ({"audio": STEREO.T, "sampling_rate": 16_000}, r"\(1600, 2\), read as \(channels"),
    "too many channels": ([np.zeros((33, 100))], r"33 channels, of which 32 are possible"),
    "booleans": (np.zeros(50, bool), "audio has dtype bool; accepted are floats, int16, int32 and uint8"),
    "complex numbers": (np.zeros(50, complex), "audio has dtype complex128"),
    "complex tensor": (torch.zeros(50, dtype=torch.complex64), "audio has dtype complex64"),
    "int64": (np.zeros(50, np.int64), "audio has dtype int64"),
    "a tensor without samples": (torch.zeros(50, device="meta"), "audio is a tensor on the meta device"),
    "such a tensor in a list": ([MONO, torch.zeros(50, device="meta")], r"audio\[1\] is a tensor on the meta device"),
    "tensors of several lengths": (
        torch.nested.nested_tensor([torch.zeros(50), torch.zeros(60)]),
        "audio is a tensor whose samples can't be read",
    ),
    "a masked array": (np.ma.masked_array(np.zeros(50), np.arange(50) == 3), "audio is a masked array"),
    "big-endian int64": (np.zeros(50, ">i8"), "audio has dtype >i8; accepted are floats, int16"),
    "a list of numbers of numpy": (list(np.zeros(50, "f4")), "audio is a list of numbers"),
    "text": (np.array(["a", "b"]), "audio has dtype <U1"),
    "objects": (np.array([None, 1]), r"audio\[0\] is a NoneType"),
    "a dict without a rate": (
        {"audio": MONO},
        r"audio is a dict without \['sampling_rate'\]; its keys are \['audio'\]",
    ),
    "a dict without audio": ({"sampling_rate": 16_000}, r"audio is a dict without \['audio'\]"),
    "a bad dict in a list": ([{"raw": MONO}], r"audio\[0\] is a dict without \['audio', 'sampling_rate'\]"),
    "a missing file": ("missing.wav", "missing.wav: no such file"),
    "a folder": (".", ": is a folder"),
}


@pytest.mark.parametrize("name", BAD_AUDIO)
def test_bad_audio_is_a_value_error_that_says_what_it_is(tiny_pipeline, name):
    audio, message = BAD_AUDIO[name]
    with pytest.raises(ValueError, match=message):
        tiny_pipeline(audio, None if isinstance(audio, dict) else 16_000)


def test_what_is_no_audio_file_is_named(tiny_pipeline, tmp_path):
    (tmp_path / "text.wav").write_text("not audio")
    (tmp_path / "empty.wav").write_bytes(b"")
    with pytest.raises(ValueError, match=r"text.wav: not readable as audio"):
        tiny_pipeline(tmp_path / "text.wav")
    with pytest.raises(ValueError, match=r"empty.wav: is empty"):
        tiny_pipeline([tmp_path / "empty.wav"])


def test_what_is_wrong_in_a_file_is_named_by_its_path(tiny_pipeline, tmp_path):
    soundfile.write(tmp_path / "bad.wav", with_bad_sample(np.nan).T, 16_000, subtype="FLOAT")
    with pytest.raises(ValueError, match=r"bad.wav has 1 samples that are NaN"):
        tiny_pipeline(tmp_path / "bad.wav")


BAD_RATES = [0, -16_000, 3_999, 400_000, 16_000.5, np.nan, np.inf, "16000", [16_000], True, 1j]
BAD_RATES += [
    10**400,
    -(10**5_000),
    np.bool_(True),
    np.array([16_000, 16_000]),
    "9" * 500,
    torch.tensor([16_000, 16_000]),
]


@pytest.mark.parametrize("sampling_rate", BAD_RATES, ids=in_short)
@pytest.mark.parametrize("in_dict", [False, True])
def test_a_bad_rate_is_a_value_error(tiny_pipeline, sampling_rate, in_dict):
    arguments = {"audio": MONO, "sampling_rate": sampling_rate}
    with pytest.raises(ValueError, match="sampling_rate=.* accepted are whole rates from 4000 to 384000 Hz") as error:
        tiny_pipeline(arguments) if in_dict else tiny_pipeline(**arguments)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("audio", [MONO, [MONO], STEREO[None], {"audio": MONO, "sampling_rate": None}])
def test_a_missing_rate_is_a_value_error(tiny_pipeline, audio):
    with pytest.raises(ValueError, match="is an array, whose rate can't be known: pass sampling_rate= in Hz"):
        tiny_pipeline(audio)


def test_a_rate_that_contradicts_the_audios_own_is_refused(tiny_pipeline, file):
    for audio in (file, [file], {"audio": MONO, "sampling_rate": 16_000}):
        with pytest.raises(ValueError, match="rate of its own, 16000 Hz, but sampling_rate=44100 was passed"):
            tiny_pipeline(audio, 44_100)
    assert len(load_clips(file, 16_000)) == 1


def test_a_clip_too_short_for_one_sample_at_48_khz_is_refused(tiny_pipeline):
    with pytest.raises(ValueError, match=r"audio\[1\] has 1 samples at 192000 Hz, less than one at 48000 Hz"):
        tiny_pipeline([MONO, MONO[:1]], 192_000)


BAD_ARGUMENTS = [
    ({"num_inference_steps": 0}, "num_inference_steps=0; accepted are whole numbers from 1 on"),
    ({"num_inference_steps": -3}, "num_inference_steps=-3"),
    ({"num_inference_steps": 2.5}, "num_inference_steps=2.5"),
    ({"num_inference_steps": np.nan}, "num_inference_steps=nan"),
    ({"guidance_scale": -1}, "guidance_scale=-1; accepted are 0 and above"),
    ({"guidance_scale": np.nan}, "guidance_scale=nan"),
    ({"guidance_scale": np.inf}, "guidance_scale=inf"),
    ({"eta": -0.1}, "eta=-0.1; accepted are 0 to 1"),
    ({"eta": 1.1}, "eta=1.1"),
    ({"eta": np.nan}, "eta=nan"),
    (
        {"cutoff_freq": 0},
        "cutoff_freq=0; accepted are frequencies from 1000 Hz up to, not including, the Nyquist frequency 8000 Hz",
    ),
    ({"cutoff_freq": 999}, "cutoff_freq=999;"),
    ({"cutoff_freq": 8_000}, "cutoff_freq=8000;"),
    ({"cutoff_freq": np.nan}, "cutoff_freq=nan;"),
    ({"on_full_band": "ignore"}, 'on_full_band="ignore"; accepted are skip, run, error'),
    ({"output_type": "pil"}, 'output_type="pil"; accepted are np, pt, latent'),
    ({"generator": []}, "generator is a list of 0 for 2 clips"),
    ({"generator": [seeded()]}, "generator is a list of 1 for 2 clips"),
    ({"generator": [seeded()] * 3}, "generator is a list of 3 for 2 clips"),
    ({"generator": 42}, "generator=42; accepted are a torch.Generator"),
    ({"generator": [1, 2]}, r"generator=\[1, 2\]; accepted are a torch.Generator"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS, ids=lambda value: str(value)[:40])
def test_a_bad_argument_is_a_value_error_that_says_what_is_accepted(tiny_pipeline, arguments, message):
    with pytest.raises(ValueError, match=message):
        tiny_pipeline([MONO, MONO], 16_000, **arguments)


def test_the_lowest_rate_limits_the_cutoff(tiny_pipeline):
    with pytest.raises(ValueError, match="Nyquist frequency 4000 Hz of the lowest rate"):
        tiny_pipeline([{"audio": MONO, "sampling_rate": rate} for rate in (16_000, 8_000)], cutoff_freq=5_000)


def test_a_rate_as_text_is_shown_as_text():
    with pytest.raises(ValueError, match="sampling_rate='16000' for audio; accepted are whole rates"):
        load_clips(np.zeros(100, np.float32), "16000")


@pytest.mark.parametrize("start", ["data:audio/wav;base64,", ""])
def test_base64_is_said_to_be_no_path_in_few_words(start):
    text = start + base64.b64encode(bytes(range(256)) * 40).decode()
    with pytest.raises(ValueError, match=r"which is no path. .* pass base64.b64decode\(audio\)") as error:
        load_clips({"audio": text, "sampling_rate": 16_000}, None)
    assert len(str(error.value)) < 300
