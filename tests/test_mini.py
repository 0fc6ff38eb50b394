"""The model that ships with the package, on the examples."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import signal

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.audio_io import read_audio
from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.pipelines.loading import WEIGHTS
from tests.signals import speech_like

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def mini() -> AudioSRPipeline:
    pipe = AudioSRPipeline.from_pretrained("audiosr-mini")
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Two seconds of the speech example at 22.05 kHz, `(1, num_samples)`."""
    audio, sampling_rate = read_audio(EXAMPLES / "speech_22khz.wav")
    assert sampling_rate == 22_050
    return audio[:, 22_050 : 3 * 22_050]


def new_band_level_db(out) -> float:
    """Level of the new band relative to the whole, in dB."""
    return float(10 * np.log10(np.mean(out.generated[0] ** 2) / np.mean(out.audios[0] ** 2)))


def test_it_weighs_at_most_30_mb_and_so_does_the_one_for_speech():
    def size(name: str) -> int:
        return sum(path.stat().st_size for path in (WEIGHTS / name).rglob("*") if path.is_file())

    assert size("audiosr-mini") <= 30e6
    # Of its own it has only the UNet, and settings.
    assert size("audiosr-mini-speech") - 16_000 <= size("audiosr-mini/unet")


def test_the_one_for_speech_makes_another_new_band(mini, speech):
    pipe = AudioSRPipeline.from_pretrained("audiosr-mini-speech")
    pipe.set_progress_bar_config(disable=True)
    general, fine_tuned = (p([speech], 22_050, generator=torch.Generator().manual_seed(0)) for p in (mini, pipe))
    assert fine_tuned.reports[0].model == "audiosr-mini-speech"
    assert fine_tuned.reports[0].low_band_error_db < -50 and -60 < new_band_level_db(fine_tuned) < -10
    assert not np.allclose(general.generated, fine_tuned.generated, atol=1e-4)


def test_it_adds_highs_and_leaves_the_lows(mini, speech):
    out = mini([speech], sampling_rate=22_050, generator=torch.Generator().manual_seed(0))
    report = out.reports[0]
    assert report.action == "enhanced" and out.sampling_rate == 48_000
    assert report.low_band_error_db < -50
    # Highs over 11 kHz hold little of speech's power: louder than -10 dB would hiss, quieter than -60 dB is nothing.
    assert -60 < new_band_level_db(out) < -10


def test_two_seeds_differ_above_the_band_edge_alone(mini, speech):
    first, second = (
        mini([speech], sampling_rate=22_050, generator=torch.Generator().manual_seed(seed)).audios[0] for seed in (0, 1)
    )
    difference = second - first
    assert np.mean(difference**2) > 0
    # The low-pass ends 2 kHz below the band edge, and takes the difference with it.
    assert np.mean(lowpass(difference, 8_000) ** 2) < 1e-4 * np.mean(difference**2)


def test_the_new_band_follows_the_input(mini):
    """Louder where the truth's highs are louder: its level in frames of 50 ms goes with the truth's."""
    speech, _ = read_audio(EXAMPLES / "speech_22khz.wav")
    truth = resample(speech, 22_050, 48_000)
    out = mini([lowpass(truth, 4_000)], sampling_rate=48_000, generator=torch.Generator().manual_seed(0))

    def levels(audio: np.ndarray) -> np.ndarray:
        band = lowpass(audio, 10_000)[0] - lowpass(audio, 5_000)[0]
        frames = band[: len(band) // 2_400 * 2_400].reshape(-1, 2_400)
        return np.log10(np.mean(frames**2, axis=1) + 1e-12)

    # Levels that have nothing to do with each other correlate by 0 +- 0.09 over these 137 frames.
    assert np.corrcoef(levels(truth), levels(out.audios[0]))[0, 1] > 0.3


def level_at(audio: np.ndarray, samples: slice) -> float:
    return 10 * np.log10(np.mean(np.square(audio[..., samples], dtype=np.float64)) + 1e-20)


@pytest.mark.parametrize("name", ["white noise", "sawtooth"])
def test_no_burst_where_a_clip_starts_or_ends_or_falls_silent(mini, name):
    """Whatever lies between its end and the next multiple of the networks' frames."""
    time = np.arange(16_000) / 16_000
    if name == "white noise":
        audio = 0.1 * np.random.default_rng(0).standard_normal(len(time))
    else:
        audio = 0.3 * sum(np.sin(2 * np.pi * 200 * k * time) / k for k in range(1, 39))
    # Latent frames are 80 ms long.
    clips = [audio[: round(16 * (480 + ms))].astype(np.float32) for ms in (1, 10, 100, 300)]
    with_gap = audio.astype(np.float32)
    with_gap[6_400:9_600] = 0
    generators = [torch.Generator().manual_seed(0) for _ in range(5)]
    *ended, gap = mini([*clips, with_gap], 16_000, generator=generators).generated
    # 5 dB: the last 5 ms are a fade (1 dB), and from seed to seed, 15 ms of noise wander by up to 3.6 dB. A clip that
    # is padded with zeros ends in a burst of 13 to 20 dB.
    for new_band in ended:
        body = level_at(new_band, slice(4_800, -4_800))
        assert abs(level_at(new_band, slice(None, 720)) - body) < 5
        assert abs(level_at(new_band, slice(-720, None)) - body) < 5
    body = level_at(gap, slice(4_800, 17_000))
    assert abs(level_at(gap, slice(19_200 - 720, 19_200)) - body) < 5
    assert abs(level_at(gap, slice(28_800, 28_800 + 720)) - body) < 5


def test_a_click_nearby_does_not_change_the_level(mini):
    """Of full scale, half a second after faint speech: within 1 dB."""
    speech = 0.1 * speech_like(1.5, 16_000)[0]
    after = np.zeros(12_000, np.float32)
    click = after.copy()
    click[8_000] = 1.0
    levels = []
    for end in (after, click):
        bands = [
            mini(np.concatenate([speech, end]), 16_000, generator=torch.Generator().manual_seed(seed)).generated
            for seed in (0, 1)
        ]
        levels.append(np.mean([level_at(band, slice(0, 72_000)) for band in bands]))
    assert abs(levels[1] - levels[0]) < 1


def test_a_trace_of_noise_in_one_channel_does_not_make_the_new_band_wide(mini):
    """A centred voice between digital silences, and a trace of noise in the right channel alone.

    The side is 35 dB or more below the middle: -65 dB at -96 dBFS, -41 dB at -70 dBFS.
    """
    speech = speech_like(1.5, 16_000)
    speech[:, 5_000:10_000] = 0
    trace = np.random.default_rng(0).standard_normal(speech.shape)
    for level_db in (-96, -70):
        stereo = np.concatenate([speech, speech + 10 ** (level_db / 20) * trace]).astype(np.float32)
        left, right = mini([stereo], 16_000, generator=torch.Generator().manual_seed(0)).generated[0]
        everything = slice(None)
        assert level_at(left - right, everything) - level_at(left + right, everything) < -35
        assert abs(level_at(left, everything) - level_at(right, everything)) < 0.2


def test_no_line_and_no_blocks_in_the_new_band(mini):
    """Speech over the noise of a room, cut at 4 kHz: per frame, no ridge at the splice, and no shelf that comes and
    goes at 21.5 kHz."""
    audio = lowpass(resample(speech_like(1.5, 48_000), 48_000, 48_000), 4_000)
    (audio,) = audio + 1e-3 * lowpass(np.random.default_rng(1).standard_normal(audio.shape).astype(np.float32), 4_000)
    out = mini(audio, 48_000, cutoff_freq=4_000, generator=torch.Generator().manual_seed(0))
    frequencies, _, spectrum = signal.stft(out.audios[0], 48_000, nperseg=2_048, noverlap=1_568)
    power = np.square(np.abs(spectrum))[:, 8:-8]

    def band_db(low: float, high: float) -> np.ndarray:
        band = power[(frequencies >= low) & (frequencies < high)].mean(0)
        return 10 * np.log10(np.convolve(band, np.ones(5) / 5, "valid") + 1e-20)

    # A line is louder than both of its sides. 3 dB: of 100 frames, a few by chance.
    ridge = band_db(4_000, 4_400) - np.maximum(band_db(3_300, 3_700), band_db(4_600, 5_200))
    assert np.median(ridge) < 0 and np.mean(ridge > 3) < 0.1, (np.median(ridge), np.mean(ridge > 3))
    # Where the band ends: its last 2 kHz beside the 2 kHz below, frame by frame.
    fall = band_db(19_400, 21_400) - band_db(21_700, 23_700)
    assert np.median(fall) < 6 and np.mean(fall > 12) < 0.05, (np.median(fall), np.mean(fall > 12))
