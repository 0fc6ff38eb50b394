"""Spectral losses of the vocoders."""

import librosa
import torch
from torch import Tensor

from audiosr_pipeline.models.feature_extractor import mel_filter_bank

RESOLUTIONS = ((512, 128), (1_024, 256), (2_048, 512), (4_096, 1_024))
# The levels of bands are measured at the one in between.
BAND_RESOLUTIONS = ((512, 256), (2_048, 512))
NUM_LEVEL_BANDS = 48


def multi_resolution_stft_loss(estimate: Tensor, reference: Tensor) -> Tensor:
    """Log-magnitude L1 plus spectral convergence, averaged over STFT resolutions (arXiv:1910.11480).

    Args:
        estimate: Waveforms `(batch, num_samples)`.
        reference: Same shape.

    Returns:
        A scalar.
    """
    loss = estimate.new_zeros(())
    for n_fft, hop_length in RESOLUTIONS:
        estimated = _magnitude(estimate, n_fft, hop_length)
        wanted = _magnitude(reference, n_fft, hop_length)
        loss = loss + (estimated.log() - wanted.log()).abs().mean()
        convergence = torch.linalg.vector_norm(estimated - wanted, dim=(1, 2))
        loss = loss + (convergence / torch.linalg.vector_norm(wanted, dim=(1, 2)).clamp(min=1e-3)).mean()
    return loss / len(RESOLUTIONS)


def _magnitude(audio: Tensor, n_fft: int, hop_length: int) -> Tensor:
    window = torch.hann_window(n_fft, device=audio.device)
    spectrum = torch.stft(audio, n_fft, hop_length, window=window, return_complex=True)
    # 1e-4 is near the quantisation noise of 16-bit audio in an STFT bin: below it there is nothing to learn.
    return (spectrum.real**2 + spectrum.imag**2 + 1e-8).sqrt()


def band_magnitude_loss(estimate: Tensor, reference: Tensor, cutoff_freq: Tensor, edge_freq: Tensor) -> Tensor:
    """Log-magnitude L1 of the bins between two frequencies, averaged over STFT resolutions.

    Args:
        estimate: Waveforms `(batch, num_samples)` at 48 kHz.
        reference: Same shape.
        cutoff_freq: Where each one's band begins in Hz, `(batch,)`.
        edge_freq: Where it ends. What has no bin in its band counts as right.

    Returns:
        A scalar.
    """
    loss = estimate.new_zeros(())
    for n_fft, hop_length in BAND_RESOLUTIONS:
        frequencies = torch.linspace(0, 24_000, n_fft // 2 + 1, device=estimate.device)
        counted = _between(frequencies, frequencies, cutoff_freq, edge_freq)[..., None]
        difference = _magnitude(estimate, n_fft, hop_length).log() - _magnitude(reference, n_fft, hop_length).log()
        loss = loss + _mean_of_counted(difference.abs(), counted)
    return loss / len(BAND_RESOLUTIONS)


def band_level_loss(estimate: Tensor, reference: Tensor, cutoff_freq: Tensor, edge_freq: Tensor) -> Tensor:
    """L1 of the log levels of 48 mel-wide bands between two frequencies: in each frame, in 43 ms and over the crop.

    Unlike a bin's magnitude, the level of a band hardly depends on noise's own speckle, so its best guess isn't a
    quieter one.

    Args:
        estimate: Waveforms `(batch, num_samples)` at 48 kHz.
        reference: Same shape.
        cutoff_freq: Where each one's band begins in Hz, `(batch,)`.
        edge_freq: Where it ends. What has no whole band between them counts as right.

    Returns:
        A scalar, in nepers.
    """
    n_fft, hop_length = 1_024, 256
    edges = torch.from_numpy(librosa.mel_frequencies(NUM_LEVEL_BANDS + 2, fmin=1_000, fmax=24_000)).float()
    filters = mel_filter_bank(48_000, n_fft, NUM_LEVEL_BANDS, 1_000, 24_000).to(estimate.device)
    counted = _between(edges[:-2].to(estimate.device), edges[2:].to(estimate.device), cutoff_freq, edge_freq + 1)[
        ..., None
    ]
    estimated, wanted = (
        (_magnitude(audio, n_fft, hop_length).square().mT @ (filters / filters.sum(0))).mT
        for audio in (estimate, reference)
    )
    loss = estimate.new_zeros(())
    for num_frames in (1, 8, estimated.shape[-1]):
        pooled = [torch.nn.functional.avg_pool1d(power, num_frames).log() for power in (estimated, wanted)]
        loss = loss + _mean_of_counted((pooled[0] - pooled[1]).abs() / 2, counted)
    return loss


def _between(lows: Tensor, highs: Tensor, cutoff_freq: Tensor, edge_freq: Tensor) -> Tensor:
    """Which bands lie wholly between two frequencies, `(batch, num_bands)`."""
    return (lows >= cutoff_freq[:, None]) & (highs < edge_freq[:, None])


def _mean_of_counted(values: Tensor, counted: Tensor) -> Tensor:
    """Mean of `(batch, num_bands, num_frames)` over the bands that count, each example weighing as its bands."""
    return (values * counted).sum() / (counted.sum() * values.shape[-1]).clamp(min=1)
