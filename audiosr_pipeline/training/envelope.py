"""Trains `EnvelopePredictor`: a regression of the log-mel spectrogram above the cutoff on that below it."""

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from audiosr_pipeline.dsp.low_band import num_low_mels
from audiosr_pipeline.models.envelope_predictor import EnvelopePredictor
from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor
from audiosr_pipeline.pipelines.weight_checks import load_part
from audiosr_pipeline.training.cliff import NUM_ON_SLOPE, find_cliff
from audiosr_pipeline.training.dataset import find_recordings, training_crops
from audiosr_pipeline.training.loop import Batch, launch, train
from audiosr_pipeline.training.settings import EnvelopeSettings

# Errors count by bin and frame, by bands of so many bins in each frame, and by such bands over so many frames.
BAND_MELS, SLOW_FRAMES = 8, 32
# In nepers: larger errors count by their size, smaller ones by its square.
LARGE_ERROR = 0.5


def train_envelope(settings: EnvelopeSettings) -> None:
    """Trains on low-passed crops. Where a recording ends at a coder's cliff, nothing above it counts.

    Raises:
        As `train` and `find_recordings`.
    """
    accelerator = launch(settings)
    recordings, held_out = find_recordings(settings.data, settings.licences)
    feature_extractor = MelFeatureExtractor()
    if settings.initial:
        model = load_part(EnvelopePredictor, settings.initial).train()
    else:
        hidden_size = settings.hidden_size
        model = EnvelopePredictor(
            log_floor=feature_extractor.log_floor, hidden_size=hidden_size, intermediate_size=3 * hidden_size
        ).train()

    def loss_of(batch: Batch, generator: torch.Generator) -> Tensor:
        mel = feature_extractor(batch["audio"])
        num_low = known_bins(batch["cutoff_freq"], feature_extractor)
        ends = [_end_of_content(clip, feature_extractor.log_floor) for clip in mel]
        with accelerator.autocast():
            expected = model(feature_extractor(batch["lowpassed"]), num_low)
        return envelope_loss(expected, mel, num_low, torch.tensor(ends, device=mel.device))

    def preview(batch: Batch) -> dict[str, Tensor]:
        mels = [feature_extractor(batch[name][:1]) for name in ("audio", "lowpassed")]
        expected = model(mels[1], known_bins(batch["cutoff_freq"][:1], feature_extractor))
        return {"true_mel": mels[0][0, 0], "input_mel": mels[1][0, 0], "expected_mel": expected[0, 0]}

    crops = training_crops(settings, recordings)
    train(accelerator, model, loss_of, crops, held_out, settings, model.save_pretrained, preview=preview)


def known_bins(cutoff_freq: Tensor, feature_extractor: MelFeatureExtractor) -> Tensor:
    """How many mel bins lie below each cutoff `(batch,)`."""
    edges = feature_extractor.mel_edges
    return torch.tensor([num_low_mels(float(cutoff), edges) for cutoff in cutoff_freq], device=cutoff_freq.device)


def envelope_loss(expected: Tensor, mel: Tensor, num_low: Tensor, ends: Tensor) -> Tensor:
    """Errors of an expected log-mel spectrogram: smooth L1 by bin and frame, by band and frame, and by band in 0.3 s.

    Args:
        expected: `(batch, 1, num_frames, n_mels)`.
        mel: The truth, same shape.
        num_low: Bins below the cutoff, which don't count, `(batch,)`.
        ends: The first bin of each that doesn't count either, `(batch,)`. Where nothing counts, the loss is 0.

    Returns:
        A scalar: the sum of the three, each a mean over the bins that count and then over the batch.
    """
    bins = torch.arange(mel.shape[-1], device=mel.device)
    counted = ((bins >= num_low[:, None]) & (bins < ends[:, None])).float()
    counted_bands = counted.unflatten(-1, (-1, BAND_MELS)).min(-1).values
    by_band = [each[:, 0].unflatten(-1, (-1, BAND_MELS)).mean(-1) for each in (expected, mel)]
    num_slow = max(1, mel.shape[2] // SLOW_FRAMES)
    slow = [torch.stack([part.mean(1) for part in band.tensor_split(num_slow, dim=1)], dim=1) for band in by_band]
    pairs = ((expected[:, 0], mel[:, 0], counted), (*by_band, counted_bands), (*slow, counted_bands))
    loss = expected.new_zeros(())
    for estimate, truth, weight in pairs:
        error = smooth_l1_loss(estimate, truth, reduction="none", beta=LARGE_ERROR).mean(1)
        loss = loss + ((error * weight).sum(-1) / weight.sum(-1).clamp(min=1)).mean()
    return loss


def _end_of_content(mel: Tensor, log_floor: float) -> int:
    """The first mel bin that a coder's or converter's cliff has weakened; one beyond the last if there is no cliff."""
    cliff = find_cliff(mel, log_floor)
    return cliff if cliff == mel.shape[-1] else cliff - NUM_ON_SLOPE
