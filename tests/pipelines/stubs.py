"""Stand-ins for the networks whose output is known, and what the tests measure."""

import numpy as np
import torch
from scipy import signal
from torch import Tensor, nn

from audiosr_pipeline.pipelines.latent_grid import MARGIN_FRAMES
from tests.signals import noise


class Network(nn.Module):
    """As much of a component's interface as the pipeline uses."""

    def __init__(self, config=None):
        super().__init__()
        self.config = config
        self.dtype, self.device = torch.float32, torch.device("cpu")


class Playback(Network):
    """A vocoder that plays `audio` `(channels, num_samples)`, which one window must hold."""

    def __init__(self, audio: np.ndarray):
        super().__init__()
        self.audio = torch.from_numpy(audio)

    def forward(self, mel: Tensor) -> Tensor:
        margin = MARGIN_FRAMES * 8 * 480
        return nn.functional.pad(self.audio, (margin, mel.shape[1] * 480 - margin - self.audio.shape[-1]))


class WhiteNoise(Network):
    """A vocoder that makes white noise of RMS 0.1, the same in every call and row."""

    def forward(self, mel: Tensor) -> Tensor:
        noise = torch.randn(mel.shape[1] * 480, generator=torch.Generator().manual_seed(5))
        return 0.1 * noise.expand(len(mel), -1)


class KnownVelocity(Network):
    """A UNet that calls `velocity(latents, condition, timestep)` and keeps what it was given."""

    def __init__(self, config, velocity):
        super().__init__(config)
        self.velocity = velocity
        self.calls: list[tuple[Tensor, Tensor, float]] = []

    def forward(self, model_input, timestep, encoder_hidden_states=None, return_dict=False):
        latents, condition = model_input.chunk(2, dim=1)
        self.calls.append((latents, condition, float(timestep)))
        return (self.velocity(latents, condition, timestep),)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def new_band(pipe, **settings) -> np.ndarray:
    """The new band of half a second of noise, `(1, num_samples)`: a network that differs would change all of it."""
    pipe.set_progress_bar_config(disable=True)
    return pipe(noise(0.5, 16_000)[0], 16_000, generator=seeded(), **settings).generated


def assert_same(estimate: np.ndarray, expected: np.ndarray, tolerance: float = 1e-4) -> None:
    """Up to rounding: weights that lie elsewhere in memory may be summed in another order."""
    assert np.abs(expected).max() > 0
    assert np.abs(estimate - expected).max() < tolerance * np.abs(expected).max()


def spectrogram(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies, and the Hann-windowed STFT of `(channels, num_samples)`; the ends are frames too."""
    # Beyond its ends a clip is silent. The last frame is filled up.
    padded = np.pad(audio.astype(np.float64), ((0, 0), (2_048, 4_096)))
    frequencies, _, spectrum = signal.stft(padded, 48_000, "hann", 2_048, 1_536, boundary=None, padded=False)
    return frequencies, spectrum


def error_below_db(estimate: np.ndarray, reference: np.ndarray, frequency: float) -> float:
    """Power of the difference below `frequency` relative to the reference's there, in dB."""
    frequencies, difference = spectrogram(np.atleast_2d(estimate) - np.atleast_2d(reference))
    below = frequencies < frequency
    powers = [(np.abs(s[:, below]) ** 2).sum() for s in (difference, spectrogram(np.atleast_2d(reference))[1])]
    return 10 * np.log10(max(powers[0], 1e-30) / max(powers[1], 1e-30))
