"""The STFT of the vocoders: un-centred frames, as the mel front end's, so that a hop of audio is a frame."""

import torch
from torch import Tensor, nn

# 22 s: no ear notices when it comes again.
NOISE_SAMPLES = 1 << 20


def stft(audio: Tensor, window: Tensor, hop_length: int) -> Tensor:
    """Spectrum `(batch, num_frames, n_fft // 2 + 1)` of waveforms `(batch, num_frames * hop_length)`.

    White noise of unit power has unit mean power in each bin. Beyond the ends are zeros.

    Args:
        audio: Waveforms; what is left over of a hop at the end is in no frame.
        window: `(n_fft,)`.
        hop_length: Samples between frames.
    """
    n_fft = len(window)
    padding = (n_fft - hop_length) // 2
    padded = nn.functional.pad(audio, (padding, n_fft - hop_length - padding))
    window = (window / window.square().sum().sqrt()).to(audio.device)
    return torch.stft(padded, n_fft, hop_length, window=window, center=False, return_complex=True).mT


def inverse_stft(spectrum: Tensor, window: Tensor, hop_length: int) -> Tensor:
    """Overlap-add `(batch, num_frames * hop_length)` of spectra `(batch, num_frames, n_fft // 2 + 1)` without scaling.

    Args:
        spectrum: Of any signal: of what isn't one's spectrum, the signal is made whose own is nearest.
        window: `(n_fft,)`.
        hop_length: Samples between frames.
    """
    n_fft, num_frames = len(window), spectrum.shape[1]
    window = window.to(spectrum.device)
    frames = torch.fft.irfft(spectrum, n=n_fft, dim=-1) * window
    length = (num_frames - 1) * hop_length + n_fft
    fold = {"output_size": (1, length), "kernel_size": (1, n_fft), "stride": (1, hop_length)}
    audio = nn.functional.fold(frames.mT, **fold)[:, 0, 0]
    weight = (window**2).expand(1, num_frames, n_fft).mT
    envelope = nn.functional.fold(weight, **fold)[:, 0, 0]
    padding = (n_fft - hop_length) // 2
    kept = slice(padding, padding + num_frames * hop_length)
    return audio[:, kept] / envelope[:, kept].clamp(min=1e-4)


def white_noise() -> Tensor:
    """The noise that the vocoders colour, `(NOISE_SAMPLES,)`: always the same."""
    # Its type is named, because torch's default is half precision while such a model is loaded.
    return torch.randn(NOISE_SAMPLES, dtype=torch.float32, generator=torch.Generator().manual_seed(0))


def noise_spectrum(noise: Tensor, first_frame: int, num_frames: int, window: Tensor, hop_length: int) -> Tensor:
    """STFT `(num_frames, n_fft // 2 + 1)` of repeated white noise, of unit mean power.

    Args:
        noise: `(num_samples,)`.
        first_frame: Where the frames begin in a longer signal's.
        num_frames: How many.
        window: `(n_fft,)`.
        hop_length: Samples between frames.
    """
    n_fft = len(window)
    start = first_frame * hop_length - (n_fft - hop_length) // 2
    samples = torch.arange(start, start + (num_frames - 1) * hop_length + n_fft) % len(noise)
    scaled = noise[samples] / window.square().sum().sqrt()
    return torch.stft(scaled, n_fft, hop_length, window=window, center=False, return_complex=True).mT
