"""Discriminators for the vocoders: they hear grain and buzz that spectral losses average away."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

RESOLUTIONS = ((512, 128), (1_024, 256), (2_048, 512))
LEAK = 0.1


class SpectrogramDiscriminator(nn.Module):
    """Tells true from generated log-magnitude spectrograms of one resolution (after UnivNet, arXiv:2106.07889).

    The logarithm makes the faint highs as visible as the lows.

    Args:
        n_fft: FFT size and Hann window length in samples.
        hop_length: Samples between frames.
        channels: Width of the convolutions.
    """

    def __init__(self, n_fft: int, hop_length: int, channels: int):
        super().__init__()
        self.n_fft = n_fft
        self.hop_length = hop_length
        widths = (1, channels, channels, channels, channels)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(before, after, (3, 9), stride=(1, 2), padding=(1, 4)))
            for before, after in zip(widths, widths[1:], strict=False)
        )
        self.layers.append(weight_norm(nn.Conv2d(channels, channels, 3, padding=1)))
        self.last = weight_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, audio: Tensor) -> list[Tensor]:
        """Features of each layer, last the score of each place, for waveforms `(batch, num_samples)`."""
        window = torch.hann_window(self.n_fft, device=audio.device)
        spectrum = torch.stft(audio, self.n_fft, self.hop_length, window=window, return_complex=True)
        # Near 16 bit's rounding; the rest brings -9...4 to about unit range.
        hidden = (0.5 * (spectrum.real**2 + spectrum.imag**2 + 1e-8).log() + 4)[:, None].mT / 3
        features = []
        for layer in self.layers:
            hidden = nn.functional.leaky_relu(layer(hidden), LEAK)
            features.append(hidden)
        return [*features, self.last(hidden)]


class Adversary:
    """Discriminators, their optimiser and the losses between them and a generator (hinge loss, as EnCodec's).

    Args:
        channels: Width of the discriminators.
        learning_rate: Of the discriminators, constant.
    """

    def __init__(self, channels: int, learning_rate: float):
        self.discriminators = nn.ModuleList(
            SpectrogramDiscriminator(n_fft, hop_length, channels) for n_fft, hop_length in RESOLUTIONS
        )
        self.optimizer = torch.optim.AdamW(self.discriminators.parameters(), lr=learning_rate, betas=(0.8, 0.99))

    def update(self, estimate: Tensor, truth: Tensor) -> None:
        """One step of the discriminators on waveforms `(batch, num_samples)`."""
        loss = torch.zeros(())
        for discriminator in self.discriminators:
            # Both in one batch: half the calls.
            of_truth, of_estimate = discriminator(torch.cat([truth, estimate.detach()]))[-1].float().chunk(2)
            loss = loss + (1 - of_truth).relu().mean() + (1 + of_estimate).relu().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def generator_losses(self, estimate: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Adversarial loss and feature matching (L1, relative to the truth's features), means over discriminators."""
        adversarial = matching = torch.zeros(())
        for discriminator in self.discriminators:
            with torch.no_grad():
                of_truth = discriminator(truth)
            of_estimate = discriminator(estimate)
            adversarial = adversarial - of_estimate[-1].float().mean()
            for wanted, got in zip(of_truth[:-1], of_estimate[:-1], strict=True):
                difference = (wanted.float() - got.float()).abs().mean()
                matching = matching + difference / wanted.float().abs().mean() / len(of_truth[:-1])
        return adversarial / len(self.discriminators), matching / len(self.discriminators)

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {"discriminators": self.discriminators.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up a saved state."""
        self.discriminators.load_state_dict(state["discriminators"])
        self.optimizer.load_state_dict(state["optimizer"])
