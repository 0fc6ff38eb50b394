"""The newer models of transformers made tiny, as in `tests/adapters/tiny.py`."""

from typing import Any

import torch
import transformers
from torch import nn
from transformers import (
    BarkCoarseConfig,
    BarkConfig,
    BarkFineConfig,
    BarkModel,
    BarkSemanticConfig,
    CsmConfig,
    CsmForConditionalGeneration,
    DacConfig,
    DacModel,
    DiaConfig,
    DiaDecoderConfig,
    DiaEncoderConfig,
    DiaFeatureExtractor,
    DiaForConditionalGeneration,
    DiaProcessor,
    DiaTokenizer,
    EncodecConfig,
    MimiConfig,
    MoshiConfig,
    MoshiForConditionalGeneration,
    MusicgenMelodyConfig,
    MusicgenMelodyDecoderConfig,
    MusicgenMelodyForConditionalGeneration,
    SeamlessM4TConfig,
    SeamlessM4Tv2Config,
    SpeechT5Config,
    SpeechT5ForSpeechToSpeech,
    SpeechT5ForTextToSpeech,
    T5Config,
    VibeVoiceAcousticTokenizerConfig,
    VibeVoiceConfig,
    VibeVoiceForConditionalGeneration,
)
from transformers.models.bark.generation_configuration_bark import (
    BarkCoarseGenerationConfig,
    BarkFineGenerationConfig,
    BarkGenerationConfig,
    BarkSemanticGenerationConfig,
)

from tests.adapters.tiny import T5_SIZES, VOCODER_SIZES, make_loud

LAYERS = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}


def tiny_encodec(sampling_rate: int, codebook_size: int, num_codebooks: int) -> EncodecConfig:
    """Frames of 64 samples."""
    bits = num_codebooks * (codebook_size - 1).bit_length()
    return EncodecConfig(
        sampling_rate=sampling_rate,
        audio_channels=1,
        normalize=False,
        target_bandwidths=[bits * sampling_rate / 64 / 1000],
        upsampling_ratios=[4, 4, 4],
        num_filters=4,
        num_residual_layers=1,
        hidden_size=16,
        codebook_dim=16,
        codebook_size=codebook_size,
        num_lstm_layers=1,
    )


def tiny_mimi(codebook_size: int, num_codebooks: int) -> MimiConfig:
    """Frames of 480 samples at 24 kHz."""
    return MimiConfig(
        audio_channels=1,
        hidden_size=16,
        num_filters=4,
        num_residual_layers=1,
        upsampling_ratios=[8, 6, 5],
        codebook_size=codebook_size,
        codebook_dim=16,
        vector_quantization_hidden_dimension=16,
        num_quantizers=num_codebooks,
        num_semantic_quantizers=1,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        intermediate_size=16,
        upsample_groups=16,
        frame_rate=50.0,
    )


def with_loud_codec(codec: Any) -> None:
    """Random codebooks are all alike and give a constant: these differ."""
    for name, buffer in [*codec.named_buffers(), *codec.named_parameters()]:
        if name.endswith((".embed", ".embed_sum", "codebook.weight")):
            buffer.data.normal_()
    make_loud(codec.decoder)


def build_speecht5(cls: type = SpeechT5ForTextToSpeech) -> SpeechT5ForTextToSpeech | SpeechT5ForSpeechToSpeech:
    torch.manual_seed(0)
    model = cls(
        SpeechT5Config(
            vocab_size=32,
            hidden_size=16,
            encoder_layers=1,
            encoder_attention_heads=2,
            encoder_ffn_dim=16,
            decoder_layers=1,
            decoder_attention_heads=2,
            decoder_ffn_dim=16,
            num_mel_bins=8,
            conv_dim=[8, 8],
            conv_stride=[5, 4],
            conv_kernel=[10, 8],
            num_feat_extract_layers=2,
            num_conv_pos_embeddings=4,
            num_conv_pos_embedding_groups=2,
            speech_decoder_prenet_units=16,
            speech_decoder_prenet_dropout=0.0,
            speaker_embedding_dim=8,
            speech_decoder_postnet_layers=2,
            speech_decoder_postnet_units=16,
        )
    ).eval()
    model.speech_decoder_postnet.feat_out.weight.data.normal_()
    # It stops at the longest that a text may take.
    model.speech_decoder_postnet.prob_out.bias.data.fill_(-9)
    return model


def build_musicgen_melody(num_channels: int = 1) -> MusicgenMelodyForConditionalGeneration:
    torch.manual_seed(0)
    codebook_size = 64
    decoder = MusicgenMelodyDecoderConfig(
        vocab_size=codebook_size,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        ffn_dim=16,
        num_codebooks=4 * num_channels,
        audio_channels=num_channels,
        pad_token_id=codebook_size,
        bos_token_id=codebook_size,
    )
    model = MusicgenMelodyForConditionalGeneration(
        MusicgenMelodyConfig(
            text_encoder=T5Config(**T5_SIZES).to_dict(),
            audio_encoder=tiny_encodec(32_000, codebook_size, 4).to_dict(),
            decoder=decoder.to_dict(),
            chroma_length=4,
        )
    ).eval()
    for name in ("decoder_start_token_id", "pad_token_id", "bos_token_id"):
        setattr(model.generation_config, name, codebook_size)
    model.generation_config.max_new_tokens = 60
    with_loud_codec(model.audio_encoder)
    return model


def build_bark() -> BarkModel:
    torch.manual_seed(0)
    sizes = {"num_layers": 1, "num_heads": 2, "hidden_size": 16, "block_size": 512}
    model = BarkModel(
        BarkConfig(
            semantic_config=BarkSemanticConfig(input_vocab_size=200, output_vocab_size=100, **sizes).to_dict(),
            coarse_acoustics_config=BarkCoarseConfig(input_vocab_size=200, output_vocab_size=200, **sizes).to_dict(),
            fine_acoustics_config=BarkFineConfig(
                input_vocab_size=65, output_vocab_size=65, n_codes_total=4, n_codes_given=1, **sizes
            ).to_dict(),
            codec_config=tiny_encodec(24_000, 64, 4).to_dict(),
        )
    ).eval()
    model.generation_config = BarkGenerationConfig.from_sub_model_configs(
        BarkSemanticGenerationConfig(
            eos_token_id=99,
            max_new_tokens=40,
            semantic_vocab_size=60,
            semantic_pad_token=60,
            text_encoding_offset=70,
            text_pad_token=199,
            semantic_infer_token=198,
            max_input_semantic_length=16,
            semantic_rate_hz=50,
            do_sample=True,
            min_eos_p=0.2,
        ),
        BarkCoarseGenerationConfig(
            coarse_semantic_pad_token=190,
            coarse_infer_token=191,
            n_coarse_codebooks=2,
            coarse_rate_hz=75,
            max_coarse_input_length=32,
            max_coarse_history=64,
            sliding_window_len=20,
            do_sample=True,
        ),
        BarkFineGenerationConfig(
            temperature=1.0, max_fine_history_length=64, max_fine_input_length=128, n_fine_codebooks=4
        ),
        codebook_size=64,
    )
    # As dicts, which is how a checkpoint's file gives them.
    for name in ("semantic_config", "coarse_acoustics_config", "fine_acoustics_config"):
        setattr(model.generation_config, name, getattr(model.generation_config, name).to_dict())
    with_loud_codec(model.codec_model)
    return model


SEAMLESS_SIZES = {
    "vocab_size": 40,
    "t2u_vocab_size": 40,
    "hidden_size": 16,
    "encoder_layers": 1,
    "encoder_ffn_dim": 16,
    "encoder_attention_heads": 2,
    "decoder_layers": 1,
    "decoder_ffn_dim": 16,
    "decoder_attention_heads": 2,
    "max_new_tokens": 12,
    "speech_encoder_layers": 1,
    "speech_encoder_attention_heads": 2,
    "speech_encoder_intermediate_size": 16,
    "t2u_encoder_layers": 1,
    "t2u_encoder_ffn_dim": 16,
    "t2u_encoder_attention_heads": 2,
    "t2u_decoder_layers": 1,
    "t2u_decoder_ffn_dim": 16,
    "t2u_decoder_attention_heads": 2,
    "unit_hifi_gan_vocab_size": 40,
    "unit_embed_dim": 16,
    # Random weights choose units below the offset, too.
    "vocoder_offset": 0,
    "lang_embed_dim": 8,
    "spkr_embed_dim": 8,
    "vocoder_num_langs": 2,
    "vocoder_num_spkrs": 2,
    **VOCODER_SIZES,
    "upsample_rates": [8, 8],
}


def build_seamless(name: str = "SeamlessM4Tv2ForTextToSpeech") -> nn.Module:
    torch.manual_seed(0)
    sizes = {**SEAMLESS_SIZES, "feature_projection_input_dim": 8, "t2u_max_new_tokens": 12}
    config = SeamlessM4TConfig(**sizes)
    if "v2" in name:
        characters = {"char_vocab_size": 20, "t2u_variance_predictor_embed_dim": 16}
        config = SeamlessM4Tv2Config(**sizes, **characters, t2u_variance_predictor_hidden_dim=16)
    model = getattr(transformers, name)(config).eval()
    config = model.generation_config
    config.text_decoder_lang_to_code_id = config.t2u_lang_code_to_id = {"eng": 4}
    config.vocoder_lang_code_to_id = {"eng": 0}
    config.id_to_text = {str(index): f"▁{'ab' * (index % 3 + 1)}" for index in range(40)}
    config.char_to_id = {character: index + 4 for index, character in enumerate("▁ab")}
    # Several frames for each unit, else random weights say nearly nothing.
    model.vocoder.dur_predictor.proj.bias.data.fill_(1.6)
    make_loud(model.vocoder.hifi_gan)
    return model


def build_csm() -> CsmForConditionalGeneration:
    torch.manual_seed(0)
    sizes = {**LAYERS, "head_dim": 8, "vocab_size": 64, "num_codebooks": 4}
    model = CsmForConditionalGeneration(
        CsmConfig(
            **sizes,
            text_vocab_size=99,
            codebook_pad_token_id=63,
            codebook_eos_token_id=62,
            pad_token_id=98,
            bos_token_id=97,
            audio_token_id=96,
            audio_eos_token_id=95,
            depth_decoder_config={**sizes, "backbone_hidden_size": 16, "max_position_embeddings": 5},
            codec_config=tiny_mimi(64, 4).to_dict(),
        )
    ).eval()
    with_loud_codec(model.codec_model)
    return model


def build_moshi() -> MoshiForConditionalGeneration:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "ffn_dim": 16}
    model = MoshiForConditionalGeneration(
        MoshiConfig(
            vocab_size=32,
            **sizes,
            num_codebooks=4,
            audio_vocab_size=64,
            audio_encoder_config=tiny_mimi(64, 8).to_dict(),
            depth_decoder_config={**sizes, "max_position_embeddings": 5},
        )
    ).eval()
    with_loud_codec(model.audio_encoder)
    return model


def build_dia() -> tuple[DiaForConditionalGeneration, DiaProcessor]:
    """Model and processor: one generates codes, the other decodes them."""
    torch.manual_seed(0)
    layers = {**LAYERS, "head_dim": 8}
    decoder = DiaDecoderConfig(
        **layers, cross_num_attention_heads=2, cross_head_dim=8, cross_num_key_value_heads=1, cross_hidden_size=16
    )
    model = DiaForConditionalGeneration(
        DiaConfig(
            encoder_config=DiaEncoderConfig(**layers),
            decoder_config=decoder,
            eos_token_id=1024,
            pad_token_id=1025,
            bos_token_id=1026,
        )
    ).eval()
    codec = DacModel(
        DacConfig(
            encoder_hidden_size=8,
            downsampling_ratios=[2, 4, 8],
            decoder_hidden_size=16,
            n_codebooks=9,
            codebook_dim=8,
            sampling_rate=44_100,
        )
    ).eval()
    with_loud_codec(codec)
    extractor = DiaFeatureExtractor(sampling_rate=44_100, hop_length=64)
    return model, DiaProcessor(extractor, DiaTokenizer(), codec)


def build_vibevoice() -> VibeVoiceForConditionalGeneration:
    torch.manual_seed(0)
    tokenizer = VibeVoiceAcousticTokenizerConfig(
        hidden_size=8, num_filters=4, downsampling_ratios=[8, 8, 10], depths=[1, 1, 1, 1], layer_scale_init_value=0.1
    )
    model = VibeVoiceForConditionalGeneration(
        VibeVoiceConfig(
            audio_config=tokenizer.to_dict(),
            semantic_model_config={**tokenizer.to_dict()},
            text_config={"model_type": "qwen2", "vocab_size": 40, **LAYERS},
            diffusion_head_config={
                "hidden_size": 16,
                "latent_size": 8,
                "num_hidden_layers": 1,
                "intermediate_size": 16,
                "frequency_embedding_size": 16,
            },
            pad_token_id=30,
            eos_token_id=30,
            audio_bos_token_id=31,
            audio_eos_token_id=32,
            audio_token_id=33,
        )
    ).eval()
    make_loud(model.model.audio_tower.decoder)
    # After the token that begins audio, one that stands for a piece of it is likeliest; after the one that ends a text,
    # the same once more, as the embeddings are the weights of the head.
    model.lm_head.weight.data[33] = 2 * model.lm_head.weight.data[31]
    return model
