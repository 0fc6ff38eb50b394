"""The training of the streaming network: what counts, and that it learns."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.streaming_extension import StreamingExtension
from audiosr_pipeline.streaming import StreamingAudioSR
from audiosr_pipeline.training import streaming_extension as training
from audiosr_pipeline.training.cliff import content_edges
from audiosr_pipeline.training.losses import band_level_loss, band_magnitude_loss
from audiosr_pipeline.training.settings import StreamingSettings
from audiosr_pipeline.training.streaming_extension import train_streaming_extension


class TinyExtension(StreamingExtension):
    """Narrow unless it is told otherwise, as by a saved configuration."""

    def __init__(self, hidden_size: int = 16, intermediate_size: int = 16, num_layers: int = 1, **settings):
        super().__init__(
            hidden_size=hidden_size, intermediate_size=intermediate_size, num_layers=num_layers, **settings
        )


@pytest.fixture
def settings_of(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "StreamingExtension", TinyExtension)
    usual = {"data": (str(manifest),), "output": str(tmp_path / "run"), "batch_size": 2, "crop_s": 0.16}
    usual |= {"num_steps": 6, "validation_every": 3, "num_workers": 0, "warmup_steps": 0, "ema_decay": 0.1}
    usual |= {"adversarial_s": 0.1, "discriminator_channels": 1}
    return lambda **changes: StreamingSettings(**{**usual, **changes})


@pytest.mark.parametrize("adversarial_weight", [0.0, 1.0])
def test_it_learns_with_and_without_discriminators(settings_of, adversarial_weight):
    settings = settings_of(adversarial_weight=adversarial_weight)
    train_streaming_extension(settings)
    output = Path(settings.output)
    first, second = (json.loads(line)["validation_loss"] for line in (output / "curve.jsonl").read_text().splitlines())
    assert second < first
    stream = StreamingAudioSR(output / "best", 8_000, cutoff_freq=3_800)
    assert np.isfinite(stream.push(np.zeros(800, np.float32))).all()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"official_width": 128}, "official_width=128; .* accepted is 0"),
        ({"adversarial_weight": 1.0, "adversarial_s": 0.2}, "adversarial_s=0.2; accepted are .* up to crop_s=0.16"),
    ],
)
def test_what_cannot_be_is_refused(settings_of, changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        settings_of(**changes)


def test_content_ends_at_a_cliff_or_nowhere():
    noise = 0.1 * torch.randn(1, 48_000, generator=torch.Generator().manual_seed(0))
    cut = torch.from_numpy(lowpass(noise.numpy(), 16_000))
    feature_extractor = MelFeatureExtractor()
    full, ended = content_edges(feature_extractor(torch.cat([noise, cut])), feature_extractor).tolist()
    assert full == 48_000
    # Four bins of 270 Hz lie on the cliff's slope.
    assert 15_000 < ended < 16_100


@pytest.mark.parametrize("loss", [band_magnitude_loss, band_level_loss])
def test_only_the_band_between_counts(loss):
    generator = torch.Generator().manual_seed(0)
    truth = 0.1 * torch.randn(2, 9_600, generator=generator)
    frequencies = torch.fft.rfftfreq(9_600, 1 / 48_000)

    def with_gain(low: float, high: float) -> torch.Tensor:
        gain = 1 + ((frequencies >= low) & (frequencies < high)).float()
        return torch.fft.irfft(torch.fft.rfft(truth) * gain, n=9_600)

    band = torch.tensor([6_000.0, 6_000.0]), torch.tensor([14_000.0, 14_000.0])
    inside, outside = loss(with_gain(6_000, 14_000), truth, *band), loss(with_gain(17_000, 24_001), truth, *band)
    # ln 2 for each magnitude; for levels, three times.
    expected = 0.693 * (3 if loss is band_level_loss else 1)
    assert inside.item() == pytest.approx(expected, rel=0.1)
    assert outside < 0.02 * inside
    empty = loss(truth, truth.roll(1), torch.tensor([9_000.0, 9_000.0]), torch.tensor([8_000.0, 8_000.0]))
    assert empty == 0


def test_levels_do_not_make_noise_quieter():
    """Against other noise of the same level, the level loss is least at that level, the magnitude loss too loud."""
    generator = torch.Generator().manual_seed(0)
    truth, other = torch.randn(2, 4, 48_000, generator=generator) * 0.1
    band = torch.full((4,), 6_000.0), torch.full((4,), 24_001.0)
    gains = torch.tensor([0.7, 0.84, 1.0, 1.19, 1.41])
    losses = torch.stack([band_level_loss(gain * other, truth, *band) for gain in gains])
    assert losses.argmin() == 2
