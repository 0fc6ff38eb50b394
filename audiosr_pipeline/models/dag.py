"""The score network of DAG ("Full-band General Audio Synthesis with Score-based Diffusion", arXiv:2210.14661)."""

import math
from collections.abc import Mapping, Sequence

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

NUM_CONVOLUTIONS = 4
# Of the residual and of the skip: keeps the sum of two unlike signals at their own power.
HALF_POWER = 2**-0.5


class DAGModel(ModelMixin, ConfigMixin):
    """Predicts the noise in a waveform, given its level and a label: a U-Net with recurrent layers at its bottom.

    The paper trains a score `S` by `|sigma S + z|^2 / 2`; this network gives `F = -sigma S`, whose loss is
    `|F - z|^2 / 2` and whose size doesn't depend on sigma. What the text leaves open (kernel sizes, dilations, widths
    of the embedding, how skips are joined) follows WaveGrad (arXiv:2009.00713) and meets the paper's 22 million
    parameters. Left out labels have a vector of their own, which begins as zeros.

    Args:
        sampling_rate: Rate of the waveforms in Hz.
        num_labels: Classes.
        id2label: Their names, by number; None numbers them.
        widths: Channels of the encoder's blocks, from the waveform down; those of the decoder mirror them.
        strides: By how much each block lowers the rate.
        num_gru_layers: Bidirectional recurrent layers at the lowest rate.
        num_fourier_features: Frequencies of the noise level's embedding.
        fourier_scale: Their deviation, in turns per neper of sigma.
        noise_width: Channels of the noise level's embedding.

    Raises:
        ValueError: If there aren't as many widths as strides, no labels, or other names than labels.
    """

    @register_to_config
    def __init__(
        self,
        sampling_rate: int = 48_000,
        num_labels: int = 10,
        id2label: Mapping[str, str] | None = None,
        widths: Sequence[int] = (64, 128, 128, 256, 512),
        strides: Sequence[int] = (2, 2, 4, 4, 5),
        num_gru_layers: int = 2,
        num_fourier_features: int = 32,
        fourier_scale: float = 0.5,
        noise_width: int = 256,
    ):
        super().__init__()
        if len(widths) != len(strides) or not widths:
            raise ValueError(f"widths={tuple(widths)}, strides={tuple(strides)}; needed is a width for each stride.")
        if num_labels < 1:
            raise ValueError(f"num_labels={num_labels}; accepted are whole numbers from 1 on.")
        # JSON has texts for keys.
        names = {str(number): str(number) for number in range(num_labels)}
        names = {str(number): str(name) for number, name in (id2label or names).items()}
        if set(names) != set(map(str, range(num_labels))) or len(set(names.values())) < num_labels:
            raise ValueError(
                f"id2label={dict(id2label or {})} for num_labels={num_labels}; needed is a name of its own for each of "
                f"0 to {num_labels - 1}."
            )
        self.register_to_config(id2label=names)
        # Drawn anew they would be other features: they are saved with the weights.
        self.register_buffer("frequencies", fourier_scale * torch.randn(num_fourier_features))
        self.embed_noise = nn.Sequential(
            nn.Linear(2 * num_fourier_features, noise_width),
            nn.SiLU(),
            nn.Linear(noise_width, noise_width),
            nn.SiLU(),
            nn.Linear(noise_width, noise_width),
            nn.SiLU(),
        )
        # The last stands for no label.
        self.embed_label = nn.Embedding(num_labels + 1, 10 * num_labels)
        nn.init.zeros_(self.embed_label.weight[num_labels])
        condition_width = 10 * num_labels + noise_width
        self.conv_in = nn.Conv1d(1, widths[0], 7, padding=3)
        channels = (widths[0], *widths)
        self.down_blocks = nn.ModuleList(
            GBlock(channels[level], channels[level + 1], stride, condition_width, is_down=True)
            for level, stride in enumerate(strides)
        )
        self.gru = nn.GRU(widths[-1], widths[-1], num_gru_layers, batch_first=True, bidirectional=True)
        self.gru_out = nn.Linear(2 * widths[-1], widths[-1])
        self.up_blocks = nn.ModuleList(
            GBlock(channels[level + 1], channels[level], strides[level], condition_width, is_down=False)
            for level in reversed(range(len(strides)))
        )
        self.conv_out = nn.Conv1d(widths[0], 1, 7, padding=3)
        for parameter in self.conv_out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, sample: Tensor, sigma: Tensor, labels: Tensor) -> Tensor:
        """The noise in a sample, in units of its deviation.

        Args:
            sample: Waveforms with noise `(batch, num_samples)`.
            sigma: Deviation of the noise `(batch,)`, above 0.
            labels: Numbers of the classes `(batch,)`; `num_labels` stands for none.

        Returns:
            `(batch, num_samples)`, which is noise of deviation 1 where the prediction is right.
        """
        angles = 2 * math.pi * sigma.to(self.frequencies).log()[:, None] * self.frequencies
        noise = self.embed_noise(torch.cat([angles.sin(), angles.cos()], dim=-1))
        condition = torch.cat([self.embed_label(labels), noise], dim=-1)
        num_samples = sample.shape[-1]
        padding = -num_samples % math.prod(self.config.strides)
        hidden = self.conv_in(nn.functional.pad(sample, (0, padding))[:, None])
        skips = []
        for block in self.down_blocks:
            skips.append(hidden)
            hidden = block(hidden, condition)
        recurrent, _ = self.gru(hidden.mT)
        hidden = HALF_POWER * (hidden + self.gru_out(recurrent).mT)
        for block in self.up_blocks:
            hidden = HALF_POWER * (block(hidden, condition) + skips.pop())
        return self.conv_out(hidden)[:, 0, :num_samples]


class GBlock(nn.Module):
    """Four convolutions, each behind a FiLM and a LeakyReLU; the first changes the rate.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Of the rates.
        condition_width: Of the vector that the FiLMs are made of.
        is_down: Whether the rate falls, else it rises.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, condition_width: int, is_down: bool):
        super().__init__()
        self.stride, self.is_down = stride, is_down
        # So padded, a length is divided or multiplied by the stride exactly.
        padding = (stride + 1) // 2
        change: nn.Module = (
            nn.Conv1d(in_channels, out_channels, 2 * stride, stride, padding=padding)
            if is_down
            else nn.ConvTranspose1d(
                in_channels, out_channels, 2 * stride, stride, padding=padding, output_padding=stride % 2
            )
        )
        same = (nn.Conv1d(out_channels, out_channels, 3, dilation=d, padding=d) for d in (2, 4, 8))
        self.convs = nn.ModuleList([change, *same])
        self.films = nn.ModuleList(
            FiLM(condition_width, channels) for channels in (in_channels, *[out_channels] * (NUM_CONVOLUTIONS - 1))
        )
        self.residual = nn.Conv1d(in_channels, out_channels, 1)

    def forward(self, hidden: Tensor, condition: Tensor) -> Tensor:
        """The block's output.

        Args:
            hidden: `(batch, in_channels, num_samples)`, the length a multiple of the stride if the rate falls.
            condition: `(batch, condition_width)`.

        Returns:
            `(batch, out_channels, num_samples)` at the new rate.
        """
        length = hidden.shape[-1] // self.stride if self.is_down else hidden.shape[-1] * self.stride
        # The 1x1 convolution is cheaper at the lower of the rates, and linear as the resampling is.
        if self.is_down:
            residual = self.residual(nn.functional.avg_pool1d(hidden, self.stride))
        else:
            residual = nn.functional.interpolate(self.residual(hidden), size=length, mode="linear")
        for number, (film, conv) in enumerate(zip(self.films, self.convs, strict=True)):
            hidden = conv(nn.functional.leaky_relu(film(hidden, condition), 0.2))
            if number == 1:
                hidden = residual = hidden + residual
        return HALF_POWER * (hidden + residual)


class FiLM(nn.Module):
    """Scales and shifts each channel as a condition says (arXiv:1709.07871); at first hardly.

    Args:
        condition_width: Of the condition.
        channels: Of what is changed.
    """

    def __init__(self, condition_width: int, channels: int):
        super().__init__()
        self.project = nn.Linear(condition_width, 2 * channels)
        nn.init.normal_(self.project.weight, std=0.02)
        nn.init.zeros_(self.project.bias)

    def forward(self, hidden: Tensor, condition: Tensor) -> Tensor:
        """`hidden` `(batch, channels, num_samples)`, changed as `condition` `(batch, condition_width)` says."""
        scale, shift = self.project(condition)[..., None].chunk(2, dim=1)
        return hidden * (1 + scale) + shift
