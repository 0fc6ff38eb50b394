"""The log-mel front end: the same for the VAE, the vocoder, training and inference."""

import librosa
import numpy as np
import torch
from torch import Tensor
from transformers import FeatureExtractionMixin

BLOCK_FRAMES = 512


class MelFeatureExtractor(FeatureExtractionMixin):
    """Natural-log mel spectrogram of AudioSR: slaney mel bank on the STFT magnitude, floored.

    Frames are not centred: the waveform is padded by `(n_fft - hop_length) / 2` samples on each side, so that
    `num_samples` give `num_samples // hop_length` frames.

    Args:
        sampling_rate: Rate of the waveforms in Hz.
        n_fft: FFT size and Hann window length in samples.
        hop_length: Samples between frames; 480 at 48 kHz gives 100 frames/s.
        n_mels: Number of mel bins.
        f_min: Lowest frequency of the mel bank in Hz.
        f_max: Highest frequency of the mel bank in Hz.
        floor: Smallest mel magnitude before the logarithm.
        peak: Absolute peak that waveforms are normalised to before the mel spectrogram is taken.
    """

    model_input_names = ["mel"]

    def __init__(
        self,
        sampling_rate: int = 48_000,
        n_fft: int = 2_048,
        hop_length: int = 480,
        n_mels: int = 256,
        f_min: float = 20.0,
        f_max: float = 24_000.0,
        floor: float = 1e-5,
        peak: float = 0.5,
        **kwargs,
    ):
        self.sampling_rate = sampling_rate
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.n_mels = n_mels
        self.f_min = f_min
        self.f_max = f_max
        self.floor = floor
        self.peak = peak
        super().__init__(**kwargs)

    @property
    def mel_filters(self) -> Tensor:
        """Mel bank `(n_fft // 2 + 1, n_mels)`, slaney scale and area normalisation."""
        return mel_filter_bank(self.sampling_rate, self.n_fft, self.n_mels, self.f_min, self.f_max)

    @property
    def mel_edges(self) -> np.ndarray:
        """Where each mel bin's triangle ends in Hz, `(n_mels,)`, rising; it begins where that two bins lower ends."""
        return librosa.mel_frequencies(self.n_mels + 2, fmin=self.f_min, fmax=self.f_max)[2:]

    @property
    def log_floor(self) -> float:
        """The value of an empty mel bin."""
        return float(np.log(self.floor))

    def __call__(self, audio: Tensor) -> Tensor:
        """Log-mel spectrogram.

        Args:
            audio: Waveforms `(batch, num_samples)` at `sampling_rate`, longer than `(n_fft - hop_length) / 2`.

        Returns:
            Mel `(batch, 1, num_samples // hop_length, n_mels)`, natural log, not below `log_floor`.
        """
        filters = self.mel_filters.to(audio.device)
        window = torch.hann_window(self.n_fft, dtype=torch.float32, device=audio.device)
        padding = (self.n_fft - self.hop_length) // 2
        num_frames = audio.shape[-1] // self.hop_length
        mel = audio.new_empty(audio.shape[0], 1, num_frames, self.n_mels)
        # In blocks: the STFT of ten minutes would take a gigabyte.
        for start in range(0, num_frames, BLOCK_FRAMES):
            stop = min(start + BLOCK_FRAMES, num_frames)
            first, last = start * self.hop_length - padding, (stop - 1) * self.hop_length + self.n_fft - padding
            block = audio[:, max(0, first) : last]
            block = torch.nn.functional.pad(
                block[:, None], (max(0, -first), max(0, last - audio.shape[-1])), "reflect"
            )[:, 0]
            spectrum = torch.stft(block, self.n_fft, self.hop_length, window=window, center=False, return_complex=True)
            mel[:, 0, start:stop] = (spectrum.abs().mT @ filters).clamp(min=self.floor).log()
        return mel


def mel_filter_bank(sampling_rate: int, n_fft: int, n_mels: int, f_min: float, f_max: float) -> Tensor:
    """Slaney mel bank `(n_fft // 2 + 1, n_mels)`: weights of the STFT magnitude's bins in each mel bin."""
    bank = librosa.filters.mel(sr=sampling_rate, n_fft=n_fft, n_mels=n_mels, fmin=f_min, fmax=f_max)
    return torch.from_numpy(bank).T.contiguous()
