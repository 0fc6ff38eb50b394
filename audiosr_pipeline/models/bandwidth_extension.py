"""A vocoder that hears the input too: what it makes above the cutoff follows the waveform below it."""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from audiosr_pipeline.models.stft import inverse_stft, noise_spectrum, stft, white_noise
from audiosr_pipeline.models.vocoder import ConvNeXtBlock, mel_to_linear

# Near 16 bit's rounding noise.
FLOOR = 1e-5
# Below the cutoff, what the low-pass has already weakened: made anew, so that there is no gap at the splice.
OVERLAP_HZ = 300.0
# The input's highest band, whose level is the first guess of the new band's: shares of the cutoff.
TOP_OF_KNOWN = (0.7, 0.95)
# 6 dB per octave, the fall of that guess, in nepers.
FALL_PER_OCTAVE = 0.69


class BandwidthExtensionVocoder(ModelMixin, ConfigMixin):
    """Vocoder that predicts the STFT above a cutoff from the waveform below it, and from a mel spectrogram if there is.

    A stack of ConvNeXt blocks sees the input's STFT (levels, and where in its frame each bin's energy lies) and the mel
    spectrogram above the cutoff. It predicts a magnitude, as a correction of a first guess, and how much of each bin is
    noise. The rest has the phases, and the fine structure, of an excitation: the input's spectrum flattened, its
    waveform rectified, and that flattened too. Rectified strokes are strokes and rectified harmonics are harmonics, up
    to 24 kHz.

    The first guess is the mel spectrogram interpolated to linear frequency, or without one the level of the input's
    highest band in each frame, falling by 6 dB per octave. All levels are relative to the input's, averaged over a
    third of a second: without a mel, a louder input gives a louder band and nothing else.

    Args:
        sampling_rate: Rate of the waveforms in Hz.
        n_fft: FFT size and Hann window length in samples.
        hop_length: Samples between the STFT's frames; a divisor of `mel_hop_length`.
        mel_n_fft: FFT size of the mel front end.
        mel_hop_length: Samples per mel frame.
        n_mels: Mel bins.
        f_min: Lowest frequency of the mel bank in Hz.
        f_max: Highest frequency of the mel bank in Hz.
        hidden_size: Channels of the blocks.
        intermediate_size: Channels inside a block.
        num_layers: Blocks.
        level_frames: STFT frames that the input's level is averaged over.
        flatten_bins: STFT bins that the excitation is flattened over.
    """

    @register_to_config
    def __init__(
        self,
        sampling_rate: int = 48_000,
        n_fft: int = 1_024,
        hop_length: int = 240,
        mel_n_fft: int = 2_048,
        mel_hop_length: int = 480,
        n_mels: int = 256,
        f_min: float = 20.0,
        f_max: float = 24_000.0,
        hidden_size: int = 192,
        intermediate_size: int = 576,
        num_layers: int = 6,
        level_frames: int = 65,
        flatten_bins: int = 25,
    ):
        super().__init__()
        num_bins = n_fft // 2 + 1
        if mel_hop_length % hop_length or mel_n_fft % n_fft:
            raise ValueError(
                f"hop_length={hop_length} has to divide mel_hop_length={mel_hop_length}, and n_fft={n_fft} "
                f"mel_n_fft={mel_n_fft}."
            )
        # Level, group delay (2), which bins are known; the mel, and whether there is one.
        self.project_in = nn.Linear(4 * num_bins + n_mels + 1, hidden_size)
        self.norm_in = nn.LayerNorm(hidden_size)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(hidden_size, intermediate_size, num_layers) for _ in range(num_layers)
        )
        self.norm_out = nn.LayerNorm(hidden_size)
        self.head = nn.Linear(hidden_size, 2 * num_bins)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        interpolation, offset = mel_to_linear(sampling_rate, mel_n_fft, n_mels, f_min, f_max)
        # A magnitude of the mel's STFT is that of white noise times the root of its window's energy.
        offset = offset - torch.hann_window(mel_n_fft, dtype=torch.float32).square().sum().log() / 2
        # Plain attributes: as buffers they would be rounded when the model is cast to half precision. The types are
        # named, because torch's default is half precision while such a model is loaded.
        self.interpolation, self.offset = interpolation[:, :: mel_n_fft // n_fft], offset
        self.window, self.noise = torch.hann_window(n_fft, dtype=torch.float32), white_noise()
        self.frequencies = torch.linspace(0, sampling_rate / 2, num_bins, dtype=torch.float32)
        self.mel_centres = (self.frequencies[:, None] * self.interpolation.T).sum(0) / self.interpolation.sum(1).clamp(
            min=1e-6
        )

    def forward(self, mel: Tensor | None, audio: Tensor, cutoff_freq: float | Tensor, first_frame: int = 0) -> Tensor:
        """Synthesises a waveform: the input up to 300 Hz below the cutoff, the new band above.

        Args:
            mel: Generated log-mel spectrogram `(batch, num_frames, n_mels)`, natural log, of which only what is above
                the cutoff is looked at; None: the input's waveform says all.
            audio: The low-passed input `(batch, num_frames * mel_hop_length)`, at the level of the mel.
            cutoff_freq: Where it ends in Hz, one for all or `(batch,)`.
            first_frame: Where `audio` begins in a longer one, in mel frames, so that overlapping parts get the same
                noise.

        Returns:
            Waveform `(batch, num_frames * mel_hop_length)`, float32, not bounded.
        """
        spectrum = self.stft(audio)
        cutoff_freq = torch.as_tensor(cutoff_freq, device=audio.device).expand(len(audio))
        is_given = torch.full((len(audio),), mel is not None, device=audio.device)
        if mel is None:
            num_frames = audio.shape[-1] // self.config.mel_hop_length
            mel = audio.new_zeros(len(audio), num_frames, self.config.n_mels)
        new = self.predict_spectrum(mel, is_given, spectrum, cutoff_freq, first_frame)
        return self.inverse_stft(torch.where(self.is_new(cutoff_freq), new, spectrum))

    def stft(self, audio: Tensor) -> Tensor:
        """Spectrum `(batch, num_stft_frames, num_bins)`; noise of unit power has unit mean power in each bin."""
        return stft(audio.float(), self.window, self.config.hop_length)

    def inverse_stft(self, spectrum: Tensor) -> Tensor:
        """Waveforms of what `stft` gives."""
        scale = self.window.to(spectrum.device).square().sum().sqrt()
        return scale * inverse_stft(spectrum, self.window, self.config.hop_length)

    def is_new(self, cutoff_freq: Tensor) -> Tensor:
        """Which bins are made, `(batch, 1, num_bins)`, for cutoffs `(batch,)`."""
        return self.frequencies.to(cutoff_freq.device) >= cutoff_freq[:, None, None] - OVERLAP_HZ

    def predict_spectrum(
        self, mel: Tensor, is_given: Tensor, spectrum: Tensor, cutoff_freq: Tensor, first_frame: int = 0
    ) -> Tensor:
        """The new band's spectrum.

        Args:
            mel: Log-mel `(batch, num_frames, n_mels)`.
            is_given: Whose mel is looked at, `(batch,)`, bool.
            spectrum: Of the low-passed input, `(batch, num_stft_frames, num_bins)`.
            cutoff_freq: `(batch,)` in Hz.
            first_frame: See `forward`.

        Returns:
            `(batch, num_stft_frames, num_bins)`, complex; what it has below the cutoff means nothing.
        """
        frequencies = self.frequencies.to(spectrum.device)
        cutoff = cutoff_freq[:, None, None]
        known = (frequencies < cutoff).float()
        given = is_given.float()[:, None, None]
        low = spectrum * known
        power = low.real.square() + low.imag.square()
        level = self._level(power)
        log_power = (power + FLOOR**2).log()
        # In half nepers it has about unit range.
        relative = (log_power / 2 - level) / 2 * known
        repeats = self.config.mel_hop_length // self.config.hop_length
        mel = mel.float().repeat_interleave(repeats, dim=1) + self.offset.to(mel.device)
        above = (self.mel_centres.to(mel.device) >= cutoff).float() * given
        features = [relative, *_group_delay(low), known.expand_as(relative)]
        features += [(mel - level) / 2 * above, given.expand(-1, mel.shape[1], 1)]
        hidden = self.network(torch.cat(features, dim=-1).to(self.dtype))
        correction, noisiness = hidden.float().chunk(2, dim=-1)
        guess = torch.where(
            is_given[:, None, None], mel @ self.interpolation.to(mel.device), self._held(power, cutoff, frequencies)
        )
        # A magnitude beyond e^6 is no audio; the clamp keeps a bad prediction finite.
        magnitude = (guess + correction).clamp(max=6.0).exp()
        # The two are independent: their powers add up to one.
        angle = noisiness.sigmoid() * (torch.pi / 2)
        first = first_frame * repeats
        noise = noise_spectrum(self.noise, first, mel.shape[1], self.window, self.config.hop_length).to(mel.device)
        return magnitude * (angle.cos() * self.excitation(low) + angle.sin() * noise)

    def network(self, features: Tensor) -> Tensor:
        """Correction of the magnitude, in nepers, and noisiness before its sigmoid, side by side."""
        hidden = self.norm_in(self.project_in(features))
        for block in self.blocks:
            hidden = block(hidden)
        return self.head(self.norm_out(hidden))

    @torch.no_grad()
    def excitation(self, low: Tensor) -> Tensor:
        """A spectrum of about unit power from 0 to 24 kHz that moves with the input's, shaped as `low`."""
        flat = self.inverse_stft(self._flatten(low))
        return self._flatten(self.stft(flat.abs()))

    def _flatten(self, spectrum: Tensor) -> Tensor:
        """Divides each bin by its neighbourhood's level."""
        width = self.config.flatten_bins
        power = spectrum.real.square() + spectrum.imag.square()
        mean = nn.functional.avg_pool1d(power, width, stride=1, padding=width // 2, count_include_pad=False)
        return spectrum * (mean + FLOOR**2).rsqrt()

    def _level(self, power: Tensor) -> Tensor:
        """Root mean square in nepers, averaged over time, `(batch, num_stft_frames, 1)`."""
        width = min(self.config.level_frames, 2 * (power.shape[1] // 2) + 1)
        mean = nn.functional.avg_pool1d(
            power.mean(-1)[:, None], width, stride=1, padding=width // 2, count_include_pad=False
        )
        return (mean.mT + FLOOR**2).log() / 2

    def _held(self, power: Tensor, cutoff: Tensor, frequencies: Tensor) -> Tensor:
        """The level of the input's highest band in each frame, falling above the cutoff."""
        low, high = TOP_OF_KNOWN
        is_top = ((frequencies >= low * cutoff) & (frequencies <= high * cutoff)).float()
        top = (power * is_top).sum(-1, keepdim=True) / is_top.sum(-1, keepdim=True).clamp(min=1)
        octaves = (frequencies.clamp(min=1.0) / cutoff).log2().clamp(min=0)
        return (top + FLOOR**2).log() / 2 - FALL_PER_OCTAVE * octaves


def _group_delay(spectrum: Tensor) -> tuple[Tensor, Tensor]:
    """Where in its frame each bin's energy lies, as the cosine and sine of an angle that is 0 in the middle."""
    product = -nn.functional.pad(spectrum[..., 1:] * spectrum[..., :-1].conj(), (1, 0))
    # Bins at the floor have no place: they get a short arrow.
    unit = product / (product.abs() + FLOOR**2)
    return unit.real, unit.imag
