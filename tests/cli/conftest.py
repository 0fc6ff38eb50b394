"""A folder to run commands in, and what they load as the model."""

from pathlib import Path

import pytest

from audiosr_pipeline import AudioSRPipeline
from tests.cli.commands import StubPipeline


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pipeline(monkeypatch) -> StubPipeline:
    """Stands in for every model."""
    stub = StubPipeline()
    monkeypatch.setattr(AudioSRPipeline, "from_pretrained", lambda name: stub)
    return stub


@pytest.fixture
def real(tiny_pipeline, monkeypatch) -> AudioSRPipeline:
    monkeypatch.setattr(AudioSRPipeline, "from_pretrained", lambda name: tiny_pipeline)
    return tiny_pipeline
