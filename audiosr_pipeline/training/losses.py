"""Spectral losses of the vocoders."""

import torch
from torch import Tensor

RESOLUTIONS = ((512, 128), (1_024, 256), (2_048, 512), (4_096, 1_024))


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
