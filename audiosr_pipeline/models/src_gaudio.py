"""The networks of SRC-gAudio (sampling-rate-controlled text-to-audio generation), of any width.

No code was published. What the text leaves open is chosen so that the parameters are those stated: see
`docs/generation.md`.
"""

from dataclasses import dataclass

from diffusers import AudioLDM2ProjectionModel, AutoencoderKL, UNet2DConditionModel
from diffusers.models.embeddings import get_timestep_embedding
from torch import Tensor
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor

N_MELS = 64
LATENT_CHANNELS = 8
# Patches of the autoencoder, in frames and bins.
VAE_SCALE_FACTOR = 4


@dataclass(frozen=True)
class FrontEnd:
    """The mel spectrogram at one rate, and how its vocoder goes back; at every rate there are 100 frames a second.

    Args:
        n_fft: FFT size, of the paper.
        hop_length: Samples between frames, of the paper.
        upsample_rates: Factors of the vocoder's layers, whose product is the hop.
        upsample_kernel_sizes: Their kernels.
    """

    n_fft: int
    hop_length: int
    upsample_rates: tuple[int, ...]
    upsample_kernel_sizes: tuple[int, ...]


# By rate in Hz.
FRONT_ENDS = {
    16_000: FrontEnd(1_024, 160, (5, 4, 2, 2, 2), (16, 16, 8, 4, 4)),
    24_000: FrontEnd(2_048, 240, (5, 4, 3, 2, 2), (16, 16, 9, 4, 4)),
    32_000: FrontEnd(2_048, 320, (5, 4, 4, 2, 2), (16, 16, 8, 4, 4)),
    48_000: FrontEnd(2_048, 480, (6, 5, 4, 2, 2), (12, 10, 8, 4, 4)),
}


def build_feature_extractor(sampling_rate: int) -> MelFeatureExtractor:
    """The front end of a rate of `FRONT_ENDS`: 64 slaney mel bins from 0 Hz to half the rate, as AudioLDM has."""
    front_end = FRONT_ENDS[sampling_rate]
    return MelFeatureExtractor(
        sampling_rate=sampling_rate,
        n_fft=front_end.n_fft,
        hop_length=front_end.hop_length,
        n_mels=N_MELS,
        f_min=0.0,
        f_max=sampling_rate / 2,
    )


def build_vocoder(sampling_rate: int, width: int = 1_024) -> SpeechT5HifiGan:
    """The HiFi-GAN of a rate of `FRONT_ENDS`, built as AudioLDM's.

    It begins silent: its weights are to be loaded, or drawn anew.

    Args:
        sampling_rate: In Hz.
        width: Channels at its beginning; a multiple of 32.
    """
    front_end = FRONT_ENDS[sampling_rate]
    return SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=N_MELS,
            sampling_rate=sampling_rate,
            upsample_initial_channel=width,
            upsample_rates=list(front_end.upsample_rates),
            upsample_kernel_sizes=list(front_end.upsample_kernel_sizes),
            resblock_kernel_sizes=[3, 7, 11],
            resblock_dilation_sizes=[[1, 3, 5]] * 3,
            leaky_relu_slope=0.1,
            normalize_before=False,
        )
    )


def build_vae(width: int = 128, scaling_factor: float = 1.0) -> AutoencoderKL:
    """AudioLDM's autoencoder: 4x4 patches of a log-mel spectrogram to 8 channels; a width is a multiple of 32."""
    return AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=["DownEncoderBlock2D"] * 3,
        up_block_types=["UpDecoderBlock2D"] * 3,
        block_out_channels=[width * factor for factor in (1, 2, 4)],
        layers_per_block=2,
        latent_channels=LATENT_CHANNELS,
        sample_size=1_024,
        scaling_factor=scaling_factor,
    )


def build_unet(width: int = 320, text_width: int = 1_024, rate_as_class: bool = False) -> UNet2DConditionModel:
    """The denoiser, with Stable Diffusion's order of blocks.

    The paper's sentence puts cross-attention into the innermost level and not the outermost; its 561 million
    parameters say that it is the other way round.

    Args:
        width: Channels of the outermost level, 320 as published; a multiple of 64.
        text_width: Of the text encoder's states.
        rate_as_class: Whether the sampling rate in kHz comes as `class_labels`; else as a token beside the text's, see
            `build_projection`.
    """
    return UNet2DConditionModel(
        sample_size=(256, N_MELS // VAE_SCALE_FACTOR),
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        layers_per_block=2,
        block_out_channels=(width, 2 * width, 2 * width, 4 * width),
        # The number of heads, in spite of its name: each is 64 wide.
        attention_head_dim=tuple(factor * width // 64 for factor in (1, 2, 2, 4)),
        cross_attention_dim=text_width,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        class_embed_type="timestep" if rate_as_class else None,
    )


def build_projection(text_width: int = 1_024) -> AudioLDM2ProjectionModel:
    """What joins the rate's token and the text's states into one sequence, each through a linear map of its own."""
    return AudioLDM2ProjectionModel(text_width, text_width, text_width)


def rate_features(sampling_rates: Tensor, width: int) -> Tensor:
    """Sinusoidal features of rates in Hz `(batch,)`, of their kHz: `(batch, 1, width)`, the token before its map."""
    return get_timestep_embedding(sampling_rates / 1_000, width)[:, None]
