"""The names that the official checkpoint has for the parameters of diffusers' and transformers' networks."""

import re

import torch
from torch import nn

UNET, VAE, VOCODER = "model.diffusion_model.", "first_stage_model.", "first_stage_model.vocoder."
PREFIXES = {"unet": UNET, "vae": VAE, "vocoder": VOCODER}

# From a network's own names to the official ones: patterns and replacements, each applied in turn.
RENAMED = {
    # Officially, blocks are numbered through the levels: on each there are two layers and a change of resolution on the
    # way down, three layers on the way up. A layer is a residual block and two transformers.
    "unet": (
        (r"(resnets\.\d)\.norm1", r"\1.in_layers.0"),
        (r"(resnets\.\d)\.conv1", r"\1.in_layers.2"),
        (r"(resnets\.\d)\.time_emb_proj", r"\1.emb_layers.1"),
        (r"(resnets\.\d)\.norm2", r"\1.out_layers.0"),
        (r"(resnets\.\d)\.conv2", r"\1.out_layers.3"),
        (r"(resnets\.\d)\.conv_shortcut", r"\1.skip_connection"),
        (r"^down_blocks\.(\d)\.resnets\.(\d)", lambda m: f"input_blocks.{3 * int(m[1]) + int(m[2]) + 1}.0"),
        (
            r"^down_blocks\.(\d)\.attentions\.(\d)",
            lambda m: f"input_blocks.{3 * int(m[1]) + int(m[2]) // 2 + 1}.{int(m[2]) % 2 + 1}",
        ),
        (r"^down_blocks\.(\d)\.downsamplers\.0\.conv", lambda m: f"input_blocks.{3 * int(m[1]) + 3}.0.op"),
        (r"^mid_block\.resnets\.(\d)", lambda m: f"middle_block.{3 * int(m[1])}"),
        (r"^mid_block\.attentions\.(\d)", lambda m: f"middle_block.{int(m[1]) + 1}"),
        (r"^up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"output_blocks.{3 * int(m[1]) + int(m[2])}.0"),
        (
            r"^up_blocks\.(\d)\.attentions\.(\d)",
            lambda m: f"output_blocks.{3 * int(m[1]) + int(m[2]) // 2}.{int(m[2]) % 2 + 1}",
        ),
        (r"^up_blocks\.(\d)\.upsamplers\.0", lambda m: f"output_blocks.{3 * int(m[1]) + 2}.3"),
        (r"^time_embedding\.linear_1", "time_embed.0"),
        (r"^time_embedding\.linear_2", "time_embed.2"),
        (r"^conv_in", "input_blocks.0.0"),
        (r"^conv_norm_out", "out.0"),
        (r"^conv_out", "out.2"),
    ),
    # Officially, the decoder's blocks are numbered from the finest resolution, the last to be run.
    "vae": (
        (r"\.down_blocks\.(\d)\.resnets", r".down.\1.block"),
        (r"\.down_blocks\.(\d)\.downsamplers\.0", r".down.\1.downsample"),
        (r"\.up_blocks\.(\d)\.resnets", lambda m: f".up.{3 - int(m[1])}.block"),
        (r"\.up_blocks\.(\d)\.upsamplers\.0", lambda m: f".up.{3 - int(m[1])}.upsample"),
        (r"\.mid_block\.resnets\.(\d)", lambda m: f".mid.block_{int(m[1]) + 1}"),
        (r"\.mid_block\.attentions\.0", ".mid.attn_1"),
        (r"\.group_norm", ".norm"),
        (r"\.to_([qkv])", r".\1"),
        (r"\.to_out\.0", ".proj_out"),
        (r"\.conv_norm_out", ".norm_out"),
        (r"\.conv_shortcut", ".nin_shortcut"),
    ),
    "vocoder": ((r"^upsampler", "ups"),),
}


def official_key(part: str, name: str) -> str:
    """The official key of a parameter of `part`: "unet", "vae" or "vocoder".

    >>> official_key("unet", "down_blocks.1.resnets.0.conv1.weight")
    'model.diffusion_model.input_blocks.4.0.in_layers.2.weight'
    """
    for pattern, replacement in RENAMED[part]:
        name = re.sub(pattern, replacement, name)
    return PREFIXES[part] + name


def official_shapes(network: nn.Module, keys: dict[str, str]) -> dict[str, tuple[int, ...]]:
    """The shape of each parameter in the official checkpoint: `keys` are the official ones, by the network's own."""
    return {key: _official_shape(key, network.get_parameter(name).shape) for name, key in keys.items()}


def _official_shape(key: str, shape: torch.Size) -> tuple[int, ...]:
    """The VAE's attention consists of 1x1 convolutions officially, of matrices in diffusers."""
    return (*shape, 1, 1) if key.startswith(VAE) and ".attn_1." in key and len(shape) == 2 else tuple(shape)
