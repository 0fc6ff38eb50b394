"""Values that options of several commands take, as argparse types, and how --help describes them."""

import argparse
import math
import re
from collections.abc import Callable

INPUTS = (
    "audio files, folders (with their subfolders), patterns like *.wav; - is stdin; ./-a.wav is a file whose name "
    "begins with a dash"
)
DEVICE = '"cpu", "cuda", "cuda:1", "mps"; default: cuda if there is one, else cpu'


def number(kind: Callable[[str], float], lowest: float, highest: float = math.inf) -> Callable[[str], float]:
    """An argparse type: a finite number within bounds."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (lowest <= value <= highest and math.isfinite(value)):
            bounds = f"from {lowest} on" if highest == math.inf else f"from {lowest} to {highest}"
            raise argparse.ArgumentTypeError(f"{text} is not a {'whole ' if kind is int else ''}number {bounds}")
        return value

    return parse


def device(text: str) -> str:
    """An argparse type: a device that torch can use here."""
    if text == "cpu":
        return text
    import torch

    here = ["cpu"]
    if torch.cuda.is_available():
        here += ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        here.append("mps")
    if text not in here:
        known = text == "mps" or re.fullmatch(r"cuda(:\d+)?", text)
        raise argparse.ArgumentTypeError(
            f"{text} is {'not there' if known else 'no device'}; accepted are cpu, cuda, cuda:1 and the like, and mps, "
            f"of which there are here: {', '.join(here)}"
        )
    return text
