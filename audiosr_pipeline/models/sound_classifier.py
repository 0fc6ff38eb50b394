"""A small classifier of sounds: what a clip is, and a vector that says what it is like."""

from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor


class SoundClassifier(ModelMixin, ConfigMixin):
    """Convolutions over a log-mel spectrogram, pooled over the whole clip.

    Each block is a 3x3 convolution, batch normalisation, ReLU and a mean over 2x2 cells. What is left is averaged over
    frequency, and its mean and maximum over time are added. A linear layer makes a vector of that, and another one the
    logits.

    Args:
        labels: Names of the classes, in the order of the logits.
        sampling_rate: Rate of the waveforms in Hz.
        n_fft: FFT size and Hann window length in samples.
        hop_length: Samples between frames.
        n_mels: Mel bins, up to half the rate.
        widths: Channels of the blocks.
        embedding_size: Length of the vector.
        dropout: Share of the pooled channels that training leaves out.
    """

    @register_to_config
    def __init__(
        self,
        labels: tuple[str, ...] = (),
        sampling_rate: int = 48_000,
        n_fft: int = 2_048,
        hop_length: int = 1_920,
        n_mels: int = 64,
        widths: tuple[int, ...] = (16, 32, 64, 128),
        embedding_size: int = 32,
        dropout: float = 0.2,
    ):
        super().__init__()
        self.feature_extractor = MelFeatureExtractor(
            sampling_rate, n_fft, hop_length, n_mels, f_min=20.0, f_max=sampling_rate / 2
        )
        self.norm_in = nn.BatchNorm1d(n_mels)
        blocks: list[nn.Module] = []
        for channels_in, channels_out in zip((1, *widths), widths, strict=False):
            convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
            blocks += [convolution, nn.BatchNorm2d(channels_out), nn.ReLU(), nn.AvgPool2d(2)]
        self.blocks = nn.Sequential(*blocks)
        self.project = nn.Sequential(nn.Dropout(dropout), nn.Linear(widths[-1], embedding_size))
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(embedding_size, len(labels)))

    def forward(self, audio: Tensor) -> Tensor:
        """What clips are like.

        Args:
            audio: Waveforms `(batch, num_samples)` at `sampling_rate`, full scale 1, of at least half a second.

        Returns:
            Vectors `(batch, embedding_size)`; `head` makes logits `(batch, num_labels)` of them.
        """
        return self.embed(self.feature_extractor(audio.float()).to(self.dtype))

    def embed(self, mel: Tensor) -> Tensor:
        """The vectors `(batch, embedding_size)` of log-mel spectrograms `(batch, 1, num_frames, n_mels)`."""
        hidden = self.blocks(self.norm_in(mel[:, 0].mT).mT[:, None]).mean(-1)
        return self.project(hidden.mean(-1) + hidden.amax(-1))
