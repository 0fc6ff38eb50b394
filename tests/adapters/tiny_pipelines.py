"""The newer pipelines of diffusers made tiny, as in `tests/adapters/tiny.py`."""

import numpy as np
import torch
from diffusers import (
    AceStepPipeline,
    AceStepTransformer1DModel,
    AudioDiffusionPipeline,
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    AutoencoderKLMiniMaxH3Audio,
    AutoencoderOobleck,
    AutoencoderSAME,
    Cosmos3AVAEAudioTokenizer,
    DanceDiffusionPipeline,
    DDIMScheduler,
    DDPMScheduler,
    FlowMatchEulerDiscreteScheduler,
    IPNDMScheduler,
    LongCatAudioDiTPipeline,
    LongCatAudioDiTTransformer,
    LongCatAudioDiTVae,
    LTX2Pipeline,
    LTX2VideoTransformer3DModel,
    Mel,
    MiniMaxMusic3Vocoder,
    ModularPipeline,
    MusicLDMPipeline,
    StableAudio3DiTModel,
    StableAudio3Pipeline,
    T5FilmDecoder,
    UNet1DModel,
    UNet2DConditionModel,
    UNet2DModel,
)
from diffusers.modular_pipelines.cosmos.decoders import Cosmos3SoundDecodeStep
from diffusers.modular_pipelines.ltx2.decoders import LTX2AudioDecoderStep
from diffusers.modular_pipelines.minimax_h3.decoders import MiniMaxH3AudioDecodeStep
from diffusers.modular_pipelines.minimax_music3.decoders import MiniMaxMusic3VocoderDecodeStep
from diffusers.pipelines.ace_step import AceStepConditionEncoder
from diffusers.pipelines.deprecated.spectrogram_diffusion.continuous_encoder import SpectrogramContEncoder
from diffusers.pipelines.deprecated.spectrogram_diffusion.notes_encoder import SpectrogramNotesEncoder
from diffusers.pipelines.deprecated.spectrogram_diffusion.pipeline_spectrogram_diffusion import (
    SpectrogramDiffusionPipeline,
)
from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder
from diffusers.pipelines.stable_audio_3.modeling_stable_audio_3 import StableAudio3DurationEmbedder
from PIL import Image
from torch import nn
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Qwen3Config,
    Qwen3Model,
    T5GemmaConfig,
    T5GemmaEncoderModel,
    UMT5Config,
    UMT5EncoderModel,
)
from transformers.models.t5gemma.configuration_t5gemma import T5GemmaModuleConfig

from tests.adapters.tiny import (
    T5_SIZES,
    UNET_SIZES,
    build_audioldm2,
    build_t5_tokenizer,
    loaded,
    make_loud,
    tiny_vae,
    tiny_vocoder,
)
from tests.signals import noise

ATTENTION = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8}


def build_longcat() -> LongCatAudioDiTPipeline:
    torch.manual_seed(0)
    vae = LongCatAudioDiTVae(
        channels=8,
        c_mults=[1, 2],
        strides=[4],
        latent_dim=8,
        encoder_latent_dim=16,
        downsampling_ratio=4,
        sample_rate=24_000,
    )
    transformer = LongCatAudioDiTTransformer(
        dit_dim=16, dit_depth=1, dit_heads=2, dit_text_dim=32, latent_dim=8, text_conv=False
    )
    text_encoder = UMT5EncoderModel(UMT5Config(**T5_SIZES))
    make_loud(vae.decoder)
    return loaded(
        LongCatAudioDiTPipeline(
            vae=vae, text_encoder=text_encoder, tokenizer=build_t5_tokenizer(), transformer=transformer
        )
    )


def build_ace_step() -> AceStepPipeline:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, **ATTENTION, "sliding_window": 16}
    vae = AutoencoderOobleck(
        encoder_hidden_size=6,
        downsampling_ratios=[4, 8, 60],
        decoder_channels=4,
        decoder_input_channels=8,
        audio_channels=2,
        channel_multiples=[1, 1, 1],
        sampling_rate=48_000,
    )
    return loaded(
        AceStepPipeline(
            vae=vae,
            text_encoder=Qwen3Model(
                Qwen3Config(**sizes, num_hidden_layers=1, vocab_size=32, max_position_embeddings=256)
            ),
            tokenizer=build_t5_tokenizer(),
            transformer=AceStepTransformer1DModel(
                **sizes, num_hidden_layers=2, in_channels=24, audio_acoustic_hidden_dim=8
            ),
            condition_encoder=AceStepConditionEncoder(
                **sizes,
                text_hidden_dim=16,
                timbre_hidden_dim=8,
                num_lyric_encoder_hidden_layers=1,
                num_timbre_encoder_hidden_layers=1,
            ),
            scheduler=FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0),
        )
    )


def build_stable_audio_3(pipeline: type = StableAudio3Pipeline):
    torch.manual_seed(0)
    width = 16
    module = T5GemmaModuleConfig(
        vocab_size=32,
        hidden_size=width,
        intermediate_size=16,
        num_hidden_layers=1,
        max_position_embeddings=64,
        layer_types=["full_attention"],
        **ATTENTION,
    ).to_dict()
    vae = AutoencoderSAME(
        patch_size=16,
        encoder_channels=8,
        encoder_c_mults=(2,),
        encoder_strides=(4,),
        encoder_transformer_depths=(1,),
        latent_dim=8,
        use_differential_attention=False,
        dim_heads=4,
        ff_mult=2,
        sampling_rate=44_100,
    )
    transformer = StableAudio3DiTModel(
        io_channels=8,
        embed_dim=16,
        depth=1,
        num_heads=2,
        cond_token_dim=width,
        global_cond_dim=width,
        local_add_cond_dim=9,
        timestep_features_dim=16,
        ff_mult=2,
        num_memory_tokens=2,
        use_differential_attention=False,
    )
    return loaded(
        pipeline(
            vae=vae,
            text_encoder=T5GemmaEncoderModel(T5GemmaConfig(encoder=module, decoder=module, is_encoder_decoder=False)),
            tokenizer=build_t5_tokenizer(),
            duration_embedder=StableAudio3DurationEmbedder(output_dim=width, fourier_dim=16),
            transformer=transformer,
            scheduler=FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0),
        )
    )


def build_ltx2(pipeline: type = LTX2Pipeline):
    torch.manual_seed(0)
    text_encoder = Gemma3ForConditionalGeneration(
        Gemma3Config(
            text_config={
                "vocab_size": 32,
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_hidden_layers": 1,
                "layer_types": ["full_attention"],
                **ATTENTION,
            },
            vision_config={
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "image_size": 32,
                "patch_size": 16,
            },
            mm_tokens_per_image=4,
            image_token_index=31,
        )
    )
    transformer = LTX2VideoTransformer3DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        audio_in_channels=4,
        audio_out_channels=4,
        audio_num_attention_heads=2,
        audio_attention_head_dim=4,
        audio_cross_attention_dim=8,
        num_layers=1,
        caption_channels=16,
        rope_double_precision=False,
        rope_type="split",
    )
    connectors = LTX2TextConnectors(
        caption_channels=16,
        text_proj_in_factor=2,
        video_connector_num_attention_heads=2,
        video_connector_attention_head_dim=8,
        video_connector_num_layers=1,
        video_connector_num_learnable_registers=None,
        audio_connector_num_attention_heads=2,
        audio_connector_attention_head_dim=8,
        audio_connector_num_layers=1,
        audio_connector_num_learnable_registers=None,
        connector_rope_base_seq_len=32,
        rope_double_precision=False,
        rope_type="split",
    )
    vae = AutoencoderKLLTX2Video(
        latent_channels=4,
        block_out_channels=(8,),
        decoder_block_out_channels=(8,),
        layers_per_block=(1,),
        decoder_layers_per_block=(1, 1),
        spatio_temporal_scaling=(True,),
        decoder_spatio_temporal_scaling=(True,),
        decoder_inject_noise=(False, False),
        downsample_type=("spatial",),
        upsample_type=("spatiotemporal",),
        upsample_residual=(False,),
        upsample_factor=(1,),
        patch_size=1,
    )
    return loaded(
        pipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(),
            vae=vae,
            audio_vae=tiny_ltx2_audio_vae(),
            text_encoder=text_encoder,
            tokenizer=build_t5_tokenizer(),
            connectors=connectors,
            transformer=transformer,
            vocoder=tiny_ltx2_vocoder(),
        )
    )


def tiny_ltx2_audio_vae() -> AutoencoderKLLTX2Audio:
    # The rate of its spectrograms, not of the audio.
    return AutoencoderKLLTX2Audio(
        base_channels=4,
        ch_mult=(1,),
        num_res_blocks=1,
        resolution=32,
        latent_channels=2,
        mel_bins=8,
        sample_rate=16_000,
    )


def tiny_ltx2_vocoder() -> LTX2Vocoder:
    vocoder = LTX2Vocoder(
        in_channels=16,
        hidden_channels=16,
        upsample_kernel_sizes=[20, 24],
        upsample_factors=[10, 12],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1, 3]],
        output_sampling_rate=24_000,
    )
    make_loud(vocoder)
    return vocoder


def build_dance_diffusion() -> DanceDiffusionPipeline:
    torch.manual_seed(0)
    unet = UNet1DModel(
        block_out_channels=(32, 32, 64),
        extra_in_channels=64,
        sample_size=512,
        sample_rate=16_000,
        down_block_types=("DownBlock1DNoSkip", "DownBlock1D", "AttnDownBlock1D"),
        up_block_types=("AttnUpBlock1D", "UpBlock1D", "UpBlock1DNoSkip"),
    )
    return loaded(DanceDiffusionPipeline(unet=unet, scheduler=IPNDMScheduler()))


class NoiseMel(Mel):
    """Noise in the place of Griffin and Lim's algorithm, which takes seconds to be compiled."""

    def image_to_audio(self, image: Image.Image) -> np.ndarray:
        return noise(0.1, self.config.sample_rate, seed=int(np.asarray(image).sum()))[0]


def build_audio_diffusion() -> AudioDiffusionPipeline:
    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=(16, 16),
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    mel = NoiseMel(x_res=16, y_res=16, sample_rate=22_050, n_fft=512, hop_length=256, n_iter=2)
    return loaded(AudioDiffusionPipeline(vqvae=None, unet=unet, mel=mel, scheduler=DDIMScheduler()))


class MelGAN:
    """Called as an ONNX model is, and returns a list as it does: 16 samples of a frame, by a random matrix."""

    def __init__(self):
        self.samples_of_mel = np.random.default_rng(0).standard_normal((128, 16)).astype(np.float32) / 128

    def __call__(self, input_features: np.ndarray) -> list[np.ndarray]:
        return [(input_features @ self.samples_of_mel).reshape(1, -1)]


def build_spectrogram_diffusion() -> SpectrogramDiffusionPipeline:
    torch.manual_seed(0)
    sizes = {"d_model": 16, "dropout_rate": 0.0, "num_layers": 1, "num_heads": 2, "d_kv": 8, "d_ff": 16}
    return loaded(
        SpectrogramDiffusionPipeline(
            notes_encoder=SpectrogramNotesEncoder(32, 40, feed_forward_proj="gated-gelu", **sizes),
            continuous_encoder=SpectrogramContEncoder(128, 256, feed_forward_proj="gated-gelu", **sizes),
            decoder=T5FilmDecoder(input_dims=128, targets_length=256, **sizes),
            scheduler=DDPMScheduler(),
            melgan=MelGAN(),
        )
    )


def build_modular(block: type, **components: nn.Module) -> ModularPipeline:
    """A modular pipeline of the block that makes audio of latents, which is the whole of what matters here."""
    pipe = block().init_pipeline()
    pipe.update_components(**{name: component.eval() for name, component in components.items()})
    return pipe


def build_modular_ltx2(block: type = LTX2AudioDecoderStep) -> ModularPipeline:
    torch.manual_seed(0)
    return build_modular(block, audio_vae=tiny_ltx2_audio_vae(), vocoder=tiny_ltx2_vocoder())


def build_modular_cosmos3() -> ModularPipeline:
    torch.manual_seed(0)
    tokenizer = Cosmos3AVAEAudioTokenizer(
        vocoder_input_dim=8,
        dec_dim=8,
        dec_c_mults=(1, 2),
        dec_strides=(4, 8),
        encoder_enabled=False,
        sampling_rate=48_000,
    )
    return build_modular(Cosmos3SoundDecodeStep, sound_tokenizer=tokenizer)


def build_modular_music3() -> ModularPipeline:
    torch.manual_seed(0)
    vocoder = MiniMaxMusic3Vocoder(
        latent_channels=8, decoder_input_dim=16, decoder_hidden_dim=16, upsampling_ratios=(8, 8, 4, 2)
    )
    make_loud(vocoder)
    return build_modular(MiniMaxMusic3VocoderDecodeStep, vocoder=vocoder)


def build_modular_h3() -> ModularPipeline:
    torch.manual_seed(0)
    audio_vae = AutoencoderKLMiniMaxH3Audio(
        encoder_dim=4,
        encoder_rates=(4, 8),
        latent_dim=16,
        latent_channels=4,
        num_attention_heads=2,
        decoder_dim=16,
        decoder_rates=(8, 4),
        decoder_kernel_sizes=(16, 8),
        resblock_kernel_sizes=(3,),
        resblock_dilation_sizes=((1, 3),),
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )
    return build_modular(MiniMaxH3AudioDecodeStep, audio_vae=audio_vae)


def build_musicldm() -> MusicLDMPipeline:
    audioldm2 = build_audioldm2()
    unet = UNet2DConditionModel(
        **UNET_SIZES,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=(8, 16),
        class_embed_type="simple_projection",
        projection_class_embeddings_input_dim=16,
        class_embeddings_concat=True,
    )
    return loaded(
        MusicLDMPipeline(
            vae=tiny_vae(),
            text_encoder=audioldm2.text_encoder,
            tokenizer=audioldm2.tokenizer,
            feature_extractor=audioldm2.feature_extractor,
            unet=unet,
            scheduler=DDIMScheduler(),
            vocoder=tiny_vocoder(),
        )
    )
