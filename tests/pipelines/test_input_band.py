"""The input's band is the input's, at its level, up to the band edge; above it is what was generated (promise 2)."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft, signal

from audiosr_pipeline.dsp.cutoff import find_cutoff
from audiosr_pipeline.dsp.low_band import num_low_mels
from audiosr_pipeline.dsp.normalization import apply_gain
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.pipelines import splice
from audiosr_pipeline.pipelines.inputs import load_clips
from tests.conftest import build_tiny_pipeline
from tests.pipelines.stubs import Playback, WhiteNoise, error_below_db, seeded
from tests.signals import band_limited, music_like, noise, speech_like, tone

SIGNALS = {
    "white": noise,
    "pink": lambda seconds, rate, seed: noise(seconds, rate, seed, tilt_db=-3),
    "brown": lambda seconds, rate, seed: noise(seconds, rate, seed, tilt_db=-6),
    "speech": speech_like,
    "music": music_like,
    "tone": lambda seconds, rate, seed: tone(300 + seed, seconds, rate),
}


@pytest.fixture(scope="module")
def loud_pipeline():
    """Its vocoder makes white noise as loud as typical audio, whatever the mel spectrogram says."""
    pipe = build_tiny_pipeline(default_num_inference_steps=1, window_s=5.12)
    pipe.vocoder = WhiteNoise()
    return pipe


@pytest.mark.filterwarnings("ignore:audio.*the input's peak")
@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(sorted(SIGNALS)),
    sampling_rate=st.sampled_from([4_000, 8_000, 11_025, 16_000, 22_050, 24_000, 32_000]),
    seconds=st.floats(0.2, 1.5),
    channels=st.integers(1, 3),
    level_db=st.floats(-40, 40),
    seed=st.integers(0, 99),
)
def test_below_the_band_edge_nothing_changes(loud_pipeline, name, sampling_rate, seconds, channels, level_db, seed):
    audio = np.concatenate([SIGNALS[name](seconds, sampling_rate, seed=seed + 100 * i) for i in range(channels)])
    audio = (audio * 10 ** (level_db / 20)).astype(np.float32)
    out = loud_pipeline([audio], sampling_rate, generator=seeded(seed))
    (report,) = out.reports
    assert report.action == "enhanced"
    own = resample(audio, sampling_rate, 48_000)
    assert error_below_db(out.audios[0], own, report.bandwidth - 250) < -50
    # And it is the report's own measure.
    assert report.low_band_error_db < -50
    # What was generated keeps out of there as well.
    assert error_below_db(out.audios[0] - out.generated[0], own, report.bandwidth - 250) < -50
    # The comparison means something: above the edge there is noise.
    assert np.abs(out.generated).max() > 0.01 * np.abs(own).max()


@settings(max_examples=15, deadline=None)
@given(name=st.sampled_from(["white", "pink", "speech", "music"]), cutoff_freq=st.floats(1_000, 20_000))
def test_the_same_at_48_khz_with_a_cutoff_that_was_passed(loud_pipeline, name, cutoff_freq):
    audio = SIGNALS[name](0.5, 48_000, seed=1)
    out = loud_pipeline(audio[0], 48_000, cutoff_freq=cutoff_freq)
    assert out.reports[0].bandwidth == cutoff_freq
    assert error_below_db(out.audios, audio, cutoff_freq - 250) < -50


def test_resampling_agrees_with_a_long_polyphase_filter(loud_pipeline):
    audio = band_limited(noise(1.0, 16_000), 6_800, 16_000)
    out = loud_pipeline(audio[0], 16_000)
    taps = signal.firwin(961, 0.925 / 3, window=("kaiser", 12.0))
    expected = signal.resample_poly(audio[0].astype(np.float64), 3, 1, window=taps)
    inside = slice(2_400, -2_400)
    assert error_below_db(out.audios[0, inside], expected[inside], out.reports[0].bandwidth - 250) < -50


def exact_error_below_db(estimate: np.ndarray, reference: np.ndarray, frequency: float) -> float:
    """The same as `error_below_db`, but of the clip's whole spectrum, silence before and after it: no window smears."""
    padded = np.pad(np.stack([estimate - reference, reference]).astype(np.float64), ((0, 0), (0, 0), (0, 1 << 16)))
    power = (np.abs(fft.rfft(padded, axis=-1)) ** 2).sum(1)
    error, own = power[:, fft.rfftfreq(padded.shape[-1], 1 / 48_000) < frequency].sum(-1)
    return 10 * np.log10(max(error, 1e-30) / own)


@pytest.mark.parametrize("seconds", [0.12, 0.4])
@pytest.mark.parametrize(
    "kind", ["clicks", "one sample", "noise and silence", "noise"], ids=lambda kind: kind.replace(" ", "-")
)
def test_right_below_the_splice_no_trace_of_the_fades_is_left(kind, seconds):
    """A new band that fades leaves traces up to some hundred hertz below it, most of them where the low band ends."""
    pipe = build_tiny_pipeline(default_num_inference_steps=1)
    pipe.vocoder = WhiteNoise()
    rng = np.random.default_rng(3)
    audio = 0.3 * rng.standard_normal((1, round(8_000 * seconds)))
    if kind == "clicks":
        audio = 0.8 * (rng.random(audio.shape) < 20 / 8_000)
        audio[:, 200] = 0.8
    elif kind == "one sample":
        audio = 0.8 * (np.arange(audio.shape[-1]) == 300)[None]
    elif kind == "noise and silence":
        audio[:, 300:700] = 0
    out = pipe([audio.astype(np.float32)], 8_000, cutoff_freq=3_000)
    own, (report,) = resample(audio.astype(np.float32), 8_000, 48_000), out.reports
    assert report.action == "enhanced" and out.generated.any()
    error_db = exact_error_below_db(out.audios[0], own, report.bandwidth - 250)
    assert error_db < -50
    # And that is what the report says, but for how sharply it cuts: over 10 Hz.
    assert report.low_band_error_db == pytest.approx(error_db, abs=2.0)


def test_what_is_lowered_for_the_low_band_s_sake_is_reported(monkeypatch):
    """In silence fades can't be longer than 5 ms, and of one sample's new band there is nothing but fades."""
    pipe = build_tiny_pipeline(default_num_inference_steps=1)
    pipe.vocoder = WhiteNoise()
    pipe.vocoder.register_forward_hook(lambda module, inputs, audio: 5 * audio)
    monkeypatch.setattr(splice, "limit_new_band", lambda *arguments: ())
    audio = np.zeros(4_000, np.float32)
    audio[2_000] = 0.3
    for clip, is_lowered in ((audio, True), (noise(0.5, 8_000)[0], False)):
        (report,) = pipe(clip, 8_000, cutoff_freq=3_000).reports
        assert any("the new band was lowered by" in note for note in report.notes) == is_lowered
        assert report.low_band_error_db < -50


def test_what_cannot_be_replaced_without_a_trace_stays_and_is_reported():
    """Above 4.7 kHz a single sample has most of its power, and all of it within 5 ms: there is no longer fade."""
    pipe = build_tiny_pipeline(default_num_inference_steps=1)
    audio = np.zeros(9_954, np.float32)
    audio[4_000] = 0.01
    out = pipe(audio, 48_000, cutoff_freq=4_728)
    (report,) = out.reports
    assert exact_error_below_db(out.audios, audio[None], report.bandwidth - 250) < -50
    assert report.low_band_error_db < -50 and any("of what is above the band edge" in note for note in report.notes)


def as_the_networks_see_it(audio: np.ndarray, pipe, prepared) -> np.ndarray:
    """With margins, which are silent here, and at the gain of a prepared clip."""
    padded = np.pad(audio, ((0, 0), (pipe.grid.margin_samples, pipe.grid.margin_samples)))
    apply_gain(padded, prepared.gain)
    return padded


def error_spectrum_of_a_perfect_generator(truth: np.ndarray, audio: np.ndarray, sampling_rate: int):
    """Frequencies, the output's level relative to the truth in dB, and the band edge."""
    pipe = build_tiny_pipeline(default_num_inference_steps=1, window_s=5.12)
    (clip,) = load_clips([audio], sampling_rate)
    pipe.vocoder = Playback(
        as_the_networks_see_it(truth, pipe, pipe.preprocess(clip))[
            :, pipe.grid.margin_samples : -pipe.grid.margin_samples
        ]
    )
    out = pipe([audio], sampling_rate)
    both = np.stack([truth[0], out.audios[0, 0]]).astype(np.float64)
    frequencies, levels = signal.welch(both, 48_000, nperseg=1_024, detrend=False)
    return frequencies, 10 * np.log10(levels[1] / levels[0]), out.reports[0].bandwidth


@pytest.mark.parametrize("sampling_rate", [8_000, 11_025, 16_000, 22_050, 24_000, 32_000])
@pytest.mark.parametrize(("tilt_db", "gain"), [(0, 1.0), (-3, 1.0), (-6, 20.0)])
def test_a_perfect_generator_gives_the_truth_across_the_splice(sampling_rate, tilt_db, gain):
    """No notch, no ridge, no step: the level is the truth's below, at and above the band edge."""
    truth = np.float32(gain) * noise(3.0, tilt_db=tilt_db, amplitude=0.05)
    audio = resample(truth, 48_000, sampling_rate)
    _, difference_db, bandwidth = error_spectrum_of_a_perfect_generator(truth, audio, sampling_rate)
    assert 0.9 * sampling_rate / 2 < bandwidth < sampling_rate / 2
    assert np.abs(difference_db).max() < 0.3


def test_an_input_that_fades_out_towards_its_edge_is_spliced_where_it_has_lost_3_db():
    """A short resampling filter: its skirt is not the input's own band, and all that it took away is given back."""
    truth = noise(3.0, amplitude=0.05)
    audio = signal.resample_poly(truth, 1, 3, axis=-1).astype(np.float32)
    frequencies, difference_db, bandwidth = error_spectrum_of_a_perfect_generator(truth, audio, 16_000)
    assert 6_500 < bandwidth < 7_800
    assert -3.5 < difference_db.min() and difference_db.max() < 0.3
    assert np.abs(difference_db[frequencies > bandwidth + 50]).max() < 0.1


def test_the_model_gets_what_the_input_has_up_to_the_band_edge():
    """Also where the roll-off lies far lower: the content between the two isn't generated anew."""
    quiet_highs = band_limited(noise(1.0, 16_000), 2_000, 16_000) + 1e-3 * noise(1.0, 16_000, seed=1)
    pipe = build_tiny_pipeline(default_num_inference_steps=1, window_s=5.12)
    (clip,) = load_clips([quiet_highs], 16_000)
    prepared = pipe.preprocess(clip)
    bandwidth = prepared.inspection.bandwidth
    assert find_cutoff(prepared.audio) < 2_100 and bandwidth > 7_200

    low = num_low_mels(bandwidth, pipe.feature_extractor.mel_edges)
    whole = as_the_networks_see_it(prepared.audio - prepared.audio.mean(), pipe, prepared)
    own = pipe.feature_extractor(torch.from_numpy(whole))[..., :low]
    # The low-pass ripples 0.1 dB, 0.012 in the natural logarithm; the frames at the ends see where the clip stops.
    inside = slice(11, own.shape[2] - 11)
    assert (prepared.mel[:, :, inside, :low] - own[:, :, inside]).abs().max() < 0.02

    heard = []
    pipe.vocoder.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0]))
    pipe([quiet_highs], 16_000)
    assert torch.equal(heard[0][:, :, :low], prepared.mel[:, 0, :, :low])


def test_above_the_band_edge_all_is_generated(loud_pipeline):
    """Also where the input has content there: a cutoff that is passed says that this is to go."""
    audio = noise(1.0)
    out = loud_pipeline(audio[0], 48_000, cutoff_freq=6_000)
    frequencies, levels = signal.welch(
        np.stack([audio[0], (out.audios - out.generated)[0]])[:, 1_000:-1_000].astype(np.float64),
        48_000,
        nperseg=2_048,
        detrend=False,
    )
    above = frequencies > 6_100
    assert 10 * np.log10(levels[1][above].max() / levels[0][above].min()) < -60


def test_generated_is_the_new_band_and_the_rest_is_the_input_s_own(loud_pipeline):
    """So the highs can be rebalanced without another run."""
    audio = noise(1.0, 16_000)
    out = loud_pipeline(audio[0], 16_000)
    own, bandwidth = resample(audio, 16_000, 48_000), out.reports[0].bandwidth
    frequencies, levels = signal.welch(
        out.generated[0, 1_000:-1_000].astype(np.float64), 48_000, nperseg=2_048, detrend=False
    )
    assert 10 * np.log10(levels[frequencies < bandwidth - 300].max() / np.median(levels[frequencies > bandwidth])) < -60
    assert error_below_db(out.audios - 0.5 * out.generated, own, bandwidth - 250) < -50
    assert error_below_db(out.audios - out.generated, own, bandwidth - 250) < -50


def test_the_ends_of_a_clip_cut_from_a_longer_one_do_not_click(loud_pipeline):
    """A step at an end lies at all frequencies; the new band fades there, and the input stays."""
    audio = 0.5 + 0 * noise(0.5, 16_000)
    audio[:, ::2] += 0.2 * noise(0.5, 16_000)[:, ::2]
    out = loud_pipeline(audio[0], 16_000)
    own = resample(audio, 16_000, 48_000)
    assert np.abs(out.audios[0, [0, -1]] - own[0, [0, -1]]).max() < 0.01
    assert error_below_db(out.audios, own, out.reports[0].bandwidth - 250) < -50
