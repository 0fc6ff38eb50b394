"""Checks of weights that were loaded: diffusers draws what a file lacks at random, and only logs it."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

from audiosr_pipeline.convert.checkpoint_file import read_tensors

NUM_SHOWN = 6
Tensors = dict[str, Tensor]
Network = TypeVar("Network", bound=nn.Module)


def load_part(network_class: type[Network], folder: str | Path, **options: Any) -> Network:
    """The network that was saved to a folder; options as its `from_pretrained`.

    Raises:
        OSError: If the folder holds none.
        ValueError: If its file lacks tensors, which would be drawn at random, or holds others than the network has, or
            such as are NaN or infinite; the message names them.
    """
    network = network_class.from_pretrained(folder, **options)  # type: ignore[attr-defined]
    check_files({Path(folder).name: network})
    check_finite_weights({str(folder): network})
    return network


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


def check_files(networks: dict[str, Any]) -> None:
    """Raises ValueError, which names the tensors, if a network's file holds others than the network has.

    Asked are the folders that diffusers and transformers loaded the networks from. Of several files in a folder, those
    count whose values the network has. Networks whose tensors are no longer as they were loaded, such as quantised
    ones, can't be compared and are passed over.

    Args:
        networks: By name, just loaded; what is no network is passed over.
    """
    for part, network, folder in _loaded(networks):
        found = [_tensors(files) for files in _file_sets(folder)]
        if len(found) > 1:
            found = [tensors for tensors in found if _has_values(network, tensors)] or found
        problems = [_problems(network, tensors) for tensors in found]
        if problems and all(problems):
            raise ValueError(_misfit(part, network, folder, problems[0]))


def check_chosen_files(networks: dict[str, Any], variant: str | None, use_safetensors: bool | None) -> None:
    """As `check_files`, where it is known which of several files of a folder was loaded.

    Args:
        networks: See `check_files`.
        variant: As `from_pretrained` was given it, such as "fp16".
        use_safetensors: As `from_pretrained` was given it.
    """
    for part, network, folder in _loaded(networks):
        files = _file_sets(folder, variant, use_safetensors)
        if files and (problems := _problems(network, _tensors(files[0]))):
            raise ValueError(_misfit(part, network, folder, problems))


def check_vocoder_shapes(folder: Path, variant: str | None, use_safetensors: bool | None) -> None:
    """Raises ValueError, which names the tensors, if some in a `SpeechT5HifiGan`'s file have other shapes than it has.

    transformers refuses to load such a network without naming the tensors.

    Args:
        folder: Of the network.
        variant: See `check_chosen_files`.
        use_safetensors: See `check_chosen_files`.
    """
    with torch.device("meta"):
        network = SpeechT5HifiGan(SpeechT5HifiGanConfig.from_pretrained(folder))
    files = _file_sets(folder, variant, use_safetensors)
    if files and (others := _other_shapes(network, _tensors(files[0]))):
        raise ValueError(_misfit("vocoder", network, folder, others))


def load_unet_weights(unet: nn.Module, file: Path) -> None:
    """Copies a file's weights into a UNet.

    Raises:
        ValueError: If its tensors are others than the UNet's; the message names them.
    """
    tensors = _tensors([file])
    problems = _problems(unet, tensors)
    if problems:
        raise ValueError(f"{file}: the weights don't fit the UNet: {_shown(problems)}.")
    unet.load_state_dict(tensors)


def _is_finite(tensor: torch.Tensor) -> bool:
    """Whether no value is NaN or infinite; integers and what has no values yet count as finite."""
    if tensor.is_meta or not tensor.is_floating_point():
        return True
    # Not all operators know floats of 8 bits.
    return bool(torch.isfinite(tensor.float() if tensor.element_size() == 1 else tensor).all())


def _loaded(networks: dict[str, Any]) -> Iterator[tuple[str, nn.Module, Path]]:
    """The networks that were loaded from folders and can be compared with them: name, network, folder."""
    for part, network in networks.items():
        # Empty for what was built, which is not the working folder.
        name = getattr(getattr(network, "config", None), "_name_or_path", "")
        if (
            isinstance(network, nn.Module)
            and name
            and Path(name).is_dir()
            and not getattr(network, "hf_quantizer", None)
        ):
            yield part, network, Path(name)


def _misfit(part: str, network: nn.Module, folder: Path, problems: list[str]) -> str:
    """The message about tensors of a file that aren't those of a network."""
    return (
        f"{folder}: the weights of the {part} don't fit {type(network).__name__} with the folder's config.json: "
        f"{_shown(problems)}."
    )


def _problems(network: nn.Module, found: Tensors) -> list[str]:
    """What is wrong with the tensors that were found in the files of a network."""
    needed = network.state_dict()

    def is_ignored(name: str, kind: str) -> bool:
        patterns: Any = getattr(network, f"_keys_to_ignore_on_load_{kind}", None)
        return any(re.search(pattern, name) for pattern in patterns or ())

    # Tensors that are tied, as a T5's embeddings, are saved once.
    pointers = {name: tensor.data_ptr() for name, tensor in needed.items() if not tensor.is_meta and tensor.numel()}
    loaded = {pointer for name, pointer in pointers.items() if name in found}
    missing = [
        f"{name} is missing"
        for name in needed
        if name not in found and pointers.get(name) not in loaded and not is_ignored(name, "missing")
    ]
    unknown = [f"{name} is unknown" for name in found if name not in needed and not is_ignored(name, "unexpected")]
    return missing + _other_shapes(network, found) + unknown


def _other_shapes(network: nn.Module, found: Tensors) -> list[str]:
    """Which tensors have another shape than the network's of that name."""
    return [
        f"{name} has shape {tuple(found[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in network.state_dict().items()
        if name in found and found[name].shape != tensor.shape
    ]


def _has_values(network: nn.Module, found: Tensors) -> bool:
    """Whether the network's tensors have the values of those that were found, so far as there are any of their names.

    What was left in a file until it is needed counts as having them.
    """
    return all(
        tensor.is_meta or torch.equal(found[name].to(tensor.dtype), tensor.cpu())
        for name, tensor in network.state_dict().items()
        if name in found and found[name].shape == tensor.shape
    )


def _tensors(files: Iterable[Path]) -> Tensors:
    """The tensors in files, by their names, mapped into memory. Code that may be in a file is not run."""
    return {name: tensor for file in files for name, tensor in read_tensors(file).items()}


def _file_sets(folder: Path, variant: str | None = None, use_safetensors: bool | None = None) -> list[list[Path]]:
    """The files of weights in a folder, first those that are loaded; those that are parts of one whole are together.

    Args:
        folder: Of one network.
        variant: If the folder has files of this variant, only those are taken; None takes all.
        use_safetensors: Whether only `.safetensors` or only `.bin` files are taken; None takes both.
    """
    wholes = []
    for index in sorted(folder.glob("*.index*.json")):
        names = sorted(set(json.loads(index.read_text()).get("weight_map", {}).values()))
        if names:
            wholes.append([folder / name for name in names])
    parts = {file for files in wholes for file in files}
    for pattern in ("*.safetensors", "*.bin"):
        wholes += [[file] for file in sorted(folder.glob(pattern)) if file not in parts]
    # A variant's name has one part more. Sorting keeps the order of what is alike.
    wholes.sort(key=lambda files: (files[0].suffix != ".safetensors", len(files[0].suffixes)))
    if use_safetensors is not None:
        wholes = [files for files in wholes if (files[0].suffix == ".safetensors") == use_safetensors]
    return [files for files in wholes if variant is not None and f".{variant}" in files[0].name] or wholes


def _shown(names: list[str]) -> str:
    """The first of them in words."""
    more = f"; and {len(names) - NUM_SHOWN} more" if len(names) > NUM_SHOWN else ""
    return "; ".join(names[:NUM_SHOWN]) + more
