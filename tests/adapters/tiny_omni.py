"""Speech models of which audio is one output of several, or comes from a processor, made tiny as in
`tests/adapters/tiny.py`."""

import torch
from transformers import (
    DacConfig,
    DacFeatureExtractor,
    DacModel,
    HiggsAudioV2Processor,
    PocketTTSAudioTokenizerConfig,
    PocketTTSAudioTokenizerModel,
    PocketTTSConfig,
    PocketTTSForConditionalGeneration,
    PocketTTSProcessor,
    Qwen2_5OmniConfig,
    Qwen2_5OmniForConditionalGeneration,
    Qwen3OmniMoeConfig,
    Qwen3OmniMoeForConditionalGeneration,
)
from transformers.models.pocket_tts.feature_extraction_pocket_tts import PocketTTSFeatureExtractor

from tests.adapters.tiny import build_t5_tokenizer, make_loud
from tests.adapters.tiny_speech import LAYERS, with_loud_codec

ROPE = {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 10_000.0}
HEARING = {
    "num_mel_bins": 8,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "d_model": 16,
    "output_dim": 16,
}
SIGHT = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}


def build_qwen2_5_omni() -> Qwen2_5OmniForConditionalGeneration:
    torch.manual_seed(0)
    ids = {
        "audio_token_index": 20,
        "image_token_index": 21,
        "video_token_index": 22,
        "audio_start_token_id": 23,
        "audio_end_token_id": 24,
        "vision_start_token_id": 28,
        "vision_end_token_id": 29,
    }
    talker = {
        **LAYERS,
        "head_dim": 8,
        "embedding_size": 16,
        "vocab_size": 40,
        "tts_text_start_token_id": 25,
        "tts_text_end_token_id": 26,
        "tts_text_pad_token_id": 27,
        "tts_codec_start_token_id": 33,
        "tts_codec_end_token_id": 34,
        "tts_codec_pad_token_id": 35,
        "tts_codec_mask_token_id": 36,
        "rope_parameters": ROPE,
        **ids,
    }
    dit = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "emb_dim": 16,
        "head_dim": 8,
        "look_ahead_layers": [0],
        "look_backward_layers": [0],
        "num_embeds": 40,
        "mel_dim": 8,
        "enc_emb_dim": 8,
        "enc_dim": 8,
        "enc_channels": [8, 8, 8, 8, 24],
        "enc_attention_channels": 8,
        "enc_se_channels": 8,
    }
    vocoder = {
        "mel_dim": 8,
        "upsample_initial_channel": 16,
        "resblock_kernel_sizes": [3],
        "resblock_dilation_sizes": [[1, 3, 5]],
        "upsample_rates": [8, 8],
        "upsample_kernel_sizes": [16, 16],
    }
    model = Qwen2_5OmniForConditionalGeneration(
        Qwen2_5OmniConfig(
            thinker_config={
                "audio_config": HEARING,
                "vision_config": {**SIGHT, "fullatt_block_indexes": [0]},
                "text_config": {"vocab_size": 32, **LAYERS, "rope_parameters": ROPE},
                **ids,
            },
            talker_config=talker,
            token2wav_config={"dit_config": dit, "bigvgan_config": vocoder},
        )
    ).eval()
    # A checkpoint's file of speakers.
    model.speaker_map["Chelsie"] = {"cond": torch.randn(1, 8), "ref_mel": torch.randn(1, 10, 8), "bos_token": 25}
    make_loud(model.token2wav.code2wav_bigvgan_model)
    return model


def build_qwen3_omni() -> Qwen3OmniMoeForConditionalGeneration:
    torch.manual_seed(0)
    experts = {"num_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 16, "rope_parameters": ROPE}
    ids = {
        "audio_token_id": 20,
        "image_token_id": 21,
        "video_token_id": 22,
        "audio_start_token_id": 23,
        "vision_start_token_id": 24,
        "vision_end_token_id": 25,
    }
    talker = {
        "code_predictor_config": {"vocab_size": 16, **LAYERS, "head_dim": 8, "num_code_groups": 4},
        "text_config": {"vocab_size": 1_100, **LAYERS, **experts, "shared_expert_intermediate_size": 16},
        "num_code_groups": 4,
        "thinker_hidden_size": 16,
        "accept_hidden_layer": 0,
        "codec_eos_token_id": 1_090,
        "codec_nothink_id": 1_091,
        "codec_think_bos_id": 1_092,
        "codec_think_eos_id": 1_093,
        "codec_pad_id": 1_094,
        "codec_bos_id": 1_095,
        "speaker_id": {"ethan": 1_096},
        "spatial_merge_size": 2,
        **ids,
    }
    model = Qwen3OmniMoeForConditionalGeneration(
        Qwen3OmniMoeConfig(
            thinker_config={
                "audio_config": {**HEARING, "downsample_hidden_size": 8},
                "vision_config": {**SIGHT, "num_position_embeddings": 16, "deepstack_visual_indexes": [0]},
                "text_config": {"vocab_size": 64, **LAYERS, **experts},
                "user_token_id": 31,
                **ids,
            },
            talker_config=talker,
            code2wav_config={
                **LAYERS,
                "num_key_value_heads": 2,
                "codebook_size": 1_100,
                "num_quantizers": 4,
                "upsample_rates": [8, 8],
                "upsampling_ratios": [2],
                "decoder_dim": 16,
            },
            im_start_token_id=30,
            user_token_id=31,
            assistant_token_id=32,
            im_end_token_id=33,
            tts_pad_token_id=34,
            tts_bos_token_id=35,
            tts_eos_token_id=36,
            system_token_id=37,
        )
    ).eval()
    # transformers leaves these as the memory was.
    for layer in model.talker.model.layers:
        for weight in (layer.mlp.experts.gate_up_proj, layer.mlp.experts.down_proj):
            weight.data.normal_(std=0.02)
    make_loud(model.code2wav)
    return model


def build_pocket_tts() -> tuple[PocketTTSForConditionalGeneration, PocketTTSProcessor]:
    """Model and processor: one generates latents, the other decodes them."""
    torch.manual_seed(0)
    codec = PocketTTSAudioTokenizerModel(
        PocketTTSAudioTokenizerConfig(
            hidden_size=16,
            num_filters=4,
            upsampling_ratios=[6, 5, 4],
            upsample_groups=16,
            num_hidden_layers=1,
            intermediate_size=16,
            num_attention_heads=2,
            num_key_value_heads=2,
            latent_dim=8,
        )
    ).eval()
    make_loud(codec)
    tokenizer = build_t5_tokenizer()
    tokenizer.audio_prompt_token = tokenizer.audio_latent_token = tokenizer.audio_bos_token = "a"
    model = PocketTTSForConditionalGeneration(
        PocketTTSConfig(
            flow_head_config={
                "hidden_size": 16,
                "num_hidden_layers": 1,
                "latent_dim": 8,
                "condition_dim": 16,
                "frequency_embedding_size": 8,
                "loss_weighting_hidden_size": 8,
                "loss_weighting_num_layers": 1,
            },
            vocab_size=32,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            latent_dim=8,
            audio_prompt_token_id=28,
            audio_latent_token_id=29,
            audio_prompt_bos_token_id=30,
            audio_bos_token_id=31,
        )
    ).eval()
    return model, PocketTTSProcessor(PocketTTSFeatureExtractor(), tokenizer, codec)


class Codec(DacModel):
    """Called as the codec of Higgs Audio, which needs torchaudio."""

    def decode(self, audio_codes):
        return super().decode(audio_codes=audio_codes)


def build_higgs_processor() -> HiggsAudioV2Processor:
    torch.manual_seed(0)
    codec = Codec(
        DacConfig(
            encoder_hidden_size=8,
            downsampling_ratios=[2, 4, 8],
            decoder_hidden_size=16,
            n_codebooks=4,
            codebook_size=64,
            codebook_dim=8,
            sampling_rate=24_000,
        )
    ).eval()
    with_loud_codec(codec)
    extractor = DacFeatureExtractor(sampling_rate=24_000, hop_length=64)
    return HiggsAudioV2Processor(extractor, build_t5_tokenizer(), codec, audio_stream_bos_id=64, audio_stream_eos_id=65)
