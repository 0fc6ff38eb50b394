"""The vocoders' training: what they are given, that both classes learn, and how they are saved."""

import json
from pathlib import Path

import pytest
import torch
from transformers import SpeechT5HifiGan

from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.vocoder import ISTFTVocoder
from audiosr_pipeline.training import vocoder as training
from audiosr_pipeline.training.dataset import draw_validation_crops, find_recordings
from audiosr_pipeline.training.vae import encode
from audiosr_pipeline.training.vocoder import VocoderSettings, load_vocoder, save_vocoder, synthesise, train_vocoder

CLASSES = {0: ISTFTVocoder, 32: SpeechT5HifiGan}


@pytest.fixture
def settings_of(manifest, tmp_path, monkeypatch):
    """Makes settings for a run on the small corpus, of tiny models."""
    monkeypatch.setattr(training, "ISTFTVocoder", TinyVocoder)
    usual = {"data": (str(manifest),), "output": str(tmp_path / "run"), "batch_size": 2, "crop_s": 0.16}
    usual |= {"num_steps": 12, "validation_every": 6, "num_workers": 0, "warmup_steps": 0, "ema_decay": 0.1}
    usual |= {"adversarial_s": 0.1, "discriminator_channels": 1, "period_channels": 1}
    return lambda **changes: VocoderSettings(**{**usual, **changes})


class TinyVocoder(ISTFTVocoder):
    """Narrow unless it is told otherwise, as by a saved configuration."""

    def __init__(self, hidden_size: int = 16, intermediate_size: int = 16, num_layers: int = 1, **settings):
        super().__init__(
            hidden_size=hidden_size, intermediate_size=intermediate_size, num_layers=num_layers, **settings
        )


def test_more_to_judge_than_there_is_is_refused(settings_of):
    with pytest.raises(ValueError, match="adversarial_s=0.2; accepted are numbers above 0, up to crop_s=0.16"):
        settings_of(adversarial_weight=1.0, adversarial_s=0.2)


@pytest.mark.parametrize("official_width", CLASSES)
@pytest.mark.parametrize("adversarial_weight", [0.0, 1.0])
def test_both_classes_learn_with_and_without_discriminators(settings_of, official_width, adversarial_weight):
    settings = settings_of(official_width=official_width, adversarial_weight=adversarial_weight)
    train_vocoder(settings)
    output = Path(settings.output)
    first, second = (json.loads(line)["validation_loss"] for line in (output / "curve.jsonl").read_text().splitlines())
    assert second < first
    vocoder = load_vocoder(output / "best")
    assert isinstance(vocoder, CLASSES[official_width])
    assert vocoder(torch.full((2, 5, 256), -7.0)).isfinite().all()
    state = torch.load(output / "state.pt", weights_only=True)
    assert ("adversary" in state) == (adversarial_weight > 0)


def test_a_hifigan_in_training_sounds_as_it_is_saved_and_goes_on_as_it_was(settings_of, tmp_path):
    torch.manual_seed(0)
    vocoder = training._vocoder(settings_of(official_width=32))
    mel = torch.randn(2, 6, 256)[:, None] - 7
    audio = synthesise(vocoder, mel)
    # Its upsamplers alone give 16 samples more.
    assert audio.shape == (2, 6 * 480) and vocoder(mel[:, 0]).shape == (2, 6 * 480 + 16)
    save_vocoder(vocoder, tmp_path)
    assert torch.equal(synthesise(vocoder, mel), audio)
    saved = load_vocoder(tmp_path)
    assert not saved.config.normalize_before and "conv_pre.weight" in saved.state_dict()
    assert torch.allclose(synthesise(saved, mel), audio, atol=1e-6)
    again = training._vocoder(settings_of(initial=str(tmp_path)))
    assert torch.allclose(synthesise(again, mel), audio, atol=1e-6)
    assert sorted(again.state_dict()) == sorted(vocoder.state_dict())


def test_a_hifigan_s_gradients_reach_its_first_layer(settings_of):
    """As transformers draws its weights, they don't."""
    gradients = []
    torch.manual_seed(0)
    mel = torch.randn(1, 6, 256)
    for vocoder in (training._vocoder(settings_of(official_width=64)), training.build_official_vocoder(64)):
        vocoder(mel).square().mean().sqrt().backward()
        gradients.append(vocoder.conv_pre.bias.grad.norm())
    assert gradients[0] > 1e-6 and gradients[0] > 1e3 * gradients[1]


def test_half_of_the_crops_get_the_autoencoder_s_mels(settings_of, manifest, tiny_pipeline, tmp_path, monkeypatch):
    tiny_pipeline.vae.save_pretrained(tmp_path / "vae")
    caught = {}

    def record(vocoder, mel, first_frame):
        caught["given"] = mel
        return synthesise(vocoder, mel, first_frame)

    monkeypatch.setattr(training, "synthesise", record)
    monkeypatch.setattr(training, "train", lambda _, model, loss_of, *rest, **more: caught.update(loss_of=loss_of))
    (batch,) = draw_validation_crops(find_recordings([manifest])[0][:4], 7_680, 4, seed=0)
    mel = MelFeatureExtractor()(batch["audio"])
    with torch.no_grad():
        decoded = tiny_pipeline.vae.decode(encode(tiny_pipeline.vae, mel)).sample
    for vae in ("", str(tmp_path / "vae")):
        train_vocoder(settings_of(vae=vae))
        with torch.no_grad():
            caught["loss_of"](batch, torch.Generator().manual_seed(0))
        for index, given in zip(batch["index"], caught["given"], strict=True):
            wanted = decoded if vae and index % 2 == 0 else mel
            position = batch["index"].tolist().index(index)
            assert torch.allclose(given, wanted[position], atol=1e-4)
    assert not torch.allclose(mel, decoded, atol=1e-2)
