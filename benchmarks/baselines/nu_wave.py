"""NU-Wave (arXiv:2104.02321): diffusion of the waveform at 48 kHz, with the input's waveform as the condition.

Sizes and schedules are those of the configuration that its authors released (`maum-ai/nuwave`). What differs here: the
paper has a model for each rate of the input, which is brought to 48 kHz by linear interpolation from 24 or 16 kHz; this
is one model for all cutoffs, and its condition is the low-passed waveform, as for every system here.
"""

import math

import torch
from diffusers import ConfigMixin, DDPMScheduler, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional

# First, last and number of the training's, which rise linearly; and those of the eight steps of fast sampling.
TRAINING_BETAS = (1e-6, 6e-3, 1_000)
SAMPLING_BETAS = (1e-6, 2e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 9e-1)
# Noise levels reach the network as sines and cosines of 64 frequencies.
NUM_FREQUENCIES = 64
LEVEL_SCALE = 50_000.0


class NUWave(ModelMixin, ConfigMixin):
    """The network: DiffWave's residual layers (arXiv:2009.09761), with a second dilated convolution for the condition.

    Args:
        width: Channels of the residual layers. Published: 64.
        num_layers: Residual layers. Published: 30.
        dilation_cycle: Layers after which the dilation, which doubles from layer to layer, is 1 again. Published: 10.
        embedding_size: Of the embedding of the noise level. Published: 512.
    """

    @register_to_config
    def __init__(self, width: int = 64, num_layers: int = 30, dilation_cycle: int = 10, embedding_size: int = 512):
        super().__init__()
        self.embed = nn.Sequential(
            nn.Linear(2 * NUM_FREQUENCIES, embedding_size),
            nn.SiLU(),
            nn.Linear(embedding_size, embedding_size),
            nn.SiLU(),
        )
        self.audio_in = nn.Sequential(nn.Conv1d(1, width, kernel_size=1), nn.SiLU())
        self.condition_in = nn.Sequential(nn.Conv1d(1, width, kernel_size=1), nn.SiLU())
        self.layers = nn.ModuleList(
            BidirectionalLayer(width, 2 ** (layer % dilation_cycle), embedding_size) for layer in range(num_layers)
        )
        self.out = nn.Sequential(nn.Conv1d(width, width, kernel_size=1), nn.SiLU(), nn.Conv1d(width, 1, kernel_size=1))
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, noisy: Tensor, condition: Tensor, level: Tensor) -> Tensor:
        """Predicts the noise in a waveform.

        Args:
            noisy: Waveforms `(batch, num_samples)`.
            condition: Low-passed waveforms, same shape.
            level: Share of the clean waveform's amplitude in `noisy`, 0-1, `(batch,)`.

        Returns:
            Noise of unit variance, same shape.
        """
        exponents = torch.arange(NUM_FREQUENCIES, device=level.device) / NUM_FREQUENCIES
        angles = LEVEL_SCALE * level[:, None] * 1e-4**exponents
        embedding = self.embed(torch.cat([angles.sin(), angles.cos()], dim=-1))
        hidden, conditioning = self.audio_in(noisy[:, None]), self.condition_in(condition[:, None])
        skipped = torch.zeros_like(hidden)
        for layer in self.layers:
            hidden, skip = layer(hidden, conditioning, embedding)
            skipped = skipped + skip
        return self.out(skipped / math.sqrt(len(self.layers)))[:, 0]


class BidirectionalLayer(nn.Module):
    """A gated residual layer of two dilated convolutions (Bi-DConv), of the waveform and of the condition."""

    def __init__(self, width: int, dilation: int, embedding_size: int):
        super().__init__()
        self.embedding_in = nn.Linear(embedding_size, width)
        self.dilated = nn.Conv1d(width, 2 * width, kernel_size=3, padding=dilation, dilation=dilation)
        self.dilated_condition = nn.Conv1d(width, 2 * width, kernel_size=3, padding=dilation, dilation=dilation)
        self.project = nn.Conv1d(width, 2 * width, kernel_size=1)

    def forward(self, hidden: Tensor, condition: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """The next layer's input and this one's part of the output, both `(rows, width, num_samples)`.

        Args:
            hidden: Same shape.
            condition: Same shape, of the low-passed waveform.
            embedding: Of the noise level, `(rows, embedding_size)`.
        """
        update = self.dilated(hidden + self.embedding_in(embedding)[:, :, None]) + self.dilated_condition(condition)
        gate, content = update.chunk(2, dim=1)
        residual, skip = self.project(gate.sigmoid() * content.tanh()).chunk(2, dim=1)
        return (hidden + residual) / math.sqrt(2), skip


def training_levels() -> Tensor:
    """Amplitudes of the clean waveform at the ends of the training's 1000 steps, `(1001,)`, falling from 1."""
    first, last, num_steps = TRAINING_BETAS
    levels = (1 - torch.linspace(first, last, num_steps, dtype=torch.float64)).cumprod(0).sqrt()
    return functional.pad(levels, (1, 0), value=1.0).float()


def sampling_scheduler() -> DDPMScheduler:
    """Eight steps of ancestral sampling."""
    return DDPMScheduler(
        num_train_timesteps=len(SAMPLING_BETAS),
        trained_betas=SAMPLING_BETAS,
        prediction_type="epsilon",
        variance_type="fixed_small",
        clip_sample=False,
    )
