"""The model that a command is to use."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from audiosr_pipeline.cli.arguments import UsageError
from audiosr_pipeline.cli.messages import one_line
from audiosr_pipeline.cli.signals import importing
from audiosr_pipeline.pipelines.bundled import WEIGHTS

if TYPE_CHECKING:
    from audiosr_pipeline import AudioSRPipeline

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def own_models() -> list[str]:
    """The models that ship with the package."""
    return sorted(path.name for path in WEIGHTS.iterdir() if (path / "unet").is_dir())


def check_model(model: str) -> None:
    """Finds a mistyped name before the Hub is asked for it.

    Raises:
        UsageError: If it is no folder, none of the package's own models, and not of the form of a Hub id.
    """
    # Without a name the path is that of the current folder.
    is_folder = bool(model) and Path(model).is_dir()
    if is_folder or model in own_models() or (HUB_ID.fullmatch(model) and not model.startswith(".")):
        return
    raise UsageError(f"--model {model} is {_accepted()}")


def load_pipeline(model: str, device: str | None, hide_bars: bool) -> "AudioSRPipeline":
    """Loads the model and puts it on its device."""
    with importing():
        import torch
        from diffusers.utils import logging

        from audiosr_pipeline import AudioSRPipeline

    if hide_bars:
        logging.disable_progress_bar()
    try:
        pipeline = AudioSRPipeline.from_pretrained(model)
        pipeline.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    # From a Hub id on, what can go wrong here is too much to list; none of it is the fault of an input.
    except Exception as error:
        hint = "" if Path(model).is_dir() or model in own_models() else f". It is {_accepted()}"
        raise UsageError(f"--model {model} can't be loaded: {one_line(error)}{hint}") from error
    return pipeline


def _accepted() -> str:
    return (
        f"no folder, and none of this package's models ({', '.join(own_models())}); accepted are these and OWNER/NAME, "
        "a model of the Hub"
    )
