"""Discriminators: they hear and see the grain and buzz that L1 and spectral losses average away."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from audiosr_pipeline.training.settings import AdversarialSettings

RESOLUTIONS = ((512, 128), (1_024, 256), (2_048, 512))
PERIODS = (2, 3, 5, 7, 11)
LEAK = 0.1


class Discriminator(nn.Module):
    """Convolutions, of which the last gives the scores, with normalised weights.

    A batch norm would make an example's scores depend on what else is in the batch.
    """

    def __init__(self, convolutions: Iterable[nn.Conv2d]):
        super().__init__()
        self.layers = nn.ModuleList(weight_norm(convolution) for convolution in convolutions)

    def features(self, hidden: Tensor) -> list[Tensor]:
        """Features of each layer, last the score of each place."""
        features = []
        for layer in self.layers[:-1]:
            hidden = nn.functional.leaky_relu(layer(hidden), LEAK)
            features.append(hidden)
        return [*features, self.layers[-1](hidden)]


class SpectrogramDiscriminator(Discriminator):
    """Tells true from generated log-magnitude spectrograms of one resolution (after UnivNet, arXiv:2106.07889).

    The logarithm makes the faint highs as visible as the lows.

    Args:
        n_fft: FFT size and Hann window length in samples.
        hop_length: Samples between frames.
        channels: Width of the convolutions.
    """

    def __init__(self, n_fft: int, hop_length: int, channels: int):
        super().__init__(
            [
                *(
                    nn.Conv2d(before, channels, (3, 9), stride=(1, 2), padding=(1, 4))
                    for before in (1, channels, channels, channels)
                ),
                nn.Conv2d(channels, channels, 3, padding=1),
                nn.Conv2d(channels, 1, 3, padding=1),
            ]
        )
        self.n_fft = n_fft
        self.hop_length = hop_length

    def forward(self, audio: Tensor) -> list[Tensor]:
        """Features of each layer, last the score of each place, for waveforms `(batch, num_samples)`."""
        window = torch.hann_window(self.n_fft, device=audio.device)
        spectrum = torch.stft(audio, self.n_fft, self.hop_length, window=window, return_complex=True)
        # Near 16 bit's rounding; the rest brings -9...4 to about unit range.
        return self.features((0.5 * (spectrum.real**2 + spectrum.imag**2 + 1e-8).log() + 4)[:, None].mT / 3)


class PeriodDiscriminator(Discriminator):
    """Tells true from generated waveforms by samples that lie a period apart (HiFi-GAN, arXiv:2010.05646).

    Args:
        period: Samples from one to the next that are seen together; a prime number, so that none sees what another
            does.
        channels: Width of the first convolution, 32 in HiFi-GAN; the last are 32 times as wide.
    """

    def __init__(self, period: int, channels: int):
        widths = [1, *(channels * factor for factor in (1, 4, 16, 32, 32))]
        super().__init__(
            [
                *(
                    nn.Conv2d(before, after, (5, 1), stride=(stride, 1), padding=(2, 0))
                    for before, after, stride in zip(widths, widths[1:], (3, 3, 3, 3, 1), strict=False)
                ),
                nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0)),
            ]
        )
        self.period = period

    def forward(self, audio: Tensor) -> list[Tensor]:
        """Features of each layer, last the score of each place, for waveforms `(batch, num_samples)`."""
        padded = nn.functional.pad(audio[:, None], (0, -audio.shape[-1] % self.period), "reflect")
        return self.features(padded.unflatten(-1, (-1, self.period)))


class PatchDiscriminator(Discriminator):
    """Tells true from generated log-mel spectrograms by patches (after pix2pix, arXiv:1611.07004, as LDM does).

    Args:
        channels: Width of the first convolution, 64 in pix2pix.
    """

    def __init__(self, channels: int):
        widths = [1, *(channels * factor for factor in (1, 2, 4, 8)), 1]
        super().__init__(
            nn.Conv2d(before, after, 4, stride=stride, padding=1)
            for before, after, stride in zip(widths, widths[1:], (2, 2, 2, 1, 1), strict=False)
        )

    def forward(self, mel: Tensor) -> list[Tensor]:
        """Features of each layer, last the score of each place, for mels `(batch, 1, num_frames, n_mels)`."""
        # To about unit range.
        return self.features((mel + 7) / 3)


def waveform_discriminators(spectrogram_channels: int, period_channels: int) -> list[Discriminator]:
    """The multi-resolution and the multi-period discriminators of the given widths; a width of 0 leaves them out."""
    discriminators: list[Discriminator] = []
    if spectrogram_channels:
        discriminators += [SpectrogramDiscriminator(*resolution, spectrogram_channels) for resolution in RESOLUTIONS]
    if period_channels:
        discriminators += [PeriodDiscriminator(period, period_channels) for period in PERIODS]
    return discriminators


class Adversary:
    """Discriminators, their optimiser and the losses between them and a generator (hinge loss, as EnCodec's).

    A step of both may be taken in parts: nothing here depends on what a crop is batched with.

    Args:
        discriminators: Each gives features, last the scores, of what the generator makes: waveforms or mels.
        learning_rate: Of the discriminators, constant.
    """

    def __init__(self, discriminators: Iterable[Discriminator], learning_rate: float):
        self.discriminators = nn.ModuleList(discriminators)
        self.optimizer = torch.optim.AdamW(self.discriminators.parameters(), lr=learning_rate, betas=(0.8, 0.99))

    def add_gradients(self, estimate: Tensor, truth: Tensor) -> None:
        """Adds the discriminators' gradients on a batch of each to those that are there."""
        self.discriminators.requires_grad_(True)
        loss = torch.zeros(())
        for discriminator in self.discriminators:
            # Both in one batch: half the calls.
            of_truth, of_estimate = discriminator(torch.cat([truth, estimate.detach()]))[-1].float().chunk(2)
            loss = loss + (1 - of_truth).relu().mean() + (1 + of_estimate).relu().mean()
        loss.backward()

    def generator_losses(self, estimate: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Adversarial loss and feature matching (L1, relative to the truth's features) of each crop.

        Args:
            estimate: What the generator made, `(batch, ...)`.
            truth: Same shape.

        Returns:
            Both `(batch,)`, means over the discriminators.
        """
        # Their own gradients are not wanted here.
        self.discriminators.requires_grad_(False)
        adversarial = matching = torch.zeros(())
        for discriminator in self.discriminators:
            with torch.no_grad():
                of_truth = discriminator(truth)
            of_estimate = discriminator(estimate)
            adversarial = adversarial - _mean_per_crop(of_estimate[-1])
            for wanted, got in zip(of_truth[:-1], of_estimate[:-1], strict=True):
                relative = _mean_per_crop((wanted - got).abs()) / _mean_per_crop(wanted.abs())
                matching = matching + relative / len(of_truth[:-1])
        return adversarial / len(self.discriminators), matching / len(self.discriminators)

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {"discriminators": self.discriminators.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up a saved state."""
        self.discriminators.load_state_dict(state["discriminators"])
        self.optimizer.load_state_dict(state["optimizer"])


def _mean_per_crop(values: Tensor) -> Tensor:
    return values.float().flatten(1).mean(1)


def waveform_adversary(settings: AdversarialSettings) -> Adversary | None:
    """The discriminators of waveforms that a trainer's settings ask for; None if they ask for none."""
    if settings.adversarial_weight <= 0:
        return None
    discriminators = waveform_discriminators(settings.discriminator_channels, settings.period_channels)
    return Adversary(discriminators, settings.learning_rate)
