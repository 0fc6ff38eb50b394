"""What is pushed to the Hub can be loaded from there."""

from pathlib import Path
from typing import Any

import pytest
from diffusers import DiffusionPipeline
from huggingface_hub import ModelCard
from torch import nn

from audiosr_pipeline import AudioSRPipeline
from tests.conftest import build_tiny_pipeline
from tests.pipelines.local_hub import LocalHub
from tests.pipelines.official_classes import build_official_pipeline
from tests.pipelines.stubs import assert_same, new_band
from tests.signals import noise

AUDIO = noise(0.5, 16_000)[0]
NAME = "someone/tiny-audiosr"


@pytest.fixture
def hub(tmp_path, monkeypatch) -> LocalHub:
    return LocalHub(tmp_path).install(monkeypatch)


@pytest.fixture(params=[build_tiny_pipeline, build_official_pipeline], ids=["mini", "official"])
def pipeline(request) -> AudioSRPipeline:
    return request.param()


def components_of(pipeline) -> dict[str, Any]:
    """Those that it has: one is optional."""
    return {name: part for name, part in pipeline.components.items() if part is not None}


@pytest.mark.parametrize("way", ["push_to_hub", "save_pretrained", "save_pretrained with a Path"])
def test_what_is_pushed_holds_all_that_loading_needs(hub, pipeline, tmp_path, way):
    if way == "push_to_hub":
        pipeline.push_to_hub(NAME)
    else:
        folder = tmp_path / "saved"
        pipeline.save_pretrained(folder if "Path" in way else str(folder), push_to_hub=True, repo_id=NAME)
    files = hub.files(NAME)
    assert {"README.md", "model_index.json", "pipeline.py"} < set(files)
    assert {name.split("/")[0] for name in files if "/" in name} == set(components_of(pipeline))
    card = ModelCard((hub.hub / NAME / "README.md").read_text())
    assert card.data.library_name == "diffusers"
    folder = str(hub.hub / NAME)
    pipe = DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True)
    assert type(pipe) is AudioSRPipeline
    assert_same(new_band(pipe), new_band(pipeline))


def test_it_is_loaded_from_the_hub(hub, pipeline):
    """diffusers chooses the files to download, and refuses a component of a module that it doesn't know."""
    pipeline.push_to_hub(NAME)
    pipe = AudioSRPipeline.from_pretrained(NAME)
    assert_same(new_band(pipe), new_band(pipeline))
    assert pipe.parameters == pipeline.parameters
    assert pipe(AUDIO, 16_000).reports[0].model == "tiny-audiosr"
    assert Path(hub.cache / NAME / "vae").is_dir()


def test_plain_diffusers_loads_it_from_the_hub(hub, pipeline):
    pipeline.push_to_hub(NAME)
    pipe = DiffusionPipeline.from_pretrained(NAME, custom_pipeline=NAME, trust_remote_code=True)
    assert type(pipe) is AudioSRPipeline
    assert_same(new_band(pipe), new_band(pipeline))


def test_only_the_variant_that_is_asked_for_is_downloaded(hub, pipeline):
    pipeline.push_to_hub(NAME)
    pipeline.push_to_hub(NAME, variant="fp16")
    AudioSRPipeline.from_pretrained(NAME, variant="fp16")
    weights = [path.name for path in (hub.cache / NAME).rglob("*.safetensors")]
    networks = [part for part in components_of(pipeline).values() if isinstance(part, nn.Module)]
    assert len(weights) == len(networks) and all(".fp16." in name for name in weights)


def test_a_card_that_is_there_is_kept(hub, monkeypatch):
    monkeypatch.setattr(hub, "load_card", lambda *_, **__: ModelCard("---\nlicense: mit\n---\nOur own words.\n"))
    hub.install(monkeypatch)
    build_tiny_pipeline().push_to_hub(NAME)
    assert "Our own words." in (hub.hub / NAME / "README.md").read_text()
