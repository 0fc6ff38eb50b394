"""The networks as published, of any width."""

from diffusers import AudioLDM2UNet2DConditionModel, AutoencoderKL
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig


def build_official_vae(width: int = 128, scaling_factor: float = 1.0) -> AutoencoderKL:
    """The autoencoder: 8x8 patches of a log-mel spectrogram to 16 channels; a width is a multiple of 32."""
    return AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[width * factor for factor in (1, 2, 4, 8)],
        layers_per_block=2,
        latent_channels=16,
        sample_size=256,
        scaling_factor=scaling_factor,
    )


def build_official_unet(width: int = 128) -> AudioLDM2UNet2DConditionModel:
    """The denoiser of 16 channels of latents, beside 16 of the condition; a width is a multiple of 32."""
    channels = [width * factor for factor in (1, 2, 3, 5)]
    return AudioLDM2UNet2DConditionModel(
        in_channels=32,
        out_channels=16,
        down_block_types=["DownBlock2D"] + ["CrossAttnDownBlock2D"] * 3,
        up_block_types=["CrossAttnUpBlock2D"] * 3 + ["UpBlock2D"],
        block_out_channels=channels,
        layers_per_block=2,
        cross_attention_dim=[[None, None]] * 4,
        # The number of heads, in spite of its name.
        attention_head_dim=[size // 32 for size in channels],
    )


def build_official_vocoder(width: int = 1_536) -> SpeechT5HifiGan:
    """The HiFi-GAN, which takes the mel spectrogram as it is and gives 16 samples too many; five halvings of a width.

    It begins silent: its weights are to be loaded, or drawn anew.
    """
    return SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=256,
            sampling_rate=48_000,
            upsample_initial_channel=width,
            upsample_rates=[6, 5, 4, 2, 2],
            upsample_kernel_sizes=[12, 10, 8, 4, 4],
            resblock_kernel_sizes=[3, 7, 11, 15],
            resblock_dilation_sizes=[[1, 3, 5]] * 4,
            leaky_relu_slope=0.1,
            normalize_before=False,
        )
    )
