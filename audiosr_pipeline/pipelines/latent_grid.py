"""How the samples of a clip lie in mel frames, latents and windows."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from audiosr_pipeline.dsp.windows import Window, merge_windows, split_windows

# In latent frames: how far windows overlap at least, and their cross-fades.
OVERLAP_FRAMES, FADE_FRAMES = 16, 8
# Latent frames before and after a clip: at the borders of what they see, networks make too little.
MARGIN_FRAMES = 1


@dataclass(frozen=True)
class LatentGrid:
    """The geometry of a pipeline's networks in time.

    Args:
        scale: Mel frames of a latent frame, and mel bins of a latent bin: the autoencoder's.
        hop_length: Samples of a mel frame.
        multiple: Latent frames that the UNet takes are multiples of it: it halves time once per level but the last.
        window_frames: Latent frames of the longest window.
    """

    scale: int
    hop_length: int
    multiple: int
    window_frames: int

    @classmethod
    def of_networks(cls, vae: Any, unet: Any, feature_extractor: Any, window_s: float) -> "LatentGrid":
        """The grid of these networks in whose window a clip of `window_s` seconds fits, with its margins.

        A network may be None, in a pipeline that is put together piece by piece: then it is taken to be as usual.
        """
        scale = 2 ** (len(vae.encoder.down_blocks) - 1) if vae is not None else 8
        multiple = 2 ** (len(unet.config.block_out_channels) - 1) if unet is not None else 8
        sampling_rate, hop_length = 48_000, 480
        if feature_extractor is not None:
            sampling_rate, hop_length = feature_extractor.sampling_rate, feature_extractor.hop_length
        num_multiples = round(window_s * sampling_rate / (scale * hop_length) / multiple)
        num_margins = math.ceil(2 * MARGIN_FRAMES / multiple)
        return cls(scale, hop_length, multiple, (max(1, num_multiples) + num_margins) * multiple)

    @property
    def frame_samples(self) -> int:
        """Samples of a latent frame."""
        return self.scale * self.hop_length

    @property
    def margin_samples(self) -> int:
        """Samples before a clip, and at least as many after it."""
        return MARGIN_FRAMES * self.frame_samples

    def padded_length(self, num_samples: int) -> int:
        """Samples of a clip with its margins, filled up to what the UNet takes."""
        multiple = self.multiple * self.frame_samples
        return -(-(num_samples + 2 * self.margin_samples) // multiple) * multiple

    def windows(self, num_frames: int, longest: int | None = None) -> list[Window]:
        """The windows of a clip of `num_frames` latent frames, none longer than `longest`."""
        length = self.window_frames if longest is None else min(self.window_frames, longest)
        return split_windows(num_frames, length, min(OVERLAP_FRAMES, length // 2))

    def in_windows(
        self, compute: Callable[[Window], Tensor], num_frames: int, resolution: int = 1, longest: int | None = None
    ) -> Tensor:
        """Computes something of a clip window by window, and merges it.

        Args:
            compute: Gives a window's `(rows, channels, positions, bins)`, or `(rows, positions)`.
            num_frames: Latent frames of the clip.
            resolution: Positions per latent frame.
            longest: See `windows`.
        """
        windows = self.windows(num_frames, longest)
        outputs = map(compute, windows)
        return merge_windows(outputs, windows, FADE_FRAMES, resolution, -1 if resolution == self.frame_samples else -2)
