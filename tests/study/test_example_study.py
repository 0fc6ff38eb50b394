"""The study that lies in examples/ is whole, and what its manifest says."""

import hashlib
from pathlib import Path

from audiosr_pipeline.study.answers import read_key
from audiosr_pipeline.study.manifest import read_manifest
from audiosr_pipeline.study.page import read_study, stimuli_of, write_page

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


def test_its_page_is_the_one_that_is_written_now(tmp_path):
    """It holds copies of the page's script and style, which may not grow old."""
    audio = {path.stem: path for path in (EXAMPLE / "page/audio").iterdir()}
    write_page(tmp_path, read_study(EXAMPLE / "page"), audio)
    written = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    lying = {path.relative_to(EXAMPLE / "page"): path for path in (EXAMPLE / "page").rglob("*") if path.is_file()}
    assert set(written) == set(lying)
    assert all(lying[name].read_bytes() == content for name, content in written.items())
