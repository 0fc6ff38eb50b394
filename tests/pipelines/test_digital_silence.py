"""Silence stays silence: whole files, passages, single channels (promise 6)."""

import numpy as np
import pytest
import torch

from audiosr_pipeline.dsp.resample import resample
from tests.conftest import build_tiny_pipeline
from tests.pipelines.stubs import WhiteNoise
from tests.signals import level_db, noise

RATES = [4_000, 16_000, 22_050, 44_100, 48_000, 192_000]


@pytest.fixture(scope="module")
def loud_pipeline():
    """Its vocoder makes white noise at the level of loud audio, whatever it is given."""
    pipe = build_tiny_pipeline(default_num_inference_steps=1)
    pipe.vocoder = WhiteNoise()
    return pipe


@pytest.fixture
def idle_pipeline(tiny_pipeline, monkeypatch):
    """Its networks are never called."""
    monkeypatch.setattr(tiny_pipeline, "encode", None)
    monkeypatch.setattr(tiny_pipeline, "denoise", None)
    return tiny_pipeline


@pytest.mark.parametrize("sampling_rate", RATES)
@pytest.mark.parametrize("shape", [(100_000,), (2, 40_000), (1, 1_000)])
@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_zeros_stay_exactly_zero(idle_pipeline, sampling_rate, shape, dtype):
    out = idle_pipeline([np.zeros(shape, dtype)], sampling_rate)
    assert out.audios[0].shape == (*shape[:-1], round(shape[-1] * 48_000 / sampling_rate))
    assert not out.audios.any() and not out.generated.any()
    assert out.reports[0].action == "silent" and out.reports[0].peak == 0


def test_the_middle_of_unsigned_bytes_is_silence(idle_pipeline):
    assert not idle_pipeline(np.full(1_000, 128, np.uint8), 8_000).audios.any()


@pytest.mark.parametrize("sampling_rate", RATES)
def test_a_constant_stays_constant(idle_pipeline, sampling_rate):
    """Although resampling makes it ring at its ends."""
    out = idle_pipeline(np.full(sampling_rate // 2, 0.25, np.float32), sampling_rate)
    assert out.reports[0].action == "silent"
    assert out.audios[0, 2_400:-2_400] == pytest.approx(0.25, abs=1e-4)
    assert not out.generated.any()


def test_a_constant_beside_sound_does_no_harm(loud_pipeline):
    audio = np.concatenate([noise(0.5, 16_000), np.full((1, 8_000), 0.25, np.float32)])
    out = loud_pipeline([audio], 16_000)
    assert np.isfinite(out.audios).all()
    assert out.audios[0, 1, 4_800:-4_800].mean() == pytest.approx(0.25, abs=1e-3)


@pytest.mark.parametrize("sampling_rate", [8_000, 16_000, 22_050, 48_000])
@pytest.mark.parametrize(("start_s", "stop_s"), [(0.0, 0.3), (0.35, 0.6), (0.7, 1.0)], ids=["start", "middle", "end"])
def test_a_silent_passage_stays_silent(loud_pipeline, sampling_rate, start_s, stop_s):
    audio = noise(1.0, sampling_rate)
    audio[:, round(start_s * sampling_rate) : round(stop_s * sampling_rate)] = 0
    out = loud_pipeline(audio[0], sampling_rate, cutoff_freq=3_000)
    assert out.reports[0].action == "enhanced"
    # From 5 ms of fade and 15 ms of the resampling filter's ringing on, where there is sound beyond.
    start, stop = round(start_s * 48_000) + 960 * (start_s > 0), round(stop_s * 48_000) - 960 * (stop_s < 1)
    assert not out.generated[0, start:stop].any()
    # What is left is the input's own: nothing at 48 kHz, at other rates what resampling left.
    assert np.array_equal(out.audios[0, start:stop], resample(audio, sampling_rate, 48_000)[0, start:stop])
    assert np.abs(out.audios[0, start:stop]).max() < (1e-30 if sampling_rate == 48_000 else 1e-6)
    # The sound beside it is enhanced, up to the silence.
    for sound in (slice(start - 1_440, start - 1_000), slice(stop + 1_000, stop + 1_440)):
        if 0 < sound.start and sound.stop < 48_000:
            assert level_db(out.generated[:, sound]) > level_db(out.generated) - 10


def test_a_silent_channel_stays_silent_beside_sound(loud_pipeline):
    """Highs in a channel that is silent would be a panning that nobody recorded."""
    audio = noise(0.5, 16_000)
    out = loud_pipeline([np.concatenate([audio, 0 * audio])], 16_000)
    assert not out.audios[0, 1].any() and not out.generated[0, 1].any()
    assert out.generated[0, 0].any()


# No whole steps of 16 bits, as dither has them.
@pytest.mark.parametrize("level", [4e-5, 1e-5])
def test_very_quiet_sound_is_no_silence(loud_pipeline, level):
    audio = np.float32(level) * np.sign(noise(0.5, 16_000))
    out = loud_pipeline(audio[0], 16_000)
    assert out.reports[0].action == "enhanced"
    assert out.generated[0, 1_000:-1_000].any()


@pytest.mark.parametrize(
    ("audio", "sampling_rate"),
    [([1, 0], 96_000), ([1, 0, 0, 0], 192_000), (1e-3 * np.sin(2.6 * np.arange(9_600)) * np.hanning(9_600), 192_000)],
    ids=["one sample", "of four", "ultrasound"],
)
@pytest.mark.parametrize("options", [{}, {"on_full_band": "run"}, {"cutoff_freq": 4_000}], ids=str)
def test_what_is_flat_at_48_khz_is_silent(idle_pipeline, audio, sampling_rate, options):
    """Although it isn't at its own rate."""
    out = idle_pipeline(np.array(audio, np.float32), sampling_rate, **options)
    assert out.audios.shape == (1, len(audio) * 48_000 // sampling_rate) and np.isfinite(out.audios).all()
    assert out.reports[0].action == "silent" and not out.generated.any()


def test_what_is_left_of_nothing_is_nothing(idle_pipeline):
    """Below -120 dB of full scale lie the rounding errors of silence, which are not to be normalised."""
    audio = 1e-8 * torch.randn(8_000, generator=torch.Generator().manual_seed(0))
    out = idle_pipeline(audio, 16_000)
    assert out.reports[0].action == "silent" and level_db(out.audios) < -150


@pytest.mark.parametrize("seconds", [0.0005, 0.01, 0.019])
def test_a_silent_channel_of_a_clip_of_milliseconds_stays_silent_too(loud_pipeline, seconds):
    audio = noise(seconds, 16_000)
    out = loud_pipeline([np.concatenate([audio, 0 * audio])], 16_000, on_full_band="run")
    assert out.reports[0].action == "enhanced"
    assert not out.audios[0][1].any() and not out.generated[0][1].any()
