"""The small vocoder of audiosr-mini: mel in, inverse STFT out."""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from audiosr_pipeline.models.feature_extractor import mel_filter_bank
from audiosr_pipeline.models.stft import inverse_stft, noise_spectrum, stft, white_noise


class ISTFTVocoder(ModelMixin, ConfigMixin):
    """Vocoder that predicts an STFT and inverts it, after Vocos (arXiv:2306.00814).

    A stack of ConvNeXt blocks at the frame rate predicts phase, a correction to the magnitude, and how much of each bin
    is noise. The magnitude it corrects is the mel spectrogram interpolated to linear frequency, so the untrained
    network already has the right spectral envelope. Without noise, a mel spectrogram that hardly changes would give
    frames that hardly differ, a buzz at the frame rate. It is always the same noise: the same mel gives the same audio.

    What the network makes is then brought to the level of the mel spectrogram, by the waveform's own: frames whose
    phases don't fit together cancel, and recordings that ended at a coder's edge teach to make too little above it.

    Args:
        sampling_rate: Rate of the waveform in Hz.
        n_fft: FFT size and Hann window length in samples.
        hop_length: Samples per mel frame.
        n_mels: Mel bins.
        f_min: Lowest frequency of the mel bank in Hz.
        f_max: Highest frequency of the mel bank in Hz.
        hidden_size: Channels of the blocks.
        intermediate_size: Channels inside a block.
        num_layers: Blocks.
        mel_mean: Mean of the training set's log-mel, for input scaling.
        mel_std: Its standard deviation.
        level_frames: Frames over which the waveform keeps each mel bin's level: odd.
        max_change: By how much a bin's level is changed for that at most, in nepers, as mel spectrograms are.
        faintest: Level near the mel spectrogram's floor up to which a bin isn't raised, in nepers.
    """

    @register_to_config
    def __init__(
        self,
        sampling_rate: int = 48_000,
        n_fft: int = 2_048,
        hop_length: int = 480,
        n_mels: int = 256,
        f_min: float = 20.0,
        f_max: float = 24_000.0,
        hidden_size: int = 256,
        intermediate_size: int = 768,
        num_layers: int = 6,
        mel_mean: float = -7.0,
        mel_std: float = 3.0,
        level_frames: int = 5,
        max_change: float = 3.0,
        faintest: float = -11.0,
    ):
        super().__init__()
        num_bins = n_fft // 2 + 1
        self.conv_in = nn.Conv1d(n_mels, hidden_size, kernel_size=7, padding=3)
        self.norm_in = nn.LayerNorm(hidden_size)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(hidden_size, intermediate_size, num_layers) for _ in range(num_layers)
        )
        self.norm_out = nn.LayerNorm(hidden_size)
        self.head = nn.Linear(hidden_size, 4 * num_bins)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        interpolation, offset = mel_to_linear(sampling_rate, n_fft, n_mels, f_min, f_max)
        # Plain attributes: as buffers they would be rounded when the model is cast to half precision. The window's type
        # is named, because torch's default is half precision while such a model is loaded.
        window = torch.hann_window(n_fft, dtype=torch.float32)
        self.interpolation, self.offset, self.window, self.noise = interpolation, offset, window, white_noise()
        self.mel_filters = mel_filter_bank(sampling_rate, n_fft, n_mels, f_min, f_max)

    def forward(self, mel: Tensor, first_frame: int = 0) -> Tensor:
        """Synthesises a waveform.

        Args:
            mel: Log-mel spectrogram `(batch, num_frames, n_mels)`, natural log.
            first_frame: Where `mel` begins in a longer one, so that overlapping parts get the same noise.

        Returns:
            Waveform `(batch, num_frames * hop_length)`, not bounded.
        """
        hidden = (mel - self.config.mel_mean) / self.config.mel_std
        hidden = self.norm_in(self.conv_in(hidden.mT).mT)
        for block in self.blocks:
            hidden = block(hidden)
        correction, real, imaginary, noisiness = self.head(self.norm_out(hidden)).float().chunk(4, dim=-1)
        log_magnitude = (mel.float() + self.offset.to(mel.device)) @ self.interpolation.to(mel.device) + correction
        # A magnitude beyond e^6 is no audio; the clamp keeps a bad prediction finite.
        magnitude = log_magnitude.clamp(max=6.0).exp()
        phase = torch.complex(real, imaginary)
        share = noisiness.sigmoid()
        noise = noise_spectrum(self.noise, first_frame, mel.shape[1], self.window, self.config.hop_length).to(
            mel.device
        )
        spectrum = magnitude * ((1 - share) * phase / phase.abs().clamp(min=1e-6) + share * noise)
        audio = inverse_stft(spectrum, self.window, self.config.hop_length)
        return self._at_level_of(mel.float(), audio)

    def _at_level_of(self, mel: Tensor, audio: Tensor) -> Tensor:
        """Waveforms whose own mel spectrograms have the level of `mel`, bin by bin, over some frames.

        What is asked for near the mel spectrogram's floor may be nothing at all: there the level is lowered, not
        raised.
        """
        # Of the scale that `inverse_stft` inverts.
        scale = self.window.to(audio.device).square().sum().sqrt()
        spectrum = scale * stft(audio, self.window, self.config.hop_length)
        num_frames, max_change = self.config.level_frames, self.config.max_change
        wanted = _mean_power(mel.exp(), num_frames).log() / 2
        made = _mean_power(spectrum.abs() @ self.mel_filters.to(mel.device), num_frames).log() / 2
        highest = max_change * (wanted > self.config.faintest).to(wanted.dtype)
        change = (wanted - made).clamp(min=-max_change).minimum(highest)
        gain = (change @ self.interpolation.to(mel.device)).exp()
        return inverse_stft(spectrum * gain, self.window, self.config.hop_length)


class ConvNeXtBlock(nn.Module):
    """One-dimensional ConvNeXt block (arXiv:2201.03545) on `(batch, num_frames, hidden_size)`."""

    def __init__(self, hidden_size: int, intermediate_size: int, num_layers: int, dilation: int = 1):
        super().__init__()
        self.depthwise = nn.Conv1d(
            hidden_size, hidden_size, kernel_size=7, padding=3 * dilation, dilation=dilation, groups=hidden_size
        )
        self.norm = nn.LayerNorm(hidden_size)
        self.expand = nn.Linear(hidden_size, intermediate_size)
        self.project = nn.Linear(intermediate_size, hidden_size)
        self.scale = nn.Parameter(torch.full((hidden_size,), 1 / num_layers))

    def forward(self, hidden: Tensor) -> Tensor:
        """The block's output, shaped as its input."""
        update = self.norm(self.depthwise(hidden.mT).mT)
        update = self.project(nn.functional.gelu(self.expand(update)))
        return hidden + self.scale * update


def _mean_power(mel: Tensor, num_frames: int) -> Tensor:
    """Power over frames about each of a mel spectrogram that isn't logarithmic, shaped as it is."""
    # Within what float32 can square.
    power = mel.clamp(1e-8, 1e8).square().mT
    return nn.functional.avg_pool1d(power, num_frames, stride=1, padding=num_frames // 2, count_include_pad=False).mT


def mel_to_linear(sampling_rate: int, n_fft: int, n_mels: int, f_min: float, f_max: float) -> tuple[Tensor, Tensor]:
    """Linear interpolation of log-mel to STFT bins: a matrix `(n_mels, num_bins)`, the offset `(n_mels,)` before it.

    A flat magnitude `m` has mel `m * sum(filter)`, so the offset is `-log(sum(filter))`.
    """
    filters = mel_filter_bank(sampling_rate, n_fft, n_mels, f_min, f_max).double()
    frequencies = torch.linspace(0, sampling_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    weight = filters.sum(0)
    # A filter narrower than an STFT bin can miss every bin: it carries nothing and is left out.
    (used,) = torch.nonzero(weight > 0, as_tuple=True)
    centres = (filters * frequencies[:, None]).sum(0)[used] / weight[used]
    upper = torch.searchsorted(centres, frequencies).clamp(1, len(centres) - 1)
    lower = upper - 1
    fraction = ((frequencies - centres[lower]) / (centres[upper] - centres[lower])).clamp(0, 1)
    matrix = torch.zeros(n_mels, len(frequencies), dtype=torch.float64)
    bins = torch.arange(len(frequencies))
    matrix[used[lower], bins] = 1 - fraction
    matrix[used[upper], bins] += fraction
    offset = torch.zeros(n_mels, dtype=torch.float64)
    offset[used] = -weight[used].log()
    return matrix.float(), offset.float()
