"""Reads a file of tensors that comes from anywhere."""

import re
import zipfile
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors.torch import load_file
from torch import Tensor

from audiosr_pipeline.archives import archive_damage


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint, mapped into memory; code that may be in it is not run.

    A state dict that is wrapped, `{"state_dict": ...}`, is unwrapped, and what is no tensor is left out.

    Args:
        path: A file of `torch.save` or a `.safetensors` file, whatever its name.

    Raises:
        OSError: If the file can't be read.
        ValueError: If it isn't whole, by its checksums too, holds code or isn't such a file; the message says what it
            is.
    """
    if Path(path).is_dir():
        if (Path(path) / "model_index.json").is_file():
            raise ValueError(f"{path}: is a folder with a whole pipeline. Load it with from_pretrained.")
        raise ValueError(f"{path}: is a folder. Pass the checkpoint's file, such as pytorch_model.bin.")
    with open(path, "rb") as file:
        start = file.read(16)
    # A .safetensors file begins with a length of 8 bytes, then JSON; what torch.save writes is a zip archive.
    is_safetensors = start[8:9] == b"{"
    if not start:
        raise ValueError(f"{path}: is empty (0 bytes).")
    if not is_safetensors and not start.startswith(b"PK"):
        raise ValueError(
            f"{path}: is no checkpoint, it begins with {start!r}. Accepted are files of torch.save, in the format of "
            "PyTorch 1.6 and later, and .safetensors files."
        )
    if not is_safetensors and not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: is truncated: it begins as a file of torch.save, but its end is missing.")
    # torch compares no checksums of what it maps into memory.
    if not is_safetensors and (damage := archive_damage(path)):
        raise ValueError(f"{path}: is damaged: {damage}. Fetch the whole file again.")
    try:
        content = load_file(path) if is_safetensors else torch.load(path, "cpu", weights_only=True, mmap=True)
    except UnpicklingError as error:
        # The rest of torch's message advises to load it all the same.
        found = re.search(r"unsupported \w+:?( GLOBAL)? [\w.]*\w", str(error), re.IGNORECASE)
        raise ValueError(
            f"{path}: holds code or objects, or is damaged{f' ({found[0]})' if found else ''}. Nothing of it was run. "
            "Accepted are tensors by name."
        ) from error
    except (OSError, MemoryError):
        raise
    # What a damaged file does to its reader can be almost anything.
    except Exception as error:
        raise ValueError(f"{path}: is truncated or damaged: {error}") from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    tensors = {}
    if isinstance(content, dict):
        tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ValueError(f"{path}: holds a {type(content).__name__} without tensors. Accepted are tensors by name.")
    return tensors
