"""Checkpoints in the official form, made without the official weights.

`fixtures/official_keys.json` holds the keys that the components need, nested at the dots, each with two shapes: the
official one, and that of a narrow model of the same structure. `fixtures/parity_small.safetensors` holds what the
reference implementation (haoheliu/versatile_audio_super_resolution at 034db6c) computes with the narrow model and
`recipe_checkpoint`.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

FIXTURES = Path(__file__).parent / "fixtures"
SCALE_FACTOR = 0.75


def official_shapes(is_narrow: bool = True) -> dict[str, list[int]]:
    """Every key that the components need, with its shape in the narrow or the official model."""

    def flattened(tree: dict, prefix: str) -> Iterator[tuple[str, list[int]]]:
        for name, entry in tree.items():
            if isinstance(entry, dict):
                yield from flattened(entry, f"{prefix}{name}.")
            else:
                yield prefix + name, entry[is_narrow]

    return dict(flattened(json.loads((FIXTURES / "official_keys.json").read_text()), ""))


def normal(name: str, shape: tuple[int, ...] | list[int]) -> Tensor:
    """Standard normal numbers that depend on the name alone."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape).astype(np.float32))


def recipe_weight(key: str, shape: tuple[int, ...] | list[int]) -> Tensor:
    """A weight such that activations keep about their size through the network."""
    numbers = normal(key, shape)
    if len(shape) >= 2:
        return numbers * float(np.float32(1 / math.sqrt(math.prod(shape[1:]))))
    small = float(np.float32(0.1)) * numbers
    return 1 + small if key.endswith(".weight") else small


def recipe_checkpoint() -> dict[str, Tensor]:
    """The narrow model's weights, with the second autoencoder and some of what no component needs."""
    shapes = official_shapes()
    tensors = {key: recipe_weight(key, shape) for key, shape in shapes.items() if key != "scale_factor"}
    return with_the_rest(tensors)


def blank_checkpoint(is_narrow: bool = True) -> dict[str, Tensor]:
    """A checkpoint of the right shapes that takes no room: each tensor repeats one number."""
    shapes = official_shapes(is_narrow)
    return with_the_rest({key: torch.zeros(1).expand(shape) for key, shape in shapes.items() if key != "scale_factor"})


def cosine_schedule() -> Tensor:
    """`alphas_cumprod` as the reference stores it: computed in double precision, and 0 at the last of 1000 steps."""
    alphas_cumprod = torch.cos((torch.linspace(0, 1, 1_001, dtype=torch.float64) + 0.008) / 1.008 * math.pi / 2) ** 2
    return (alphas_cumprod[1:] / alphas_cumprod[0]).float()


def with_the_rest(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Adds the second autoencoder, which shares the first one's memory, the schedule, and what no component needs."""
    second = {
        key.replace("first_stage_model", "cond_stage_models.0.vae", 1): tensor
        for key, tensor in tensors.items()
        if key.startswith("first_stage_model.")
    }
    return {
        "logvar": torch.zeros(1_000),
        "betas": torch.zeros(1_000),
        "alphas_cumprod": cosine_schedule(),
        "posterior_mean_coef1": torch.zeros(1_000),
        "scale_factor": torch.tensor(SCALE_FACTOR),
        "clap.model.logit_scale_a": torch.tensor(1.0),
        **tensors,
        "model_ema.decay": torch.tensor(0.9999),
        "model_ema.diffusion_modelout2bias": torch.full((16,), 123.0),
        **second,
    }
