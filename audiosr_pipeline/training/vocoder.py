"""Trains a vocoder, `ISTFTVocoder` or `SpeechT5HifiGan`, with spectral losses and, if asked, against discriminators."""

import json
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from transformers import SpeechT5HifiGan

from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.official import build_official_vocoder
from audiosr_pipeline.models.vocoder import ISTFTVocoder
from audiosr_pipeline.pipelines.weight_checks import load_part
from audiosr_pipeline.training.dataset import find_recordings, training_crops
from audiosr_pipeline.training.discriminators import waveform_adversary
from audiosr_pipeline.training.loop import Batch, launch, train
from audiosr_pipeline.training.losses import multi_resolution_stft_loss
from audiosr_pipeline.training.settings import VocoderSettings
from audiosr_pipeline.training.vae import encode, load_autoencoder

Vocoder: TypeAlias = ISTFTVocoder | SpeechT5HifiGan


def train_vocoder(settings: VocoderSettings) -> None:
    """Trains on crops of the truth: mel L1, multi-resolution STFT loss, adversarial loss and feature matching.

    Raises:
        As `train` and `find_recordings`.
    """
    accelerator = launch(settings)
    recordings, held_out = find_recordings(settings.data, settings.licences)
    feature_extractor = MelFeatureExtractor()
    vocoder = _vocoder(settings).train()
    vae = load_autoencoder(settings.vae).eval().to(accelerator.device) if settings.vae else None
    adversary = waveform_adversary(settings)
    num_judged = round(settings.adversarial_s * 48_000)

    def loss_of(batch: Batch, generator: torch.Generator) -> Tensor:
        audio = batch["audio"]
        mel = feature_extractor(audio)
        given = mel
        half = batch["index"] % 2 == 0
        if vae is not None and half.any():
            given = mel.clone()
            with torch.no_grad():
                given[half] = vae.decode(encode(vae, mel[half])).sample
        with accelerator.autocast():
            estimate = synthesise(vocoder, given, int(torch.randint(2_000, (), generator=generator))).float()
        mel_loss = (feature_extractor(estimate) - mel).abs().mean()
        loss = settings.mel_weight * mel_loss + settings.stft_weight * multi_resolution_stft_loss(estimate, audio)
        if adversary is None or not torch.is_grad_enabled():
            return loss
        start = int(torch.randint(audio.shape[-1] - num_judged + 1, (), generator=generator))
        judged = slice(start, start + num_judged)
        adversary.add_gradients(estimate[:, judged], audio[:, judged])
        adversarial, matching = adversary.generator_losses(estimate[:, judged], audio[:, judged])
        return loss + (settings.adversarial_weight * adversarial + settings.matching_weight * matching).mean()

    def preview(batch: Batch) -> dict[str, Tensor]:
        audio = batch["audio"][:1]
        estimate = synthesise(vocoder, feature_extractor(audio))
        mels = feature_extractor(torch.cat([audio, estimate]))[:, 0]
        return {"true": audio[0], "synthesised": estimate[0], "true_mel": mels[0], "synthesised_mel": mels[1]}

    crops = training_crops(settings, recordings, lowpassed=False)
    export = partial(save_vocoder, vocoder)
    builds_on = {} if vae is None else {"vae": vae}
    train(accelerator, vocoder, loss_of, crops, held_out, settings, export, adversary, preview, builds_on=builds_on)


def _vocoder(settings: VocoderSettings) -> Vocoder:
    """What training begins with; a HiFi-GAN's weights as lengths and directions."""
    if settings.initial:
        vocoder = load_vocoder(settings.initial)
    else:
        vocoder = build_official_vocoder(settings.official_width) if settings.official_width else ISTFTVocoder()
    if isinstance(vocoder, SpeechT5HifiGan):
        for layer in _convolutions(vocoder):
            if not settings.initial:
                # As transformers draws them, neither sound nor gradients pass five upsamplers. HiFi-GAN begins with
                # torch's own: what its code draws instead is lost in the weights' normalisation.
                layer.reset_parameters()
            weight_norm(layer)
    return vocoder


def load_vocoder(folder: str | Path, dtype: torch.dtype = torch.float32) -> Vocoder:
    """The vocoder that was saved to a folder, whichever it is."""
    config = json.loads((Path(folder) / "config.json").read_text())
    # That transformers writes and diffusers doesn't.
    return load_part(SpeechT5HifiGan if "model_type" in config else ISTFTVocoder, folder, dtype=dtype)


def save_vocoder(vocoder: Vocoder, folder: str | Path) -> None:
    """Saves a vocoder in training as its class loads it: with plain weights."""
    if isinstance(vocoder, SpeechT5HifiGan):
        # Its own `remove_weight_norm` doesn't undo what its `apply_weight_norm` does, and undone in a copy, torch's
        # parametrisation is lost in the original too.
        with torch.device("meta"):
            plain = SpeechT5HifiGan(vocoder.config)
        plain.load_state_dict({name: attrgetter(name)(vocoder).detach() for name in plain.state_dict()}, assign=True)
        vocoder = plain
    vocoder.save_pretrained(folder)


def synthesise(vocoder: Vocoder, mel: Tensor, first_frame: int = 0) -> Tensor:
    """Waveforms `(batch, num_frames * 480)` of mels `(batch, 1, num_frames, 256)`, as the pipeline makes them."""
    if isinstance(vocoder, ISTFTVocoder):
        return vocoder(mel[:, 0], first_frame)
    return vocoder(mel[:, 0])[:, : mel.shape[2] * 480]


def _convolutions(vocoder: SpeechT5HifiGan) -> list[nn.Conv1d | nn.ConvTranspose1d]:
    return [module for module in vocoder.modules() if isinstance(module, (nn.Conv1d, nn.ConvTranspose1d))]
