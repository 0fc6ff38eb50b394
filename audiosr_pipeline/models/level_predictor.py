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
# Of the kernel, in standard deviations; and what is added to these, in nepers, so that inputs that hardly vary don't
# count for much.
KERNEL_WIDTH = 2.0
LEAST_DEVIATION = 0.3
# Of the way from the present level to the expected one: with recordings of sources that it wasn't fitted to, what lies
# between the two is closer than either.
SHARE = 0.6
# 16 dB: what is further off isn't believed.
MAX_CHANGE = 1.8


class LevelPredictor(ModelMixin, ConfigMixin):
    """Predicts the mean log level of each band above the cutoff, over a clip of some seconds.

    A small UNet is less sure of a clip's level than of its course. This is a kernel ridge regression on statistics of
    the bands below the cutoff: mean, standard deviation and quantiles over the frames that aren't pauses. Its centres
    are recordings (Nyström's approximation); what is like none of them gets the mean of all. For each number of bands
    below the cutoff it has weights of its own. `audiosr_pipeline.training.level` fits it.

    Args:
        n_mels: Mel bins.
        band_mels: Mel bins of a band, a divisor of `n_mels`.
        num_centres: Recordings that what comes is compared with.
        log_floor: The value of an empty mel bin.
    """

    @register_to_config
    def __init__(self, n_mels: int = 256, band_mels: int = 8, num_centres: int = 1_000, log_floor: float = -11.512925):
        super().__init__()
        num_bands = n_mels // band_mels
        self.centres = nn.Parameter(torch.zeros(num_centres, NUM_STATISTICS, num_bands), requires_grad=False)
        # By the number of known bands; the last row is the mean.
        self.weight = nn.Parameter(torch.zeros(num_bands, num_centres + 1, num_bands), requires_grad=False)

    def forward(self, mel: Tensor, num_low: int) -> Tensor:
        """What to add to each mel bin so that the bands above the cutoff come near to the expected level.

        Args:
            mel: Log-mel `(batch, 1, num_frames, n_mels)`: the input's up to the cutoff, generated above it.
            num_low: Mel bins of it that are the input's.

        Returns:
            `(batch, 1, 1, n_mels)` in nepers, float32, at most 16 dB; of the input's bins it has no meaning.
        """
        num_known = max(1, num_low // self.config.band_mels)
        # Whatever precision the networks have: half of it has no quantiles.
        statistics = self.statistics(mel.float())
        similarities, reference = self.similarities(statistics, num_known)
        weight = self.weight[num_known].to(similarities.dtype)
        expected = (similarities @ weight[:-1] + weight[-1] + reference).clamp(min=self.config.log_floor)
        change = (SHARE * (expected.float() - statistics[:, 0])).clamp(-MAX_CHANGE, MAX_CHANGE)
        return self.to_bins(change, num_known)

    def to_bins(self, change: Tensor, num_known: int) -> Tensor:
        """A change for each band above `num_known`, `(batch, band)`, as one for each mel bin: `(batch, 1, 1, n_mels)`.

        Between the centres of two bands it goes from the one's to the other's; below the first it is the first's.
        """
        change = torch.cat([change[:, num_known, None].expand(-1, num_known), change[:, num_known:]], dim=1)
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

    def similarities(self, statistics: Tensor, num_known: int) -> tuple[Tensor, Tensor]:
        """How alike clips and centres are below the cutoff, 0 to 1, and the clips' level there.

        Nothing of the bands above `num_known` goes into it, nor does a clip's gain, but for how far its floor is.

        Returns:
            `(batch, num_centres)` and `(batch, 1)`, in double precision, where there is such.
        """
        inputs, reference = self._inputs(statistics, num_known)
        centres, _ = self._inputs(self.centres, num_known)
        deviation = centres.std(0, correction=0) + LEAST_DEVIATION
        distance = torch.cdist(inputs / deviation, centres / deviation) / inputs.shape[1] ** 0.5
        return (-distance / KERNEL_WIDTH).exp(), reference

    def _inputs(self, statistics: Tensor, num_known: int) -> tuple[Tensor, Tensor]:
        """Known levels relative to the reference, spreads, quantiles relative to the mean, and the floor."""
        # Apple's GPUs have no double precision.
        dtype = torch.float32 if statistics.device.type == "mps" else torch.float64
        known = statistics[..., :num_known].to(dtype)
        means, spread, quantiles = known.split([1, 1, len(QUANTILES)], dim=1)
        reference = means[:, 0, -NUM_REFERENCE:].mean(-1, keepdim=True)
        parts = torch.cat([means - reference[:, None], 2 * spread, quantiles - means], dim=1)
        return torch.cat([parts.flatten(1), self.config.log_floor - reference], dim=1), reference
