"""Checks of weights that were loaded: diffusers draws what a file lacks at random, and only logs it."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from audiosr_pipeline.convert.checkpoint_file import read_tensors

NUM_SHOWN = 6
Shapes = dict[str, tuple[int, ...]]


def check_finite_weights(networks: dict[str, Any]) -> None:
    """Raises ValueError, which names the tensors, if weights of the networks are NaN or infinite.

    Args:
        networks: By name; what is no network is passed over.
    """
    bad = []
    for part, network in networks.items():
        if isinstance(network, nn.Module):
            tensors = (*network.named_parameters(), *network.named_buffers())
            bad += [f"{part}.{name}" for name, tensor in tensors if not _is_finite(tensor)]
    if bad:
        raise ValueError(
            f"the checkpoint is damaged: {_shown(bad)} {'hold' if len(bad) > 1 else 'holds'} NaN or infinite values."
        )


def check_files(networks: dict[str, Any], variant: str | None = None) -> None:
    """Raises ValueError, which names the tensors, if a network's file holds others than the network has.

    Asked are the folders that diffusers and transformers loaded the networks from. Those whose tensors are no longer as
    they were loaded, such as quantised ones, can't be compared and are passed over.

    Args:
        networks: By name, just loaded; what is no network is passed over.
        variant: Of the files, such as "fp16". None accepts a network if any of its folder's files has its tensors.
    """
    for part, network in networks.items():
        # Empty for what was built, which is not the working folder.
        name = getattr(getattr(network, "config", None), "_name_or_path", "")
        folder = Path(name or "")
        if not isinstance(network, nn.Module) or not name or not folder.is_dir():
            continue
        if getattr(network, "hf_quantizer", None):
            continue
        files = [names for names in _file_sets(folder) if variant is None or f".{variant}" in names[0].name]
        problems = [_problems(network, names) for names in files or _file_sets(folder)]
        if problems and all(problems):
            raise ValueError(
                f"{folder}: the weights of the {part} don't fit {type(network).__name__} with the folder's "
                f"config.json: {_shown(problems[0])}."
            )


def load_unet_weights(unet: nn.Module, file: Path) -> None:
    """Copies a file's weights into a UNet.

    Raises:
        ValueError: If its tensors are others than the UNet's; the message names them.
    """
    problems = _problems(unet, [file])
    if problems:
        raise ValueError(f"{file}: the weights don't fit the UNet: {_shown(problems)}.")
    unet.load_state_dict(load_file(file))


def _is_finite(tensor: torch.Tensor) -> bool:
    """Whether no value is NaN or infinite; integers and what has no values yet count as finite."""
    if tensor.is_meta or not tensor.is_floating_point():
        return True
    # Not all operators know floats of 8 bits.
    return bool(torch.isfinite(tensor.float() if tensor.element_size() == 1 else tensor).all())


def _problems(network: nn.Module, files: Iterable[Path]) -> list[str]:
    """What is wrong with the tensors in the files of a network."""
    needed: Shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found: Shapes = {}
    for file in files:
        found |= _shapes(file)

    def is_ignored(name: str, kind: str) -> bool:
        patterns: Any = getattr(network, f"_keys_to_ignore_on_load_{kind}", None)
        return any(re.search(pattern, name) for pattern in patterns or ())

    missing = [f"{name} is missing" for name in needed if name not in found and not is_ignored(name, "missing")]
    unknown = [f"{name} is unknown" for name in found if name not in needed and not is_ignored(name, "unexpected")]
    others = [
        f"{name} has shape {found[name]} instead of {shape}"
        for name, shape in needed.items()
        if name in found and found[name] != shape
    ]
    return missing + others + unknown


def _shapes(file: Path) -> Shapes:
    """The shapes of the tensors in a file, by their names. Code that may be in it is not run."""
    if file.suffix != ".safetensors":
        return {name: tuple(tensor.shape) for name, tensor in read_tensors(file).items()}
    try:
        with safe_open(file, "pt") as tensors:
            return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}
    except SafetensorError as error:
        raise ValueError(f"{file}: is truncated or damaged: {error}") from error


def _file_sets(folder: Path) -> Iterator[list[Path]]:
    """The files of weights in a folder; those that are parts of one whole are together."""
    parts = set()
    for index in sorted(folder.glob("*.index*.json")):
        names = sorted(set(json.loads(index.read_text()).get("weight_map", {}).values()))
        parts.update(names)
        if names:
            yield [folder / name for name in names]
    for pattern in ("*.safetensors", "*.bin"):
        yield from ([file] for file in sorted(folder.glob(pattern)) if file.name not in parts)


def _shown(names: list[str]) -> str:
    """The first of them in words."""
    more = f"; and {len(names) - NUM_SHOWN} more" if len(names) > NUM_SHOWN else ""
    return "; ".join(names[:NUM_SHOWN]) + more
