"""What mel spectrogram is to be expected above the cutoff, from that below it."""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from audiosr_pipeline.dsp.envelope import EnvelopeAdjustment
from audiosr_pipeline.models.vocoder import ConvNeXtBlock


class EnvelopePredictor(ModelMixin, ConfigMixin):
    """Predicts the mean log-mel spectrogram above the cutoff, frame by frame, from the input's below it.

    A stack of ConvNeXt blocks over time, with growing dilation. It is a regression: what it predicts has the right
    level at the right time, but no detail, and of noise only the mean. All levels are relative to the input's,
    averaged over 1.3 s: a louder input gives a louder prediction and nothing else, but for the floor.

    Args:
        n_mels: Mel bins.
        log_floor: The value of an empty mel bin.
        hidden_size: Channels of the blocks.
        intermediate_size: Channels inside a block.
        dilations: Of the blocks, in frames; each convolution has seven taps.
        level_frames: Frames that the input's level is averaged over: odd.
        mean_below: How far the mean of what is predicted lies below the input's level, in nepers, as mel spectrograms
            are: what the network itself gives has about zero mean.
        scale: Its standard deviation in nepers, so that the network gives about unit variance.
        adjustment: Fields of `EnvelopeAdjustment` that differ from its defaults: how a generated envelope is to follow
            what the network predicts.

    Raises:
        TypeError: If `adjustment` has an unknown field.
    """

    @register_to_config
    def __init__(
        self,
        n_mels: int = 256,
        log_floor: float = -11.512925,
        hidden_size: int = 192,
        intermediate_size: int = 576,
        dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1),
        level_frames: int = 129,
        mean_below: float = 1.5,
        scale: float = 2.0,
        adjustment: dict[str, float] | None = None,
    ):
        super().__init__()
        self.adjustment = EnvelopeAdjustment(**(adjustment or {}))
        # Levels, which bins are known, and how far below the input's level the floor is.
        self.project_in = nn.Linear(2 * n_mels + 1, hidden_size)
        self.norm_in = nn.LayerNorm(hidden_size)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(hidden_size, intermediate_size, len(dilations), dilation) for dilation in dilations
        )
        self.norm_out = nn.LayerNorm(hidden_size)
        self.head = nn.Linear(hidden_size, n_mels)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    @property
    def context_frames(self) -> int:
        """Frames on each side that a prediction may depend on."""
        return 3 * sum(self.config.dilations) + self.config.level_frames // 2

    def forward(self, mel: Tensor, num_low: int | Tensor) -> Tensor:
        """The expected log-mel spectrogram.

        Args:
            mel: Log-mel of the input `(batch, 1, num_frames, n_mels)`, of which only the lowest `num_low` bins count.
            num_low: How many bins of it are known, at least one; one number for all, or `(batch,)`.

        Returns:
            Shaped as `mel`, float32, not below the floor; of the known bins it has no meaning.
        """
        log_floor, scale = self.config.log_floor, self.config.scale
        levels = mel[:, 0].float()
        num_known = torch.as_tensor(num_low, device=mel.device).expand(len(mel)).clamp(min=1)
        known = (torch.arange(levels.shape[-1], device=mel.device) < num_known[:, None, None]).float()
        power = ((2 * levels).exp() * known).sum(-1) / num_known[:, None]
        width = min(self.config.level_frames, 2 * ((levels.shape[1] - 1) // 2) + 1)
        mean = nn.functional.avg_pool1d(power[:, None], width, stride=1, padding=width // 2, count_include_pad=False)
        floor_power = torch.tensor(2 * log_floor).exp().to(mean)
        level = (mean.mT + floor_power).log() / 2
        features = [(levels - level) / scale * known, known.expand_as(levels), (log_floor - level) / (2 * scale)]
        hidden = self.norm_in(self.project_in(torch.cat(features, dim=-1).to(self.dtype)))
        for block in self.blocks:
            hidden = block(hidden)
        predicted = self.head(self.norm_out(hidden)).float()
        return (level - self.config.mean_below + scale * predicted).clamp(min=log_floor)[:, None]
