"""The examples in the docstrings of signal functions, metrics and the listening study are true."""

import doctest
import importlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "audiosr_pipeline"
MODULES = [
    f"audiosr_pipeline.{folder}.{path.stem}"
    for folder in ("dsp", "metrics", "study")
    for path in sorted((PACKAGE / folder).glob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name):
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried and not failed
