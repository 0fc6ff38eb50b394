"""Pipelines of video with sound made tiny, as in `tests/adapters/tiny.py`; LTX-2 is in `tiny_pipelines.py`."""

import inspect

import torch
from diffusers import (
    AutoencoderKLHunyuanVideo,
    AutoencoderKLWan,
    Cosmos3AVAEAudioTokenizer,
    Cosmos3OmniPipeline,
    Cosmos3OmniTransformer,
    FlowMatchEulerDiscreteScheduler,
    Kandinsky6TI2VAPipeline,
    Kandinsky6Transformer3DModel,
    LTX2DFRPipeline,
    LTX2DFRTemporalRefinePipeline,
    LTX2VideoTransformer3DModel,
    LTXEulerAncestralRFScheduler,
    MMAudioVAE,
    MMAudioVocoder,
    UniPCMultistepScheduler,
)
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel

from tests.adapters.tiny import build_t5_tokenizer, loaded, make_loud
from tests.adapters.tiny_pipelines import build_ltx2


def build_kandinsky6() -> Kandinsky6TI2VAPipeline:
    """Without its text encoders: it is called with the embeddings of prompts."""
    torch.manual_seed(0)
    transformer = Kandinsky6Transformer3DModel(
        in_visual_dim=4,
        out_visual_dim=4,
        in_text_dim=16,
        in_text_dim2=16,
        time_dim=16,
        model_dim=24,
        ff_dim=16,
        num_text_blocks=1,
        num_visual_blocks=1,
        axes_dims=(4, 4, 4),
        visual_cond=False,
        in_audio_dim=4,
        out_audio_dim=4,
    )
    vae = AutoencoderKLHunyuanVideo(
        latent_channels=4,
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        norm_num_groups=4,
        mid_block_add_attention=False,
    )
    audio_vae = MMAudioVAE(
        mel_bins=16,
        latent_channels=4,
        hidden_channels=16,
        channel_multipliers=(1, 2),
        layers_per_block=1,
        n_fft=512,
        hop_length=64,
    )
    vocoder = MMAudioVocoder(
        num_mels=16,
        upsample_initial_channel=16,
        upsample_rates=(8, 8),
        upsample_kernel_sizes=(16, 16),
        resblock_kernel_sizes=(3,),
        resblock_dilation_sizes=((1, 3, 5),),
    )
    make_loud(vocoder)
    return loaded(
        Kandinsky6TI2VAPipeline(
            transformer=transformer,
            vae=vae,
            text_encoder=None,
            tokenizer=None,
            text_encoder_2=None,
            tokenizer_2=None,
            scheduler=FlowMatchEulerDiscreteScheduler(),
            audio_vae=audio_vae,
            vocoder=vocoder,
        )
    )


def build_cosmos3() -> Cosmos3OmniPipeline:
    torch.manual_seed(0)
    transformer = Cosmos3OmniTransformer(
        head_dim=8,
        hidden_size=16,
        intermediate_size=16,
        latent_channel=4,
        latent_patch_size=2,
        num_attention_heads=2,
        num_hidden_layers=1,
        num_key_value_heads=1,
        patch_latent_dim=16,
        sound_dim=8,
        sound_gen=True,
        vocab_size=32,
        rope_axes_dim=(2, 1, 1),
        rope_scaling={"mrope_section": [2, 1, 1]},
    )
    vae = AutoencoderKLWan(
        base_dim=4,
        z_dim=4,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )
    tokenizer = build_t5_tokenizer()
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    return loaded(
        Cosmos3OmniPipeline(
            transformer=transformer,
            text_tokenizer=tokenizer,
            vae=vae,
            scheduler=UniPCMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction"),
            sound_tokenizer=Cosmos3AVAEAudioTokenizer(
                vocoder_input_dim=8,
                dec_dim=8,
                dec_c_mults=(1, 2),
                dec_strides=(4, 8),
                encoder_enabled=False,
                sampling_rate=48_000,
            ),
            enable_safety_checker=False,
        )
    )


def build_ltx2_dfr() -> LTX2DFRPipeline:
    """With a transformer that knows keyframes, as those of LTX-2.5 do."""
    pipe = build_ltx2(LTX2DFRPipeline)
    config = {name: value for name, value in pipe.transformer.config.items() if not name.startswith("_")}
    pipe.transformer = LTX2VideoTransformer3DModel(**{**config, "use_keyframes_abs_pos_embedding": True}).eval()
    return pipe


def build_ltx2_refine() -> LTX2DFRTemporalRefinePipeline:
    components = build_ltx2_dfr().components
    wanted = inspect.signature(LTX2DFRTemporalRefinePipeline.__init__).parameters
    components = {name: component for name, component in components.items() if name in wanted}
    components["scheduler"] = LTXEulerAncestralRFScheduler(eta=0.5)
    components["temporal_latent_upsampler"] = LTX2LatentUpsamplerModel(
        in_channels=4, mid_channels=32, num_blocks_per_stage=1, spatial_upsample=False, temporal_upsample=True
    )
    return loaded(LTX2DFRTemporalRefinePipeline(**components))
