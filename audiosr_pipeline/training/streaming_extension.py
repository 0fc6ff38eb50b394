"""Trains `StreamingExtension`: spectral losses of the new band alone, and if asked discriminators."""

import torch
from torch import Tensor, nn

from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.models.streaming_extension import StreamingExtension
from audiosr_pipeline.pipelines.weight_checks import load_part
from audiosr_pipeline.training.cliff import content_edges
from audiosr_pipeline.training.dataset import find_recordings, training_crops
from audiosr_pipeline.training.discriminators import waveform_adversary
from audiosr_pipeline.training.loop import Batch, launch, train
from audiosr_pipeline.training.losses import band_level_loss, band_magnitude_loss
from audiosr_pipeline.training.settings import StreamingSettings


def train_streaming_extension(settings: StreamingSettings) -> None:
    """Trains on low-passed crops, each heard from its beginning on.

    Where a recording ends at a coder's cliff, nothing above it counts: the losses and the discriminators get the truth
    there, and below the cutoff.

    Raises:
        As `train` and `find_recordings`.
    """
    accelerator = launch(settings)
    recordings, held_out = find_recordings(settings.data, settings.licences)
    feature_extractor = MelFeatureExtractor()
    if settings.initial:
        model = load_part(StreamingExtension, settings.initial).train()
    else:
        model = StreamingExtension().train()
    adversary = waveform_adversary(settings)
    num_judged = round(settings.adversarial_s * 48_000)
    hop, n_fft, look_ahead = model.config.hop_length, model.config.n_fft, model.config.look_ahead

    def loss_of(batch: Batch, generator: torch.Generator) -> Tensor:
        audio, lowpassed, cutoff_freq = batch["audio"], batch["lowpassed"], batch["cutoff_freq"].float()
        edge_freq = content_edges(feature_extractor(audio), feature_extractor).to(audio.device)
        # What comes before the crop isn't known, and what comes after it is silence.
        padded = nn.functional.pad(lowpassed, (n_fft - hop, (look_ahead + 1) * hop))
        truth = model.stft(nn.functional.pad(audio, (n_fft - hop, hop)))
        spectrum = model.stft(padded)
        noise = model.stft(torch.randn(padded.shape, generator=generator))
        bands = model.bands_of(cutoff_freq)
        with accelerator.autocast():
            new, _ = model(spectrum, bands, noise, model.initial_state(len(audio)))
        new = new[:, look_ahead:]
        counted = bands.is_new & (model.frequencies < edge_freq[:, None, None])
        estimate = model.inverse_stft(torch.where(counted, new, truth))[:, hop : hop + audio.shape[-1]]
        audio = audio[:, : estimate.shape[-1]]
        loss = settings.magnitude_weight * band_magnitude_loss(estimate, audio, cutoff_freq, edge_freq)
        loss = loss + settings.level_weight * band_level_loss(estimate, audio, cutoff_freq, edge_freq)
        if adversary is None or not torch.is_grad_enabled():
            return loss
        start = int(torch.randint(audio.shape[-1] - num_judged + 1, (), generator=generator))
        judged = slice(start, start + num_judged)
        adversary.add_gradients(estimate[:, judged], audio[:, judged])
        adversarial, matching = adversary.generator_losses(estimate[:, judged], audio[:, judged])
        return loss + (settings.adversarial_weight * adversarial + settings.matching_weight * matching).mean()

    train(
        accelerator,
        model,
        loss_of,
        training_crops(settings, recordings),
        held_out,
        settings,
        model.save_pretrained,
        adversary,
    )
