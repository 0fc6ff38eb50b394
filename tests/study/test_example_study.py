"""The study that lies in examples/ is whole, and what its manifest says."""

import hashlib
from pathlib import Path

from audiosr_pipeline.study.answers import read_key
from audiosr_pipeline.study.manifest import read_manifest
from audiosr_pipeline.study.page import read_study, stimuli_of

EXAMPLE = Path(__file__).parents[2] / "examples/listening/study"


def test_page_key_and_manifest_are_of_one_study():
    manifest = read_manifest(EXAMPLE / "manifest.json")
    page, key = read_study(EXAMPLE / "page"), read_key(EXAMPLE / "key.csv")
    assert page["study"] == manifest["study"] == key.study
    checksums = {stimulus["stimulus"]: stimulus["sha256"] for stimulus in manifest["stimuli"]}
    assert set(stimuli_of(page)) == set(checksums)
    for name, checksum in checksums.items():
        assert hashlib.sha256((EXAMPLE / f"page/audio/{name}.flac").read_bytes()).hexdigest() == checksum
        assert (EXAMPLE / f"page/stimuli/{name}.js").is_file()


def test_its_sources_lie_beside_it():
    root = EXAMPLE.parents[2]
    for item in read_manifest(EXAMPLE / "manifest.json")["items"]:
        assert hashlib.sha256((root / item["source"]).read_bytes()).hexdigest() == item["source_sha256"]
