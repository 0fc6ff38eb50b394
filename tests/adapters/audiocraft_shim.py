"""Stands in for what audiocraft 1.3.0 imports but `make test-audiocraft` can't install, so that its own code runs.

xformers and torchaudio are compiled against one build of torch each, and spacy would download a language. audiocraft
uses them for its optional attention, for melody and spectrogram losses, and to split a debug model's prompt into words.
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import nn


def words(text: str) -> list[SimpleNamespace]:
    """What a spacy language makes of a text, as far as audiocraft looks at it."""
    return [SimpleNamespace(text=word, lemma_=word, is_stop=False) for word in text.split()]


STANDS_IN: dict[str, dict[str, Any]] = {
    "xformers.ops": {"unbind": torch.unbind},
    "torchaudio.transforms": {"MelSpectrogram": nn.Module},
    "spacy": {"load": lambda language: words},
}


def install() -> None:
    """Puts modules with these names where none are installed."""
    for name, contents in STANDS_IN.items():
        package, _, child = name.partition(".")
        if importlib.util.find_spec(package) is not None:
            continue
        sys.modules[package] = _module(package, {})
        sys.modules[name] = _module(name, contents)
        if child:
            setattr(sys.modules[package], child, sys.modules[name])


def _module(name: str, contents: dict[str, Any]) -> ModuleType:
    module = ModuleType(name)
    # `find_spec` of a module without one is an error, and transformers asks for it.
    module.__spec__ = ModuleSpec(name, loader=None)
    vars(module).update(contents)
    return module
