"""Trained parts of a model in their folders: known again by what they were trained with."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

# Beside the weights of a part: the fingerprints of the networks that it was trained with, by name.
TRAINED_WITH = "trained_with.json"


def fingerprint(network: nn.Module) -> str:
    """64 hexadecimal digits that differ for networks with other weights or another scaling factor."""
    config: Any = getattr(network, "config", None)
    sha256 = hashlib.sha256(repr(getattr(config, "scaling_factor", None)).encode())
    for name, tensor in sorted(network.state_dict().items()):
        sha256.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha256.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return sha256.hexdigest()


def write_trained_with(folder: Path, fingerprints: Mapping[str, str]) -> None:
    """Notes beside a part what it was trained with; nothing if that is none."""
    if fingerprints:
        (folder / TRAINED_WITH).write_text(json.dumps(dict(fingerprints), indent=2) + "\n", encoding="utf-8")


def check_trained_with(folder: str | Path, **networks: nn.Module) -> None:
    """Raises ValueError if the part in a folder was trained with other networks than these.

    A part without such a note, as of earlier runs, passes.

    Args:
        folder: Of the part.
        **networks: By their names in the note.
    """
    trained_with = read_trained_with(folder)
    if trained_with is None:
        return
    other = [name for name, network in networks.items() if trained_with.get(name) != fingerprint(network)]
    if other:
        raise ValueError(
            f"{folder} was trained with another {' and '.join(other)} than the one that is to go with it: pass that "
            "one, or train it anew."
        )


def read_trained_with(folder: str | Path) -> dict[str, Any] | None:
    """The fingerprints of what the part in a folder was trained with, by name; None if it has no such note.

    Raises:
        ValueError: If the note is damaged.
    """
    file = Path(folder) / TRAINED_WITH
    if not file.is_file():
        return None
    try:
        trained_with = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is damaged: {error}.") from error
    if not isinstance(trained_with, dict):
        raise ValueError(f"{file} is damaged: it holds a {type(trained_with).__name__}.")
    return trained_with
