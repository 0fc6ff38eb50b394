"""What is decided before anything is generated: full band, lossy coding, cutoffs (promise 7)."""

import io

import numpy as np
import pytest
import soundfile

from audiosr_pipeline.dsp.cutoff import find_bandwidth
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.pipelines.inputs import Clip
from audiosr_pipeline.pipelines.inspection import inspect_clip
from tests.conftest import build_tiny_pipeline
from tests.pipelines.stubs import WhiteNoise, seeded
from tests.signals import band_limited, copied, music_like, noise, speech_like, tone


@pytest.fixture(scope="module")
def loud_pipeline():
    pipe = build_tiny_pipeline(default_num_inference_steps=1)
    pipe.vocoder = WhiteNoise()
    return pipe


def report_of(pipe, audio, sampling_rate, **settings):
    return pipe([audio], sampling_rate, **settings).reports[0]


FULL_BAND = {
    "white noise at 48 kHz": (noise(1.0), 48_000),
    "pink noise at 44.1 kHz": (noise(1.0, 44_100, tilt_db=-3), 44_100),
    "speech at 48 kHz": (speech_like(), 48_000),
    "music at 96 kHz": (music_like(2.0, 96_000), 96_000),
}


@pytest.mark.parametrize("name", FULL_BAND)
def test_full_band_audio_is_left_alone(loud_pipeline, name):
    """Also where its roll-off lies far lower: it is the band edge that decides."""
    audio, sampling_rate = FULL_BAND[name]
    out = loud_pipeline([audio], sampling_rate)
    assert np.array_equal(out.audios[0], resample(audio, sampling_rate, 48_000))
    assert not out.generated.any()
    (report,) = out.reports
    assert report.action == "left_alone" and "full band" in report.reason and report.bandwidth >= 20_000
    assert report.settings == {} and report.seed is None
    assert report.low_band_error_db is None and report.level_change_db is None
    # What the model is made for is no matter where it isn't used.
    assert not any("2-16 kHz" in note for note in report.notes)


def test_full_band_audio_can_be_run_all_the_same(loud_pipeline):
    audio = noise(1.0, 44_100)
    out = loud_pipeline([audio], 44_100, on_full_band="run", generator=seeded(4))
    (report,) = out.reports
    assert report.action == "enhanced" and report.bandwidth >= 20_000 and report.seed == 4
    spectrum = np.abs(np.fft.rfft(out.generated[0, 0]))
    # All that is new lies above the edge.
    assert spectrum[24_000 - 1_000 :].mean() > 100 * spectrum[: int(report.bandwidth) - 400].mean()


def test_full_band_audio_can_be_an_error(loud_pipeline):
    with pytest.raises(ValueError, match=r'full band: content up to 2\d{4} Hz; on_full_band="skip" leaves it alone'):
        loud_pipeline([noise(1.0)], 48_000, on_full_band="error")
    # Not for clips that have something to gain.
    assert report_of(loud_pipeline, noise(0.5, 16_000), 16_000, on_full_band="error").action == "enhanced"


def test_each_clip_of_a_batch_is_judged_by_itself(loud_pipeline):
    clips = [noise(1.0), band_limited(noise(1.0), 8_000), 0 * noise(1.0)]
    out = loud_pipeline(clips, 48_000)
    assert [report.action for report in out.reports] == ["left_alone", "enhanced", "silent"]
    assert [bool(new.any()) for new in out.generated] == [False, True, False]


def test_a_cutoff_that_is_passed_overrides_what_is_found(loud_pipeline):
    report = report_of(loud_pipeline, noise(1.0), 48_000, cutoff_freq=5_000)
    assert (report.action, report.cutoff_freq, report.bandwidth) == ("enhanced", 5_000, 5_000)
    assert report.reason == "cutoff_freq was given"


@pytest.mark.parametrize(("cutoff_freq", "outside"), [(1_000, True), (2_000, False), (16_000, False), (18_000, True)])
def test_a_cutoff_outside_2_to_16_khz_is_reported(loud_pipeline, cutoff_freq, outside):
    report = report_of(loud_pipeline, noise(1.0), 48_000, cutoff_freq=cutoff_freq)
    assert any("outside 2-16 kHz" in note for note in report.notes) == outside


@pytest.mark.parametrize(
    ("audio", "cutoff_freq", "band_edge"),
    [
        (tone(440), 2_000, (0, 1_000)),
        (band_limited(noise(1.0), 1_200), 2_000, (1_100, 1_300)),
        (band_limited(noise(1.0), 19_000), None, (18_900, 19_100)),
    ],
    ids=["440 Hz", "noise to 1.2 kHz", "noise to 19 kHz"],
)
def test_a_band_edge_outside_2_to_16_khz_is_reported_and_raised_to_2_khz(loud_pipeline, audio, cutoff_freq, band_edge):
    out = loud_pipeline([audio], 48_000)
    (report,) = out.reports
    assert report.action == "enhanced" and report.cutoff_freq == (cutoff_freq or report.bandwidth)
    (note,) = [note for note in report.notes if "outside 2-16 kHz" in note]
    assert band_edge[0] < float(note.split()[2]) < band_edge[1]
    assert np.isfinite(out.audios).all() and report.low_band_error_db < -50


@pytest.mark.parametrize(("sampling_rate", "cutoff_freq"), [(8_000, 3_000), (44_100, 11_000), (48_000, 16_000)])
def test_content_that_ends_below_what_the_rate_allows_is_reported(loud_pipeline, sampling_rate, cutoff_freq):
    """The shelf of lossy coding, or audio that was upsampled before."""
    audio = band_limited(noise(1.0, sampling_rate), cutoff_freq, sampling_rate)
    report = report_of(loud_pipeline, audio, sampling_rate)
    assert report.bandwidth == pytest.approx(cutoff_freq, rel=0.05)
    assert any(f"content ends at {report.bandwidth:.0f} Hz in a wall of" in note for note in report.notes)
    full = report_of(loud_pipeline, noise(1.0, sampling_rate), sampling_rate)
    assert not any("content ends" in note for note in full.notes)


def test_the_holes_of_a_low_rate_mp3_are_reported(loud_pipeline):
    """32 kbit/s, written by the encoder that soundfile brings."""
    audio = speech_like(4.0, 44_100)
    file = io.BytesIO()
    mp3 = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT", "compression_level": 0.99}
    soundfile.write(file, audio[0], 44_100, **mp3)
    file.seek(0)
    coded, _ = soundfile.read(file, dtype="float32")
    notes = [report_of(loud_pipeline, clip, 44_100, on_full_band="run").notes for clip in (coded, audio[0])]
    assert [any("lossy coding" in note for note in clip_notes) for clip_notes in notes] == [True, False]


def test_a_clip_of_milliseconds_has_no_more_band_than_its_rate():
    """Its spectrum is too coarse to end where the rate does."""
    pipe = build_tiny_pipeline(default_num_inference_steps=1)
    for sampling_rate in (4_000, 8_000, 16_000):
        report = report_of(pipe, noise(0.01, sampling_rate)[0], sampling_rate)
        assert report.action == "enhanced"
        assert report.bandwidth <= max(2_000, sampling_rate / 2)


def test_cutoff_and_bandwidth_are_found_once_for_all_channels(loud_pipeline):
    narrow, wide = band_limited(noise(1.0, seed=0), 3_000), band_limited(noise(1.0, seed=1), 9_000)
    both = report_of(loud_pipeline, np.concatenate([narrow, wide]), 48_000)
    assert both.bandwidth == pytest.approx(9_000, rel=0.02)
    swapped = report_of(loud_pipeline, np.concatenate([wide, narrow]), 48_000)
    assert (swapped.cutoff_freq, swapped.bandwidth) == (both.cutoff_freq, both.bandwidth)


def test_images_of_naive_upsampling_are_replaced_and_said(loud_pipeline):
    audio = np.repeat(noise(1.0, 16_000, tilt_db=-3), 3, axis=1)
    report = report_of(loud_pipeline, audio, 48_000)
    assert report.action == "enhanced" and report.bandwidth == pytest.approx(8_000, rel=0.02)
    (note,) = [note for note in report.notes if "images of 16000 Hz audio" in note]
    assert "--cutoff-freq" in note


@pytest.mark.parametrize("sampling_rate", [16_000, 48_000])
def test_dithered_silence_is_silent(loud_pipeline, sampling_rate):
    rng = np.random.default_rng(0)
    audio = np.rint(rng.random((1, sampling_rate)) - rng.random((1, sampling_rate))).astype(np.int16)
    out = loud_pipeline([audio], sampling_rate)
    assert out.reports[0].action == "silent" and "dither" in out.reports[0].reason
    assert not out.generated.any()


def test_what_is_a_guess_names_the_remedy(loud_pipeline):
    for cutoff_freq in (12_000, 20_000):
        report = report_of(loud_pipeline, band_limited(noise(1.0), cutoff_freq), 48_000, on_full_band="run")
        assert any("cutoff_freq (--cutoff-freq)" in note for note in report.notes)


@pytest.mark.parametrize(
    "audio",
    [noise(1.0), noise(1.0, tilt_db=-6), speech_like(), resample(noise(1.0, 16_000), 16_000, 48_000)],
    ids=["white", "brown", "speech-like", "16 kHz"],
)
def test_an_edge_that_nothing_speaks_against_has_no_such_note(loud_pipeline, audio):
    rate = 48_000 if find_bandwidth(audio) > 20_000 else 16_000
    report = report_of(loud_pipeline, resample(audio, 48_000, rate), rate, on_full_band="run")
    assert not any("cutoff_freq" in note for note in report.notes)


def test_what_is_a_copy_is_replaced_and_said(loud_pipeline):
    report = report_of(loud_pipeline, copied(noise(2.0), 6_800, 6_000), 48_000)
    assert report.action == "enhanced" and report.bandwidth == pytest.approx(6_800, abs=300)
    (note,) = [note for note in report.notes if "copy of what lies 6000 Hz lower" in note]
    assert "--cutoff-freq" in note


def test_flat_noise_above_a_band_is_said(loud_pipeline):
    """As WMA leaves it at low rates, or a recorder: up to 21 kHz, 45 dB below the band."""
    audio = band_limited(noise(2.0), 8_000) + 10 ** (-45 / 20) * band_limited(noise(2.0, seed=1), 21_000)
    report = report_of(loud_pipeline, audio, 48_000)
    (note,) = [note for note in report.notes if "flat noise alone" in note]
    # Smoothed over 500 Hz.
    assert float(note.split()[1]) == pytest.approx(8_000, abs=500) and "--cutoff-freq" in note


@pytest.mark.parametrize("level_db", [-20, -65, -80])
def test_a_quiet_clip_of_more_than_16_bits_keeps_its_highs(level_db):
    """Room tone in 24 bits, whose highs lie below the noise that rounding to 16 bits would make."""
    audio = 10 ** (level_db / 20) * noise(2.0, 32_000, tilt_db=-6)
    stored = np.round(audio * 2**23) / np.float32(2**23)
    found = inspect_clip(Clip(stored, 32_000, is_flat=False), resample(stored, 32_000, 48_000))
    assert found.bandwidth == pytest.approx(15_500, abs=500)


def test_highs_a_little_below_the_rounding_noise_of_16_bits_are_kept_too():
    audio = resample(music_like(2.0), 48_000, 44_100)
    stored = np.round(10 ** (-70 / 20) * audio / np.abs(audio).max() * 2**23) / np.float32(2**23)
    found = inspect_clip(Clip(stored, 44_100, is_flat=False), resample(stored, 44_100, 48_000))
    assert found.bandwidth > 20_500


def test_rounding_noise_that_is_there_at_times_alone_is_no_content():
    """As decoders leave it that round in between: in the mean it lies 9 dB lower than all the time."""
    audio = 0.003 * band_limited(noise(4.0, tilt_db=-9), 8_000, 48_000)
    audio[:, 24_000:] = 0
    rounded = np.round(audio * 2**15) / 2**15
    # No longer on its grid.
    stored = (rounded + 1e-9 * noise(4.0, seed=1)).astype(np.float32)
    assert inspect_clip(Clip(stored, 48_000, is_flat=False), stored).bandwidth < 8_500


@pytest.mark.parametrize("gain_db", [-4, -12, -30])
def test_rounding_noise_of_16_bits_that_was_turned_down_is_no_content(gain_db):
    """A dark recording of 16 bits whose level was lowered in an editor that writes 24: as before, it ends at 3 kHz."""
    audio = 0.01 * noise(2.0, 44_100, tilt_db=-12)
    rounded = np.round(audio * 2**15) / np.float32(2**15)
    stored = np.round(10 ** (gain_db / 20) * rounded * 2**23) / np.float32(2**23)
    edges = [
        inspect_clip(Clip(clip, 44_100, is_flat=False), resample(clip, 44_100, 48_000)).bandwidth
        for clip in (rounded, stored)
    ]
    assert edges[0] < 5_000 and edges[1] == pytest.approx(edges[0], abs=50)


def test_highs_that_are_the_rounding_noise_of_16_bits_are_no_content_in_a_float_file_either():
    audio = 0.01 * band_limited(noise(2.0, 32_000, tilt_db=-6), 6_000, 32_000)
    stored = resample(np.round(audio * 2**15) / np.float32(2**15), 32_000, 24_000)
    found = inspect_clip(Clip(stored, 24_000, is_flat=False), resample(stored, 24_000, 48_000))
    assert found.bandwidth < 6_100
