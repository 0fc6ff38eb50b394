"""The DFT of real frames as products of small matrices: for runtimes whose own is slow or takes no complex numbers."""

import math

import torch
from torch import Tensor, nn


class MatrixDFT:
    """DFT and its inverse in two factors each (Cooley and Tukey 1965), 32 x 32 for 1024 points.

    Args:
        n_fft: Samples of a frame, even.
    """

    def __init__(self, n_fft: int):
        self.n_fft, self.num_bins = n_fft, n_fft // 2 + 1
        # n = columns * row + column, k = line + rows * block.
        self.rows = max(each for each in range(1, math.isqrt(n_fft) + 1) if n_fft % each == 0)
        self.columns = n_fft // self.rows
        self.num_blocks = -(-self.num_bins // self.rows)
        rows, columns, blocks = (torch.arange(each).double() for each in (self.rows, self.columns, self.num_blocks))
        by_row = 2 * torch.pi / self.rows * rows[:, None] * rows
        by_both = 2 * torch.pi / n_fft * rows[:, None] * columns
        by_block = 2 * torch.pi / self.columns * columns[:, None] * blocks
        self.first = torch.cat([by_row.cos(), -by_row.sin()]).float()
        self.cosine, self.sine = by_both.cos().float(), by_both.sin().float()
        cosine, sine = by_block.cos(), by_block.sin()
        self.last = torch.cat([torch.cat([cosine, -sine], 1), torch.cat([sine, cosine], 1)]).float()
        # All bins but the first and the last stand for two.
        self.weight = torch.full((self.num_bins,), 2.0 / n_fft)
        self.weight[0] = self.weight[-1] = 1 / n_fft

    def forward(self, frames: Tensor) -> Tensor:
        """Spectra `(..., num_bins)`, complex, of frames `(..., n_fft)`."""
        table = frames.unflatten(-1, (self.rows, self.columns))
        real, imaginary = (self.first @ table).split(self.rows, dim=-2)
        turned = torch.cat(
            [real * self.cosine + imaginary * self.sine, imaginary * self.cosine - real * self.sine], dim=-1
        )
        real, imaginary = (turned @ self.last).split(self.num_blocks, dim=-1)
        # The blocks are `rows` bins apart.
        real, imaginary = (part.mT.flatten(-2)[..., : self.num_bins] for part in (real, imaginary))
        return torch.complex(real, imaginary)

    def inverse(self, spectrum: Tensor) -> Tensor:
        """Frames `(..., n_fft)` of spectra `(..., num_bins)`."""
        missing = self.num_blocks * self.rows - self.num_bins
        real, imaginary = (
            nn.functional.pad(part * self.weight, (0, missing)).unflatten(-1, (self.num_blocks, self.rows)).mT
            for part in (spectrum.real, spectrum.imag)
        )
        # The matrices transposed have the inverse's sign.
        real, imaginary = (torch.cat([real, imaginary], dim=-1) @ self.last.mT).split(self.columns, dim=-1)
        turned = torch.cat(
            [real * self.cosine - imaginary * self.sine, real * self.sine + imaginary * self.cosine], dim=-2
        )
        return (self.first.mT @ turned).flatten(-2)
