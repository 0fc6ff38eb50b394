"""A causal network that predicts the band above a cutoff from the waveform below it, a few milliseconds at a time."""

from dataclasses import dataclass, fields

import librosa
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

# Near 16 bit's rounding noise, as the magnitude of a bin in which white noise of power one has power one.
FLOOR = 1e-5
KERNEL_SIZE = 7
# A magnitude beyond e^6 is no audio; the clamp keeps a bad prediction finite.
LARGEST_LOG_MAGNITUDE = 6.0


@dataclass
class ExtensionState:
    """What a stream's next frames need of those before.

    Attributes:
        powers: Mean power of the input's last `level_frames - 1` frames, `(batch, level_frames - 1)`.
        num_frames: How many of them were heard, `(batch, 1)`, float.
        spectra: Spectra of the last `look_ahead` frames of the input, `(batch, look_ahead, num_bins)`, complex.
        hidden: Input of each block in the last frames, `(batch, num_layers, KERNEL_SIZE - 1, hidden_size)`.
    """

    powers: Tensor
    num_frames: Tensor
    spectra: Tensor
    hidden: Tensor

    def tensors(self) -> tuple[Tensor, ...]:
        """All of them, in the order above."""
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True)
class CutoffBands:
    """Which bins and bands lie below a cutoff, and which above.

    Attributes:
        known: Whether the input has a bin, as 0 and 1, `(batch, 1, num_bins)`.
        known_bands: The same of the prediction's bands, `(batch, 1, num_bands)`.
        top: Weights of the bins of the input's highest band, whose sum is 1, `(batch, 1, num_bins)`.
        fall: How far the first guess lies below that band's level, in nepers, `(batch, 1, num_bins)`.
        is_new: Whether a bin is made, `(batch, 1, num_bins)`, bool.
    """

    known: Tensor
    known_bands: Tensor
    top: Tensor
    fall: Tensor
    is_new: Tensor


class StreamingExtension(ModelMixin, ConfigMixin):
    """Predicts the STFT above a cutoff from that below it, frame by frame, each from those before and few after it.

    The analysis window is long and rises slowly, the synthesis window covers its last two hops (Mauler and Martin,
    EUSIPCO 2007), so a frame's audio is there one hop after its last sample. A stack of causal
    ConvNeXt blocks sees the levels of the input's bins. It predicts the magnitudes of mel bands, as a correction of a
    first guess, and how much of each is noise. The rest has the phases of an excitation: the input's spectrum
    flattened, its waveform rectified, and that flattened too. Rectified strokes are strokes and rectified harmonics are
    harmonics, up to 24 kHz.

    All levels are relative to the input's, averaged over the last third of a second: a louder input gives a louder band
    and nothing else, and digital silence gives digital silence.

    Args:
        sampling_rate: Rate of the waveforms in Hz.
        n_fft: FFT size, and length of the analysis window in samples.
        hop_length: Samples between frames.
        look_ahead: Frames of the input after its own that a frame's prediction hears.
        num_bands: Mel bands of the prediction, from `f_min` to half the rate.
        f_min: Centre of the lowest band in Hz.
        hidden_size: Channels of the blocks.
        intermediate_size: Channels inside a block.
        num_layers: Blocks.
        level_frames: Frames that the input's level is averaged over.
        flatten_bins: STFT bins that the excitation is flattened over; odd.
        top_of_known: The input's highest band, whose level is the first guess of the new band's: shares of the cutoff.
        fall_per_octave: How that guess falls above the cutoff, in nepers; 0.69 is 6 dB.
        splice_bins: The first STFT bins above the cutoff, which stay empty: the short synthesis window would spread
            them over the input's own band.
    """

    @register_to_config
    def __init__(
        self,
        sampling_rate: int = 48_000,
        n_fft: int = 1_024,
        hop_length: int = 240,
        look_ahead: int = 2,
        num_bands: int = 64,
        f_min: float = 1_000.0,
        hidden_size: int = 128,
        intermediate_size: int = 256,
        num_layers: int = 5,
        level_frames: int = 65,
        flatten_bins: int = 25,
        top_of_known: tuple[float, float] = (0.7, 0.95),
        fall_per_octave: float = 0.69,
        splice_bins: int = 3,
    ):
        super().__init__()
        if not 4 * hop_length <= n_fft:
            raise ValueError(f"hop_length={hop_length} is more than a quarter of n_fft={n_fft}: take a shorter hop.")
        num_bins = n_fft // 2 + 1
        # The levels of bins, and which bands are known.
        self.project_in = nn.Linear(num_bins + num_bands, hidden_size)
        self.norm_in = nn.LayerNorm(hidden_size)
        self.blocks = nn.ModuleList(
            CausalConvNeXtBlock(hidden_size, intermediate_size, num_layers) for _ in range(num_layers)
        )
        self.norm_out = nn.LayerNorm(hidden_size)
        self.head = nn.Linear(hidden_size, 2 * num_bands)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        # Plain attributes: as buffers they would be rounded when the model is cast to half precision.
        self.window, self.synthesis_window = low_delay_windows(n_fft, hop_length)
        self.frequencies = torch.linspace(0, sampling_rate / 2, num_bins, dtype=torch.float32)
        self.interpolation = _band_interpolation(self.frequencies, num_bands, f_min, sampling_rate / 2)
        self.octaves = self.frequencies.clamp(min=1.0).log2()
        self.bands = torch.from_numpy(librosa.mel_frequencies(num_bands, fmin=f_min, fmax=sampling_rate / 2)).float()

    def initial_state(self, batch_size: int) -> ExtensionState:
        """The state before the first sample."""
        config = self.config
        return ExtensionState(
            powers=torch.zeros(batch_size, config.level_frames - 1),
            num_frames=torch.zeros(batch_size, 1),
            spectra=torch.zeros(batch_size, config.look_ahead, len(self.frequencies), dtype=torch.complex64),
            hidden=torch.zeros(batch_size, config.num_layers, KERNEL_SIZE - 1, config.hidden_size, dtype=self.dtype),
        )

    def forward(
        self, spectrum: Tensor, bands: CutoffBands, noise: Tensor, state: ExtensionState
    ) -> tuple[Tensor, ExtensionState]:
        """The new band of the frames that lie `look_ahead` frames before those given.

        Args:
            spectrum: What `stft` gives of the input, `(batch, num_frames, num_bins)`, complex; what it has above the
                cutoff isn't looked at.
            bands: What `bands_of` says of where the input ends.
            noise: What `stft` gives of white noise of power one, shaped as `spectrum`, of the frames that are made.
            state: What the call before gave, or `initial_state`.

        Returns:
            The new band's spectrum, shaped as `spectrum`, complex, zero below the cutoff, and the state after.
        """
        num_frames = spectrum.shape[1]
        spectra = torch.cat([state.spectra, spectrum * bands.known], dim=1)
        powers = _power(spectra)
        power, made, made_power = powers[:, -num_frames:], spectra[:, :num_frames], powers[:, :num_frames]
        means = torch.cat([state.powers, power.mean(-1)], dim=1)
        level, num_heard = self._level(means, state.num_frames, num_frames)
        relative = ((power + FLOOR**2).log() - 2 * level) / 4 * bands.known
        features = torch.cat([relative, bands.known_bands.expand(-1, num_frames, -1)], dim=-1)
        prediction, hidden = self.network(features.to(state.hidden.dtype), state.hidden)

        correction, noisiness = (prediction.float() @ self.interpolation).unbind(2)
        # The level of the input's highest band in each frame, falling above the cutoff.
        guess = ((made_power @ bands.top.mT) + FLOOR**2).log() / 2 - bands.fall
        total = made_power.mean(-1, keepdim=True)
        magnitude = (guess + correction).clamp(max=LARGEST_LOG_MAGNITUDE).exp() * (total / (total + FLOOR**2))
        # The two are independent: their powers add up to one.
        angle = noisiness.sigmoid() * (torch.pi / 2)
        new = magnitude * bands.is_new * (angle.cos() * self.excitation(made) + angle.sin() * noise)
        after = ExtensionState(
            powers=means[:, num_frames:],
            num_frames=num_heard,
            spectra=spectra[:, num_frames:],
            hidden=hidden,
        )
        return new, after

    def bands_of(self, cutoff_freq: Tensor) -> CutoffBands:
        """What lies below cutoffs `(batch,)` in Hz, and what above; the same for all frames."""
        config = self.config
        cutoff = cutoff_freq[:, None, None]
        low, high = config.top_of_known
        is_top = ((self.frequencies >= low * cutoff) & (self.frequencies <= high * cutoff)).float()
        first_new = cutoff + config.splice_bins * config.sampling_rate / config.n_fft
        return CutoffBands(
            known=(self.frequencies < cutoff).float(),
            known_bands=(self.bands < cutoff).float(),
            top=is_top / is_top.sum(-1, keepdim=True).clamp(min=1),
            fall=config.fall_per_octave * (self.octaves - cutoff.log2()).clamp(min=0),
            is_new=self.frequencies >= first_new,
        )

    def network(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The bands' corrections in nepers and noisiness before its sigmoid, `(batch, num_frames, 2, num_bands)`."""
        hidden = self.norm_in(self.project_in(features))
        states = []
        for block, before in zip(self.blocks, state.unbind(1), strict=True):
            hidden, after = block(hidden, before)
            states.append(after)
        return self.head(self.norm_out(hidden)).unflatten(-1, (2, -1)), torch.stack(states, dim=1)

    def stft(self, audio: Tensor) -> Tensor:
        """Spectra `(batch, num_frames, num_bins)` of frames whose last samples are each a hop's last.

        Args:
            audio: `(batch, n_fft - hop_length + num_frames * hop_length)`: it begins with what lies before the first
                hop.
        """
        window = self.window / self.window.square().sum().sqrt()
        frames = audio.float().unfold(-1, self.config.n_fft, self.config.hop_length)
        return self.forward_transform(frames * window)

    def inverse_stft(self, spectrum: Tensor) -> Tensor:
        """Waveforms `(batch, (num_frames + 1) * hop_length)` of spectra `(batch, num_frames, num_bins)`.

        The first hop, which lies one before the first frame's last, wants what the frame before adds, the last hop what
        the next adds.
        """
        hop_length = self.config.hop_length
        scale = self.window.square().sum().sqrt()
        frames = self.inverse_transform(spectrum)[..., -2 * hop_length :]
        first, second = (frames * (self.synthesis_window * scale)).split(hop_length, dim=-1)
        padded = nn.functional.pad(first, (0, 0, 0, 1)) + nn.functional.pad(second, (0, 0, 1, 0))
        return padded.flatten(1)

    @torch.no_grad()
    def excitation(self, low: Tensor) -> Tensor:
        """A spectrum of about unit power from 0 to 24 kHz that moves with the input's, shaped as `low`."""
        flat = self.inverse_transform(self._flatten(low))
        return self._flatten(self.forward_transform(flat.abs()))

    def forward_transform(self, frames: Tensor) -> Tensor:
        """DFT `(..., num_bins)`, complex, of real frames `(..., n_fft)`."""
        return torch.fft.rfft(frames, dim=-1)

    def inverse_transform(self, spectrum: Tensor) -> Tensor:
        """Real frames `(..., n_fft)` of their DFT `(..., num_bins)`."""
        return torch.fft.irfft(spectrum, n=self.config.n_fft, dim=-1)

    def _flatten(self, spectrum: Tensor) -> Tensor:
        """Divides each bin by its neighbourhood's level."""
        width = self.config.flatten_bins
        mean = nn.functional.avg_pool1d(_power(spectrum), width, stride=1, padding=width // 2, count_include_pad=False)
        return spectrum * (mean + FLOOR**2).rsqrt()

    def _level(self, powers: Tensor, num_before: Tensor, num_frames: int) -> tuple[Tensor, Tensor]:
        """Root mean square in nepers over the last frames, `(batch, num_frames, 1)`, and how many were heard since."""
        width = self.config.level_frames
        total = powers.unfold(1, width, 1).sum(-1)
        heard = num_before + torch.arange(1, num_frames + 1)
        mean = total / heard.clamp(max=width)
        return (mean + FLOOR**2).log()[..., None] / 2, heard[:, -1:].clamp(max=width)


class CausalConvNeXtBlock(nn.Module):
    """One-dimensional ConvNeXt block (arXiv:2201.03545) that hears no frame after its own."""

    def __init__(self, hidden_size: int, intermediate_size: int, num_layers: int):
        super().__init__()
        # A depthwise convolution; for a few frames a product and a sum are several times as fast as PyTorch's.
        self.depthwise = nn.Parameter(torch.empty(hidden_size, KERNEL_SIZE))
        nn.init.trunc_normal_(self.depthwise, std=0.2)
        self.bias = nn.Parameter(torch.zeros(hidden_size))
        self.norm = nn.LayerNorm(hidden_size)
        self.expand = nn.Linear(hidden_size, intermediate_size)
        self.project = nn.Linear(intermediate_size, hidden_size)
        self.scale = nn.Parameter(torch.full((hidden_size,), 1 / num_layers))

    def forward(self, hidden: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The next frames `(batch, num_frames, hidden_size)`, after those of the state, and the state after them."""
        padded = torch.cat([state, hidden], dim=1)
        update = self.norm((padded.unfold(1, KERNEL_SIZE, 1) * self.depthwise).sum(-1) + self.bias)
        update = self.project(nn.functional.gelu(self.expand(update)))
        return hidden + self.scale * update, padded[:, hidden.shape[1] :]


def _power(spectrum: Tensor) -> Tensor:
    """Squared magnitudes."""
    return torch.view_as_real(spectrum).square().sum(-1)


def low_delay_windows(n_fft: int, hop_length: int) -> tuple[Tensor, Tensor]:
    """An analysis window `(n_fft,)` and a synthesis window `(2 * hop_length,)` for the last two hops.

    Their product is a Hann window over these hops, so overlap-add gives back what was analysed.
    """
    rise = torch.sin(torch.pi / 2 * (torch.arange(n_fft - hop_length) + 0.5) / (n_fft - hop_length))
    fall = torch.cos(torch.pi / 2 * (torch.arange(hop_length) + 0.5) / hop_length)
    window = torch.cat([rise, fall])
    wanted = torch.sin(torch.pi / 2 * (torch.arange(2 * hop_length) + 0.5) / hop_length).square()
    return window, wanted / window[-2 * hop_length :]


def _band_interpolation(frequencies: Tensor, num_bands: int, f_min: float, f_max: float) -> Tensor:
    """Linear interpolation in mel from bands to bins, `(num_bands, num_bins)`."""
    centres = torch.from_numpy(librosa.hz_to_mel([f_min, f_max])).float()
    position = torch.from_numpy(librosa.hz_to_mel(frequencies.numpy())).float()
    position = ((position - centres[0]) / (centres[1] - centres[0])).clamp(0, 1) * (num_bands - 1)
    lower = position.floor().clamp(max=num_bands - 2).long()
    fraction = position - lower
    matrix = torch.zeros(num_bands, len(frequencies))
    bins = torch.arange(len(frequencies))
    matrix[lower, bins] = 1 - fraction
    matrix[lower + 1, bins] = fraction
    return matrix
