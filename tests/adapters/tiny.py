"""Real generators made tiny: their own classes, random weights, nothing downloaded, built in a second each."""

from pathlib import Path

import numpy as np
import torch
from diffusers import (
    AudioLDM2Pipeline,
    AudioLDM2ProjectionModel,
    AudioLDM2UNet2DConditionModel,
    AudioLDMPipeline,
    AutoencoderKL,
    AutoencoderOobleck,
    DDIMScheduler,
    DiffusionPipeline,
    EDMDPMSolverMultistepScheduler,
    StableAudioDiTModel,
    StableAudioPipeline,
    StableAudioProjectionModel,
    UNet2DConditionModel,
)
from tokenizers.pre_tokenizers import ByteLevel
from torch import nn
from transformers import (
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    ClapTextConfig,
    ClapTextModelWithProjection,
    EncodecConfig,
    FastSpeech2ConformerConfig,
    FastSpeech2ConformerHifiGanConfig,
    FastSpeech2ConformerWithHifiGan,
    FastSpeech2ConformerWithHifiGanConfig,
    GPT2Config,
    GPT2LMHeadModel,
    MusicgenConfig,
    MusicgenDecoderConfig,
    MusicgenForConditionalGeneration,
    RobertaTokenizerFast,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
    VitsConfig,
    VitsModel,
)

ALPHABET = sorted(ByteLevel.alphabet())
PROMPT = "rain on a tin roof"


def rms(audio: np.ndarray | torch.Tensor) -> float:
    """Root mean square of all samples: random networks are easily silent, and silence passes any comparison."""
    return float(np.sqrt(np.mean(np.square(np.asarray(audio, dtype=np.float64)))))


def build_audioldm() -> AudioLDMPipeline:
    torch.manual_seed(0)
    text_encoder = ClapTextModelWithProjection(ClapTextConfig(**TEXT_SIZES, projection_dim=16))
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
        AudioLDMPipeline(
            vae=tiny_vae(),
            text_encoder=text_encoder,
            tokenizer=_roberta_tokenizer(),
            unet=unet,
            scheduler=DDIMScheduler(),
            vocoder=tiny_vocoder(),
        )
    )


def _clap(enable_fusion: bool = False) -> ClapModel:
    return ClapModel(
        ClapConfig(
            text_config={**TEXT_SIZES, "projection_dim": 16},
            # An input of 64 x 64 frames and bins, which the feature extractor below gives.
            audio_config={
                "window_size": 8,
                "num_mel_bins": 64,
                "spec_size": 256,
                "patch_size": 4,
                "patch_stride": [4, 4],
                "patch_embeds_hidden_size": 8,
                "hidden_size": 64,
                "depths": [1, 1, 1, 1],
                "num_attention_heads": [1, 1, 1, 1],
                "projection_dim": 16,
                "num_classes": 2,
                "enable_fusion": enable_fusion,
            },
            projection_dim=16,
        )
    )


def _clap_extractor() -> ClapFeatureExtractor:
    return ClapFeatureExtractor(feature_size=64, hop_length=480, max_length_s=10, truncation="rand_trunc")


def save_clap(folder: Path) -> str:
    """A tiny CLAP with what it needs for audio and texts; what `from_pretrained` takes."""
    torch.manual_seed(0)
    for part in (_clap(), _clap_extractor(), _roberta_tokenizer()):
        part.save_pretrained(folder)
    return str(folder)


def build_audioldm2(enable_fusion: bool = False) -> AudioLDM2Pipeline:
    torch.manual_seed(0)
    unet = AudioLDM2UNet2DConditionModel(
        **UNET_SIZES,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        # The first pair takes the states of GPT-2, the second those of T5.
        cross_attention_dim=[[None, 16, None, 32]] * 2,
    )
    clap = _clap(enable_fusion)
    language_model = GPT2LMHeadModel(
        GPT2Config(vocab_size=100, n_embd=16, n_layer=1, n_head=2, n_positions=64, n_ctx=64, max_new_tokens=4)
    )
    language_model.config.max_new_tokens = 4
    return loaded(
        AudioLDM2Pipeline(
            vae=tiny_vae(),
            text_encoder=clap,
            text_encoder_2=_t5(),
            projection_model=AudioLDM2ProjectionModel(
                text_encoder_dim=16, text_encoder_1_dim=32, langauge_model_dim=16
            ),
            language_model=language_model,
            tokenizer=_roberta_tokenizer(),
            tokenizer_2=build_t5_tokenizer(),
            feature_extractor=_clap_extractor(),
            unet=unet,
            scheduler=DDIMScheduler(),
            vocoder=tiny_vocoder(),
        )
    )


def build_stable_audio() -> StableAudioPipeline:
    torch.manual_seed(0)
    vae = AutoencoderOobleck(
        encoder_hidden_size=6,
        downsampling_ratios=[2, 4, 8],
        decoder_channels=3,
        decoder_input_channels=3,
        audio_channels=2,
        channel_multiples=[1, 2, 4],
        sampling_rate=44_100,
    )
    transformer = StableAudioDiTModel(
        # Longest generation: 256 latents of 64 samples each, 0.37 s.
        sample_size=256,
        in_channels=3,
        num_layers=1,
        attention_head_dim=4,
        num_key_value_attention_heads=2,
        out_channels=3,
        cross_attention_dim=4,
        time_proj_dim=8,
        global_states_input_dim=8,
        cross_attention_input_dim=4,
    )
    projection = StableAudioProjectionModel(text_encoder_dim=32, conditioning_dim=4, min_value=0, max_value=32)
    return loaded(
        StableAudioPipeline(
            vae=vae,
            text_encoder=_t5(),
            projection_model=projection,
            tokenizer=build_t5_tokenizer(),
            transformer=transformer,
            # The checkpoint's own scheduler needs torchsde.
            scheduler=EDMDPMSolverMultistepScheduler(
                solver_order=2, prediction_type="v_prediction", sigma_data=1.0, sigma_schedule="exponential"
            ),
        )
    )


def build_musicgen(num_channels: int = 1) -> MusicgenForConditionalGeneration:
    torch.manual_seed(0)
    codebook_size = 64
    encodec = EncodecConfig(
        sampling_rate=32_000,
        audio_channels=1,
        normalize=False,
        # Four codebooks of 64 at 500 frames a second.
        target_bandwidths=[12.0],
        upsampling_ratios=[4, 4, 4],
        num_filters=4,
        num_residual_layers=1,
        hidden_size=16,
        codebook_dim=16,
        codebook_size=codebook_size,
        num_lstm_layers=1,
    )
    decoder = MusicgenDecoderConfig(
        vocab_size=codebook_size,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        ffn_dim=16,
        num_codebooks=4 * num_channels,
        audio_channels=num_channels,
        pad_token_id=codebook_size,
        bos_token_id=codebook_size,
        tie_word_embeddings=False,
    )
    text_encoder = T5Config(**T5_SIZES)
    model = MusicgenForConditionalGeneration(
        MusicgenConfig(text_encoder=text_encoder.to_dict(), audio_encoder=encodec.to_dict(), decoder=decoder.to_dict())
    ).eval()
    for name in ("decoder_start_token_id", "pad_token_id", "bos_token_id"):
        setattr(model.generation_config, name, codebook_size)
    model.generation_config.max_new_tokens = 80
    # Random codebooks are all alike and give a constant: these differ.
    for layer in model.audio_encoder.quantizer.layers:
        layer.codebook.embed.normal_()
    make_loud(model.audio_encoder.decoder)
    return model


def build_fastspeech2() -> FastSpeech2ConformerWithHifiGan:
    torch.manual_seed(0)
    model_config = FastSpeech2ConformerConfig(
        hidden_size=16,
        vocab_size=30,
        num_mel_bins=8,
        encoder_num_attention_heads=2,
        encoder_layers=1,
        encoder_linear_units=16,
        decoder_layers=1,
        decoder_num_attention_heads=2,
        decoder_linear_units=16,
        speech_decoder_postnet_layers=1,
        speech_decoder_postnet_units=16,
        duration_predictor_layers=1,
        duration_predictor_channels=16,
        energy_predictor_layers=1,
        energy_predictor_channels=16,
        pitch_predictor_layers=1,
        pitch_predictor_channels=16,
    )
    vocoder_config = FastSpeech2ConformerHifiGanConfig(model_in_dim=8, **VOCODER_SIZES)
    model = FastSpeech2ConformerWithHifiGan(
        FastSpeech2ConformerWithHifiGanConfig(
            model_config=model_config.to_dict(), vocoder_config=vocoder_config.to_dict()
        )
    ).eval()
    # Log-durations: each symbol takes about four frames, else random weights say nothing at all.
    model.model.duration_predictor.linear.bias.data.fill_(1.6)
    make_loud(model.vocoder)
    return model


def build_vits() -> VitsModel:
    torch.manual_seed(0)
    config = VitsConfig(
        vocab_size=32,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        ffn_dim=16,
        flow_size=16,
        prior_encoder_num_flows=1,
        prior_encoder_num_wavenet_layers=1,
        posterior_encoder_num_wavenet_layers=1,
        duration_predictor_num_flows=2,
        duration_predictor_filter_channels=16,
        **VOCODER_SIZES,
    )
    model = VitsModel(config).eval()
    make_loud(model.decoder)
    return model


def loaded(pipe: DiffusionPipeline) -> DiffusionPipeline:
    """As `from_pretrained` leaves it, without dropout; and without progress bars."""
    for part in pipe.components.values():
        if isinstance(part, nn.Module):
            part.eval()
    pipe.set_progress_bar_config(disable=True)
    return pipe


def tiny_vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=[8, 16],
        in_channels=1,
        out_channels=1,
        norm_num_groups=8,
        down_block_types=["DownEncoderBlock2D", "DownEncoderBlock2D"],
        up_block_types=["UpDecoderBlock2D", "UpDecoderBlock2D"],
        latent_channels=4,
    )


def tiny_vocoder() -> SpeechT5HifiGan:
    vocoder = SpeechT5HifiGan(
        SpeechT5HifiGanConfig(model_in_dim=8, sampling_rate=16_000, normalize_before=False, **VOCODER_SIZES)
    )
    make_loud(vocoder)
    return vocoder


def _t5() -> T5EncoderModel:
    return T5EncoderModel(T5Config(**T5_SIZES))


def _roberta_tokenizer() -> RobertaTokenizerFast:
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *ALPHABET]
    ids = {token: index for index, token in enumerate(vocabulary)}
    return RobertaTokenizerFast(vocab=ids, merges=[], model_max_length=16)


def build_t5_tokenizer() -> T5TokenizerFast:
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((letter, -3.0) for letter in letters)]
    return T5TokenizerFast(vocab=vocabulary, extra_ids=0, model_max_length=16)


def make_loud(network: nn.Module) -> None:
    """Initialises convolutions so that a signal keeps its level: as transformers does it, it fades to 1e-17."""
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            nn.init.kaiming_normal_(module.weight)


TEXT_SIZES = {
    "vocab_size": 5 + len(ALPHABET),
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
    "pad_token_id": 1,
}
T5_SIZES = {"vocab_size": 32, "d_model": 32, "d_ff": 16, "d_kv": 8, "num_layers": 1, "num_heads": 2}
UNET_SIZES = {
    "sample_size": 8,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": (8, 16),
    "layers_per_block": 1,
    "norm_num_groups": 8,
}
VOCODER_SIZES = {
    "upsample_initial_channel": 16,
    "upsample_rates": [8, 8],
    "upsample_kernel_sizes": [16, 16],
    "resblock_kernel_sizes": [3],
    "resblock_dilation_sizes": [[1, 3]],
}
