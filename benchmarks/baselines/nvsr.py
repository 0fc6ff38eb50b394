"""NVSR's two predictors of a full-band mel spectrogram (arXiv:2203.14941): a perceptron per frame, and a residual UNet.

The paper's section on mel bandwidth extension says what they are; sizes are those of the code that its authors released
(`examples/NVSR` of ssr_eval). Both predict what is to be added to the log-mel of the input. What differs here: 256 mel
bins at 48 kHz and the natural logarithm, as the vocoder behind them takes them, where NVSR has 128 bins at 44.1 kHz
and the decimal one.
"""

from itertools import pairwise

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional

# The widths of the levels, as multiples of the first.
LEVELS = (1, 2, 4, 8, 12, 12)
FRAME_MULTIPLE = 2 ** len(LEVELS)


class NVSRDNN(ModelMixin, ConfigMixin):
    """NVSR-DNN: five linear layers, each frame by itself.

    A batch norm over everything, one mean and one variance, stands behind each of the first three.

    Args:
        n_mels: Mel bins.
        width: Of the first hidden layer; the next two have twice as many. Published: twice `n_mels`.
    """

    @register_to_config
    def __init__(self, n_mels: int = 256, width: int = 512):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_mels, width),
            nn.ReLU(),
            nn.BatchNorm2d(1),
            nn.Linear(width, 2 * width),
            nn.ReLU(),
            nn.BatchNorm2d(1),
            nn.Linear(2 * width, 2 * width),
            nn.ReLU(),
            nn.BatchNorm2d(1),
            nn.Linear(2 * width, width),
            nn.ReLU(),
            nn.Linear(width, n_mels),
        )

    def forward(self, mel: Tensor) -> Tensor:
        """Log-mel `(batch, 1, num_frames, n_mels)` of the input to that of the full band."""
        return mel + self.layers(mel)


class NVSRResUNet(ModelMixin, ConfigMixin):
    """NVSR-ResUNet: six levels, each of which halves time and frequency, of pre-activated residual blocks.

    Halving 255 bins six times leaves 3, and doubling and adding one makes them 255 again: so the last of 256 bins is
    left out, and changes as its neighbour does. (NVSR leaves it as it is.)

    Args:
        width: Channels of the first level. Published: 32.
        num_blocks: Residual blocks of a level, on the way down and on the way up. Published: 4.
    """

    @register_to_config
    def __init__(self, width: int = 32, num_blocks: int = 4):
        super().__init__()
        widths = [width * multiple for multiple in LEVELS]
        self.down = nn.ModuleList(
            _blocks(before, after, num_blocks) for before, after in zip([1, *widths], widths, strict=False)
        )
        self.middle = ResidualBlock(widths[-1], widths[-1])
        coming = [widths[-1], *reversed(widths)]
        self.up = nn.ModuleList(_Upsampling(before, after) for before, after in pairwise(coming))
        self.up_blocks = nn.ModuleList(_blocks(2 * after, after, num_blocks) for after in coming[1:])
        self.last = ResidualBlock(width, width)
        self.project = nn.Conv2d(width, 1, kernel_size=1)

    def forward(self, mel: Tensor) -> Tensor:
        """Log-mel `(batch, 1, num_frames, 64 * n)` of the input to that of the full band."""
        num_frames = mel.shape[2]
        hidden = functional.pad(mel, (0, -1, 0, -num_frames % FRAME_MULTIPLE), "replicate")
        skips = []
        for blocks in self.down:
            skips.append(blocks(hidden))
            hidden = functional.avg_pool2d(skips[-1], 2)
        hidden = self.middle(hidden)
        for upsample, blocks in zip(self.up, self.up_blocks, strict=True):
            hidden = blocks(torch.cat([upsample(hidden), skips.pop()], dim=1))
        change = self.project(self.last(hidden))[:, :, :num_frames]
        return mel + functional.pad(change, (0, 1, 0, 0), "replicate")


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, each behind a batch norm and a leaky ReLU, beside a shortcut."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.LeakyReLU(0.01),
            nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.LeakyReLU(0.01),
            nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False),
        )
        equal = in_channels == out_channels
        self.shortcut = nn.Identity() if equal else nn.Conv2d(in_channels, out_channels, kernel_size=1)

    def forward(self, hidden: Tensor) -> Tensor:
        """`(rows, in_channels, num_frames, num_bins)` to the same with `out_channels`."""
        return self.shortcut(hidden) + self.layers(hidden)


class _Upsampling(nn.Module):
    """Doubles the frames, and the bins but for one: a transposed convolution behind a batch norm and a ReLU."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.conv = nn.ConvTranspose2d(in_channels, out_channels, kernel_size=3, stride=2, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.conv(functional.relu(self.norm(hidden)))[:, :, :-1]


def _blocks(in_channels: int, out_channels: int, num_blocks: int) -> nn.Sequential:
    first = ResidualBlock(in_channels, out_channels)
    return nn.Sequential(first, *(ResidualBlock(out_channels, out_channels) for _ in range(num_blocks - 1)))
