"""The model that ships with the package, on the examples."""

from pathlib import Path

import numpy as np
import pytest
import torch

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.audio_io import read_audio
from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.pipelines.audiosr import WEIGHTS

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


def test_the_one_for_speech_has_settings_of_its_own_that_can_be_changed(mini, tmp_path):
    pipe = AudioSRPipeline.from_pretrained("audiosr-mini-speech")
    assert (mini.config.level_guidance, mini.config.detail_gain) == (1.0, 1.2)
    assert (pipe.config.level_guidance, pipe.config.detail_gain) == (1.2, 1.05)
    assert mini.envelope_predictor is not None and pipe.envelope_predictor is None
    pipe.save_pretrained(tmp_path)
    assert AudioSRPipeline.from_pretrained(tmp_path).config.level_guidance == 1.2
    assert AudioSRPipeline.from_pretrained("audiosr-mini-speech", level_guidance=1.0).config.level_guidance == 1.0


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
