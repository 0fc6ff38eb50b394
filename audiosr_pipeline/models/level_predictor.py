"""How loud the bands above the cutoff are to be expected, from those below it."""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn.functional import interpolate

# Of a band's course through the frames, beside its mean and its standard deviation.
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
NUM_STATISTICS = 2 + len(QUANTILES)
# Levels are predicted relative to the mean of so many bands below the cutoff.
NUM_REFERENCE = 4
# 60 dB in nepers: frames that are fainter than the loudest by more are pauses.
DEPTH = 6.9
# 15 dB: what is further off isn't believed.
MAX_CHANGE = 1.73


class LevelPredictor(ModelMixin, ConfigMixin):
    """Predicts the mean log level of each band above the cutoff, over a clip of some seconds.

    A ridge regression on statistics of the bands below: mean, standard deviation and quantiles over the frames that
    aren't pauses. For each number of bands below the cutoff it has weights of its own. A small UNet hears some seconds,
    too, but is less sure of their level than of their course. `audiosr_pipeline.training.level` fits it.

    Args:
        n_mels: Mel bins.
        band_mels: Mel bins of a band, a divisor of `n_mels`.
        log_floor: The value of an empty mel bin.
    """

    @register_to_config
    def __init__(self, n_mels: int = 256, band_mels: int = 8, log_floor: float = -11.512925):
        super().__init__()
        num_bands = n_mels // band_mels
        # By the number of known bands; rows of statistics that aren't known stay 0.
        weight = torch.zeros(num_bands, NUM_STATISTICS * num_bands + 2, num_bands)
        self.weight = nn.Parameter(weight, requires_grad=False)

    def forward(self, mel: Tensor, num_low: int) -> Tensor:
        """What to add to each mel bin so that the bands above the cutoff get the expected level.

        Args:
            mel: Log-mel `(batch, 1, num_frames, n_mels)`: the input's up to the cutoff, generated above it.
            num_low: Mel bins of it that are the input's.

        Returns:
            `(batch, 1, 1, n_mels)` in nepers, float32, at most 15 dB; of the input's bins it has no meaning.
        """
        num_known = max(1, num_low // self.config.band_mels)
        # Whatever precision the networks have: half of it has no quantiles.
        statistics = self.statistics(mel.float())
        inputs, reference = self.inputs(statistics, num_known)
        expected = (inputs @ self.weight[num_known].float() + reference).clamp(min=self.config.log_floor)
        change = (expected - statistics[:, 0]).clamp(-MAX_CHANGE, MAX_CHANGE)
        change[:, :num_known] = change[:, num_known, None]
        return interpolate(change[:, None], self.config.n_mels, mode="linear")[:, None]

    def statistics(self, mel: Tensor) -> Tensor:
        """Mean, standard deviation and quantiles of each band's level: `(batch, statistic, band)`.

        Over the frames whose level in the lowest quarter of the bins is within 60 dB of the loudest, and not the
        floor; of silence, over all.
        """
        quantiles = torch.tensor(QUANTILES, dtype=mel.dtype, device=mel.device)
        found = []
        for clip in mel[:, 0]:
            level = (2 * clip[:, : clip.shape[1] // 4]).exp().mean(-1).log() / 2
            sounding = (level > level.max() - DEPTH) & (level > self.config.log_floor + 1e-3)
            bands = clip[sounding | ~sounding.any()].unflatten(-1, (-1, self.config.band_mels)).mean(-1)
            spread = bands.std(0, correction=0)
            found.append(torch.cat([bands.mean(0)[None], spread[None], torch.quantile(bands, quantiles, dim=0)]))
        return torch.stack(found)

    def inputs(self, statistics: Tensor, num_known: int) -> tuple[Tensor, Tensor]:
        """What the regression takes of statistics, `(batch, num_inputs)`, and the level that it is relative to.

        Nothing of the bands above `num_known` goes into them, nor does the clip's gain, but for its floor.
        """
        reference = statistics[:, 0, max(0, num_known - NUM_REFERENCE) : num_known].mean(-1)[:, None]
        relative = statistics - reference[:, None]
        relative[:, 1] = statistics[:, 1]
        relative[..., num_known:] = 0
        floor = self.config.log_floor - reference
        return torch.cat([relative.flatten(1), floor, torch.ones_like(floor)], dim=1), reference
