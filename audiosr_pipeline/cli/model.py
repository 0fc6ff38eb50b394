"""The model that a command is to use."""

import re
from pathlib import Path
from typing import Any

from audiosr_pipeline.cli.arguments import UsageError
from audiosr_pipeline.cli.messages import one_line
from audiosr_pipeline.cli.signals import importing
from audiosr_pipeline.pipelines.bundled import WEIGHTS

# The folder that each pipeline's models have, and no other's.
MAIN_PARTS = {"AudioSRPipeline": "unet", "DAGPipeline": "model"}
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def own_models(name: str = "AudioSRPipeline") -> list[str]:
    """The models that ship with the package, of the pipeline of that name."""
    part = MAIN_PARTS[name]
    return sorted(path.name for path in WEIGHTS.iterdir() if (path / part).is_dir())


def check_model(model: str, name: str = "AudioSRPipeline") -> None:
    """Finds a mistyped name before the Hub is asked for it.

    Args:
        model: A folder, a model of the package or a Hub id.
        name: The pipeline that is to load it.

    Raises:
        UsageError: If it is no folder, none of the package's own models, and not of the form of a Hub id.
    """
    # Without a name the path is that of the current folder.
    is_folder = bool(model) and Path(model).is_dir()
    if is_folder or model in own_models(name) or (HUB_ID.fullmatch(model) and not model.startswith(".")):
        return
    raise UsageError(f"--model {model} is {_accepted(name)}")


def load_pipeline(model: str, device: str | None, hide_bars: bool, name: str = "AudioSRPipeline") -> Any:
    """Loads the model and puts it on its device.

    Args:
        model: A folder, a model of the package or a Hub id.
        device: As torch names it; None is a GPU if there is one, else the CPU.
        hide_bars: Whether progress isn't shown.
        name: The pipeline that is to load it.

    Raises:
        UsageError: If it can't be loaded.
    """
    with importing():
        import torch
        from diffusers.utils import logging

        import audiosr_pipeline

    if hide_bars:
        logging.disable_progress_bar()
    try:
        pipeline = getattr(audiosr_pipeline, name).from_pretrained(model)
        pipeline.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    # From a Hub id on, what can go wrong here is too much to list; none of it is the fault of an input.
    except Exception as error:
        hint = "" if Path(model).is_dir() or model in own_models(name) else f". It is {_accepted(name)}"
        raise UsageError(f"--model {model} can't be loaded: {one_line(error)}{hint}") from error
    return pipeline


def _accepted(name: str) -> str:
    return (
        f"no folder, and none of this package's models ({', '.join(own_models(name))}); accepted are these and "
        "OWNER/NAME, a model of the Hub"
    )
