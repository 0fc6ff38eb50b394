"""What comes out: rate, length, level, form, and a report for each clip (promise 1)."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosr_pipeline import AudioSRPipelineOutput, AudioSRReport
from audiosr_pipeline.dsp.resample import resample
from tests.conftest import build_tiny_pipeline
from tests.pipelines.stubs import WhiteNoise, seeded
from tests.signals import clicks, noise, tone

RATES = st.one_of(
    st.sampled_from([4_000, 8_000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000]), st.integers(4_000, 192_000)
)


@pytest.fixture(scope="module")
def loud_pipeline():
    """Its vocoder makes loud white noise."""
    pipe = build_tiny_pipeline(default_num_inference_steps=1)
    pipe.vocoder = WhiteNoise()
    return pipe


@pytest.mark.filterwarnings("ignore:audio.*the input's peak")
@settings(max_examples=40, deadline=None)
@given(
    sampling_rate=RATES,
    seconds=st.floats(0.0001, 0.3),
    channels=st.integers(1, 3),
    level_db=st.floats(-80, 60),
    seed=st.integers(0, 99),
)
def test_any_clip_becomes_48_khz_of_exactly_its_duration(
    loud_pipeline, sampling_rate, seconds, channels, level_db, seed
):
    num_samples = max(channels, 4, round(seconds * sampling_rate))
    audio = np.random.default_rng(seed).standard_normal((channels, num_samples)).astype(np.float32)
    audio *= 10 ** (level_db / 20)
    out = loud_pipeline([audio], sampling_rate=sampling_rate, on_full_band="run", generator=seeded())
    assert out.sampling_rate == 48_000
    for result in (out.audios[0], out.generated[0]):
        assert result.shape == (channels, round(num_samples * 48_000 / sampling_rate))
        assert result.dtype == np.float32
        assert np.isfinite(result).all()


@pytest.mark.parametrize(("num_samples", "expected"), [(1_001, 500), (1_003, 502)])
def test_half_a_sample_is_rounded_as_python_rounds(tiny_pipeline, num_samples, expected):
    assert tiny_pipeline(noise()[0, :num_samples], 96_000).audios.shape == (1, expected)


@pytest.mark.parametrize("sampling_rate", [4_000, 16_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("seconds", [0.01, 0.5])
def test_short_clips_are_enhanced(tiny_pipeline, sampling_rate, seconds):
    audio = tone(440, seconds, sampling_rate) * np.hanning(round(seconds * sampling_rate)).astype(np.float32)
    out = tiny_pipeline(audio[0], sampling_rate)
    assert out.audios.shape == (1, round(48_000 * seconds))
    assert out.reports[0].action == "enhanced"


@pytest.mark.parametrize("sampling_rate", [4_000, 16_000, 48_000])
def test_one_sample_is_a_clip(tiny_pipeline, sampling_rate):
    out = tiny_pipeline(np.array([0.5], np.float32), sampling_rate)
    assert out.audios.shape == (1, 48_000 // sampling_rate)
    assert np.isfinite(out.audios).all()


@pytest.mark.parametrize("gain", [2.0**6, 2.0**-4])
def test_level_changes_nothing_but_the_level(loud_pipeline, gain):
    """The peak is normalised on the way in and that is undone on the way out. Powers of two round to themselves."""
    audio = noise(0.5, 16_000)[0]
    usual, scaled = (loud_pipeline(clip, 16_000, generator=seeded()) for clip in (audio, np.float32(gain) * audio))
    assert np.array_equal(scaled.audios, np.float32(gain) * usual.audios)
    assert np.array_equal(scaled.generated, np.float32(gain) * usual.generated)
    assert scaled.reports[0].peak == gain * usual.reports[0].peak


def test_nothing_is_clipped(loud_pipeline):
    audio = tone(440, 0.5, 16_000, amplitude=3.0)[0]
    out = loud_pipeline(audio, 16_000)
    assert out.audios.max() > 2.9 and out.audios.min() < -2.9
    assert out.reports[0].peak == np.abs(out.audios).max()


def test_a_full_scale_square_wave_may_overshoot(loud_pipeline):
    audio = np.sign(tone(100.3, 0.5, 16_000))[0]
    out = loud_pipeline(audio, 16_000)
    # Gibbs: a band-limited square wave overshoots by 9 % of its step; and there is the noise.
    assert 1.05 < out.reports[0].peak < 2
    assert np.isfinite(out.audios).all()


@pytest.mark.parametrize("frequency", [50, 440, 900])
def test_a_low_tone_is_enhanced_from_2_khz_on(loud_pipeline, frequency):
    out = loud_pipeline(tone(frequency, 0.5, 16_000)[0], 16_000)
    assert out.reports[0].cutoff_freq == 2_000
    assert any("outside 2-16 kHz" in note for note in out.reports[0].notes)


def test_clicks_stay_in_place(tiny_pipeline):
    audio = clicks(1.0, 16_000)[0]
    out = tiny_pipeline(audio, 16_000)
    for position in np.flatnonzero(audio):
        around = np.abs(out.audios[0, 3 * position - 300 : 3 * position + 300])
        assert abs(int(around.argmax()) - 300) <= 3


FORMS = {
    "1-D": (np.zeros(800, np.float32), (1, 2_400)),
    "2-D is a batch": (np.zeros((3, 800), np.float32), (3, 2_400)),
    "3-D is a batch of channels": (np.zeros((3, 2, 800), np.float32), (3, 2, 2_400)),
    "list of equal lengths": ([np.zeros(800, np.float32)] * 2, (2, 2_400)),
    "list of one stereo clip": ([np.zeros((2, 800), np.float32)], (1, 2, 2_400)),
    "channels axis of one stays": (np.zeros((2, 1, 800), np.float32), (2, 1, 2_400)),
}


@pytest.mark.parametrize("output_type", ["np", "pt"])
@pytest.mark.parametrize("form", FORMS)
def test_clips_of_one_shape_come_back_as_one_array(tiny_pipeline, form, output_type):
    audio, shape = FORMS[form]
    out = tiny_pipeline(audio, 16_000, output_type=output_type)
    for result in (out.audios, out.generated):
        assert isinstance(result, np.ndarray if output_type == "np" else torch.Tensor)
        assert tuple(result.shape) == shape
        assert str(result.dtype).endswith("float32")
    assert len(out.reports) == shape[0]


@pytest.mark.parametrize("output_type", ["np", "pt"])
def test_clips_of_several_shapes_come_back_as_a_list_in_order(tiny_pipeline, output_type):
    clips = [np.zeros(800, np.float32), np.zeros((2, 800), np.float32), noise(0.25, 16_000)[0]]
    out = tiny_pipeline(clips, 16_000, output_type=output_type)
    assert isinstance(out.audios, list) and isinstance(out.generated, list)
    assert [tuple(audio.shape) for audio in out.audios] == [(2_400,), (2, 2_400), (12_000,)]
    assert [report.action for report in out.reports] == ["silent", "silent", "enhanced"]


def test_tensors_hold_what_arrays_hold(tiny_pipeline):
    audio = noise(0.25, 16_000)[0]
    arrays, tensors = (tiny_pipeline(audio, 16_000, output_type=kind, generator=seeded()) for kind in ("np", "pt"))
    assert np.array_equal(arrays.audios, tensors.audios.numpy())
    assert tensors.audios.device.type == "cpu"


@pytest.mark.parametrize("clip", [noise(0.1, 16_000)[0], np.zeros(100, np.float32), noise(0.1)[0]], ids=str)
def test_a_tuple_is_returned_when_asked_for_on_every_path(tiny_pipeline, clip):
    rate = 48_000 if len(clip) == 4_800 else 16_000
    result = tiny_pipeline(clip, rate, return_dict=False, generator=seeded())
    assert isinstance(result, tuple) and len(result) == 4
    audios, sampling_rate, generated, reports = result
    output = tiny_pipeline(clip, rate, generator=seeded())
    assert isinstance(output, AudioSRPipelineOutput)
    assert np.array_equal(audios, output.audios) and np.array_equal(generated, output.generated)
    assert sampling_rate == output.sampling_rate and reports == output.reports


@pytest.mark.parametrize("sampling_rate", [16_000, 48_000])
def test_the_input_is_left_as_it_was_and_not_handed_out(tiny_pipeline, sampling_rate):
    """Full-band and silent clips at 48 kHz need no computing, and are copied nevertheless."""
    for audio in (noise(0.2, sampling_rate)[0], np.zeros(4_000, np.float32)):
        before = audio.copy()
        out = tiny_pipeline(audio, sampling_rate)
        out.audios[:] = 7
        assert np.array_equal(audio, before)


def test_a_report_says_what_was_found_and_done(tiny_pipeline):
    audio = noise(0.5, 16_000, tilt_db=-3)
    out = tiny_pipeline(
        [np.concatenate([audio, 0.5 * audio])],
        16_000,
        num_inference_steps=np.int64(3),
        guidance_scale=np.float32(2),
        eta=1,
        generator=seeded(11),
    )
    (report,) = out.reports
    assert isinstance(report, AudioSRReport)
    assert (report.sampling_rate, report.num_channels, report.duration_s) == (16_000, 2, 0.5)
    assert 2_000 < report.cutoff_freq <= report.bandwidth <= 8_000
    assert report.action == "enhanced" and f"{report.bandwidth:.0f} Hz" in report.reason
    assert report.low_band_error_db < -50
    own = resample(np.concatenate([audio, 0.5 * audio]), 16_000, 48_000)
    change_db = 20 * np.log10(np.sqrt((out.audios[0] ** 2).mean() / (own**2).mean()))
    assert report.level_change_db == pytest.approx(change_db, abs=1e-3)
    assert report.peak == np.abs(out.audios).max()
    assert report.settings == {
        "num_inference_steps": 3,
        "guidance_scale": 2.0,
        "eta": 1.0,
        "scheduler": "DDIMScheduler",
    }
    assert report.seed == 11


@pytest.mark.parametrize("clip", [noise(0.1, 16_000)[0], np.zeros(100, np.float32)], ids=["noise", "silence"])
@pytest.mark.parametrize("cutoff_freq", [None, np.float32(4_000), 4_000])
def test_a_report_is_json(tiny_pipeline, clip, cutoff_freq):
    (report,) = tiny_pipeline(clip, np.int64(16_000), cutoff_freq=cutoff_freq, guidance_scale=np.float32(1)).reports
    fields = report.to_dict()
    assert json.loads(json.dumps(fields)) == fields
    assert set(fields) == set(AudioSRReport.__dataclass_fields__)


def test_a_report_cannot_be_changed(tiny_pipeline):
    (report,) = tiny_pipeline(np.zeros(100, np.float32), 16_000).reports
    with pytest.raises(AttributeError):
        report.peak = 1.0


def test_reported_level_change_is_the_outputs(loud_pipeline):
    audio = noise(0.5)[0] * 0.1
    out = loud_pipeline(audio, 48_000, cutoff_freq=6_000, generator=seeded())
    expected = 10 * np.log10(np.mean(out.audios**2) / np.mean(audio**2))
    assert out.reports[0].level_change_db == pytest.approx(expected, abs=1e-3)
