"""What every result is printed with: the pipeline's settings, versions and hardware."""

import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path

import diffusers
import numpy as np
import scipy
import torch
from diffusers import DiffusionPipeline

from audiosr_pipeline import __version__


def shown(path: str) -> str:
    """Of folders elsewhere only the name: results are published."""
    kind, separator, folder = path.rpartition("=")
    elsewhere = Path(folder).is_absolute() or ".." in Path(folder).parts
    return kind + separator + (Path(folder).name if elsewhere else folder)


def settings_of(pipe: DiffusionPipeline) -> str:
    """The numbers that a pipeline is configured with, and its scheduler."""
    numbers = [f"{name} {value}" for name, value in pipe.config.items() if isinstance(value, int | float)]
    return ", ".join([*numbers, type(pipe.scheduler).__name__])


def software_and_hardware() -> Iterator[str]:
    """Two lines: the versions, and the processor with its cores and the threads that torch uses."""
    yield (
        f"audiosr-pipeline {__version__}, Python {platform.python_version()}, torch {torch.__version__}, "
        f"diffusers {diffusers.__version__}, numpy {np.__version__}, scipy {scipy.__version__}"
    )
    yield f"{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads used, {platform.system()}"


def _processor() -> str:
    """The processor's name."""
    try:
        names = re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
