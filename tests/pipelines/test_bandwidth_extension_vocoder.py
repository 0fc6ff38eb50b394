"""A vocoder in the pipeline that is given the input's waveform too."""

import numpy as np
import pytest
import torch

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.dsp.normalization import apply_gain
from audiosr_pipeline.models.bandwidth_extension import BandwidthExtensionVocoder
from audiosr_pipeline.pipelines.inputs import Clip
from tests.conftest import build_tiny_pipeline
from tests.signals import noise

CUTOFF_FREQ = 4_000


@pytest.fixture
def pipeline() -> AudioSRPipeline:
    pipe = build_tiny_pipeline(window_s=0.64)
    torch.manual_seed(0)
    vocoder = BandwidthExtensionVocoder(hidden_size=16, intermediate_size=16, num_layers=1).eval()
    pipe.register_modules(vocoder=vocoder)
    return pipe


def test_it_hears_the_low_passed_input_in_the_mel_s_windows(pipeline, monkeypatch):
    audio = np.concatenate([noise(1.5, 48_000), noise(1.5, 48_000, 1)])
    calls = []
    forward = pipeline.vocoder.forward
    monkeypatch.setattr(
        pipeline.vocoder, "forward", lambda mel, **given: calls.append((mel, given)) or forward(mel, **given)
    )
    pipeline(audio[None], 48_000, cutoff_freq=CUTOFF_FREQ, generator=torch.Generator().manual_seed(0))
    # Windows of 0.64 s.
    assert len(calls) > 2
    centred = audio - audio.mean(-1, keepdims=True)
    margin = pipeline.grid.margin_samples
    expected = np.pad(lowpass(centred, CUTOFF_FREQ), ((0, 0), (margin, margin)))
    apply_gain(expected, pipeline.preprocess(Clip(audio, 48_000, False), CUTOFF_FREQ).gain)
    heard = np.zeros((2, 200_000), np.float32)
    for mel, given in calls:
        start, length = given["first_frame"] * 480, 480 * mel.shape[1]
        assert given["cutoff_freq"] == CUTOFF_FREQ and given["audio"].shape == (2, length)
        heard[:, start : start + length] = given["audio"]
    # At its ends the low-pass hears what the clip is continued with.
    inside = slice(margin + 4_800, expected.shape[1] - margin - 4_800)
    assert np.allclose(heard[:, inside], expected[:, inside], atol=1e-5)


def test_a_saved_one_comes_back(pipeline, tmp_path):
    pipeline.save_pretrained(tmp_path)
    audio = noise(0.5, 48_000)

    def made(pipe: AudioSRPipeline) -> np.ndarray:
        pipe.set_progress_bar_config(disable=True)
        generator = torch.Generator().manual_seed(0)
        return np.asarray(pipe(audio, 48_000, cutoff_freq=CUTOFF_FREQ, generator=generator).audios[0])

    again = AudioSRPipeline.from_pretrained(tmp_path)
    assert isinstance(again.vocoder, BandwidthExtensionVocoder)
    # Weights in other places of the memory round otherwise.
    assert np.allclose(made(again), made(pipeline), atol=1e-6)
