"""Trains `BandwidthExtensionVocoder`: spectral losses of the new band alone, and if asked discriminators."""

import numpy as np
import torch
from torch import Tensor, nn

from audiosr_pipeline.models.bandwidth_extension import BandwidthExtensionVocoder
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.pipelines.weight_checks import load_part
from audiosr_pipeline.training.cliff import NUM_ON_SLOPE, find_cliff
from audiosr_pipeline.training.dataset import crop_generators, find_recordings, training_crops
from audiosr_pipeline.training.discriminators import Adversary, waveform_discriminators
from audiosr_pipeline.training.loop import Batch, launch, train
from audiosr_pipeline.training.losses import band_level_loss, band_magnitude_loss
from audiosr_pipeline.training.settings import BandwidthExtensionSettings

# A generated mel's errors: levels that are off by some decibels for a tenth of a second and a sixth of an octave, and
# detail that is smeared over as long. In nepers, mel frames and mel bins.
LARGEST_ERROR = 0.7
ERROR_FRAMES, ERROR_BINS = 10, 8
LONGEST_BLUR = 11


def train_bandwidth_extension(settings: BandwidthExtensionSettings) -> None:
    """Trains on low-passed crops whose mel above the cutoff is hidden, or blurred and noised.

    Where a recording ends at a coder's cliff, nothing above it counts: the losses and the discriminators get the truth
    there, and below the cutoff.

    Raises:
        As `train` and `find_recordings`.
    """
    accelerator = launch(settings)
    recordings, held_out = find_recordings(settings.data, settings.licences)
    feature_extractor = MelFeatureExtractor()
    if settings.initial:
        vocoder = load_part(BandwidthExtensionVocoder, settings.initial).train()
    else:
        vocoder = BandwidthExtensionVocoder().train()
    adversary = None
    if settings.adversarial_weight > 0:
        discriminators = waveform_discriminators(settings.discriminator_channels, settings.period_channels)
        adversary = Adversary(discriminators, settings.learning_rate)
    num_judged = round(settings.adversarial_s * 48_000)

    def loss_of(batch: Batch, generator: torch.Generator) -> Tensor:
        audio, cutoff_freq = batch["audio"], batch["cutoff_freq"].float()
        generators = crop_generators(batch, settings.seed)
        mel = feature_extractor(audio)
        edge_freq = content_edges(mel, feature_extractor).to(audio.device)
        draws = torch.stack([torch.rand((), generator=each) for each in generators])
        is_given = (draws >= settings.hidden).to(audio.device)
        given = torch.stack([spoil(clip, each) for clip, each in zip(mel[:, 0], generators, strict=True)])
        first_frame = int(torch.randint(2_000, (), generator=generator))
        with accelerator.autocast():
            new = vocoder.predict_spectrum(given, is_given, vocoder.stft(batch["lowpassed"]), cutoff_freq, first_frame)
        is_below_edge = vocoder.frequencies.to(audio.device) < edge_freq[:, None, None]
        counted = vocoder.is_new(cutoff_freq) & is_below_edge
        estimate = vocoder.inverse_stft(torch.where(counted, new, vocoder.stft(audio)))
        bands = cutoff_freq, edge_freq
        loss = settings.magnitude_weight * band_magnitude_loss(estimate, audio, *bands)
        loss = loss + settings.level_weight * band_level_loss(estimate, audio, *bands)
        if adversary is None or not torch.is_grad_enabled():
            return loss
        start = int(torch.randint(audio.shape[-1] - num_judged + 1, (), generator=generator))
        judged = slice(start, start + num_judged)
        adversary.add_gradients(estimate[:, judged], audio[:, judged])
        adversarial, matching = adversary.generator_losses(estimate[:, judged], audio[:, judged])
        return loss + (settings.adversarial_weight * adversarial + settings.matching_weight * matching).mean()

    def preview(batch: Batch) -> dict[str, Tensor]:
        audio, lowpassed, cutoff_freq = (batch[name][:1] for name in ("audio", "lowpassed", "cutoff_freq"))
        estimate = vocoder(None, lowpassed, cutoff_freq.float())
        mels = feature_extractor(torch.cat([audio, estimate]))[:, 0]
        return {"true": audio[0], "synthesised": estimate[0], "true_mel": mels[0], "synthesised_mel": mels[1]}

    train(
        accelerator,
        vocoder,
        loss_of,
        training_crops(settings, recordings),
        held_out,
        settings,
        vocoder.save_pretrained,
        adversary,
        preview=preview,
    )


def content_edges(mel: Tensor, feature_extractor: MelFeatureExtractor) -> Tensor:
    """Where each crop's own content ends in Hz, `(batch,)`: at a coder's or converter's cliff, else nowhere (48 kHz).

    Args:
        mel: Log-mel of the truths `(batch, 1, num_frames, n_mels)`.
        feature_extractor: What made it.
    """
    # A bin begins where the one two below ends. At the Nyquist frequency there is a bin too.
    starts = np.concatenate([np.zeros(2), feature_extractor.mel_edges[:-2], [feature_extractor.sampling_rate]])
    n_mels = feature_extractor.n_mels
    cliffs = [find_cliff(clip, feature_extractor.log_floor) for clip in mel]
    return torch.tensor([starts[cliff if cliff == n_mels else cliff - NUM_ON_SLOPE] for cliff in cliffs]).float()


def spoil(mel: Tensor, generator: torch.Generator) -> Tensor:
    """A mel spectrogram with errors as a small diffusion model makes: smeared over time, its levels off.

    Both are drawn from none to the most, so that the vocoder learns to trust the mel as far as it deserves.

    Args:
        mel: Log-mel `(num_frames, n_mels)`.
        generator: Of what is random.
    """
    num_frames, n_mels = mel.shape
    width = 2 * int(torch.randint((LONGEST_BLUR + 1) // 2, (), generator=generator)) + 1
    blurred = nn.functional.avg_pool1d(mel.T, width, stride=1, padding=width // 2, count_include_pad=False).T
    shape = (1, 1, num_frames // ERROR_FRAMES + 2, n_mels // ERROR_BINS + 2)
    coarse = torch.randn(shape, generator=generator)
    errors = nn.functional.interpolate(coarse, size=(num_frames, n_mels), mode="bilinear")[0, 0]
    strength = LARGEST_ERROR * torch.rand((), generator=generator)
    offset = strength * torch.randn((), generator=generator)
    return blurred + (strength * errors + offset).to(mel.device)
