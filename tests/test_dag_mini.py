"""The toy generator that ships with the package: its labels sound different, as the sounds that they name do."""

import numpy as np
import pytest
import torch

from audiosr_pipeline import DAGPipeline
from audiosr_pipeline.pipelines.bundled import WEIGHTS


@pytest.fixture(scope="module")
def pipe() -> DAGPipeline:
    pipe = DAGPipeline.from_pretrained("dag-mini")
    pipe.set_progress_bar_config(disable=True)
    return pipe


def share_above(audio: np.ndarray, freq: float) -> float:
    """Share of the power above a frequency, of audio at 16 kHz."""
    power = np.abs(np.fft.rfft(audio * np.hanning(len(audio)))) ** 2
    return float(power[np.fft.rfftfreq(len(audio), 1 / 16_000) > freq].sum() / power.sum())


def test_it_is_small_and_its_labels_are_as_its_card_says(pipe):
    assert sum(path.stat().st_size for path in (WEIGHTS / "dag-mini").rglob("*") if path.is_file()) < 5e6
    assert pipe.labels == ["rain", "sea_waves", "chainsaw", "helicopter"]
    assert pipe.sampling_rate == 16_000
    assert next(pipe.model.parameters()).dtype == torch.float32


def test_rain_is_bright_and_a_helicopter_is_dark(pipe):
    """Among the recordings that it learned from, rain has 0.33 of its power above 2 kHz and a helicopter 0.05."""
    generators = [torch.Generator().manual_seed(seed) for seed in range(2)]
    clips = pipe(["rain", "helicopter"], num_inference_steps=12, audio_length_in_s=0.5, generator=generators).audios
    rain, helicopter = (share_above(clip, 2_000) for clip in clips)
    assert rain > 3 * helicopter
    # Full scale is 1, and neither is silent.
    assert ((np.abs(clips).max(axis=1) > 0.05) & (np.abs(clips).max(axis=1) <= 1)).all()
