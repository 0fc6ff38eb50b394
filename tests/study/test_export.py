"""A study in the forms that other tools document."""

import csv
import json
import shutil

import pytest
import yaml

from audiosr_pipeline.audio_io import read_audio
from audiosr_pipeline.study import build, builder
from audiosr_pipeline.study.build import StudySettings, build_study
from audiosr_pipeline.study.export import export_listen_and_rate, export_p808
from audiosr_pipeline.study.items import FolderSet
from tests.study.sources import save_clips

# The fields that listen-and-rate's examples/config.ab.yaml and config.mos.yaml document; it refuses others.
FIELDS = {"test_type", "allow_tie", "title", "instructions", "output", "stimuli_dirs", "practice"}


@pytest.fixture(scope="module")
def study(tiny_pipeline, tmp_path_factory):
    """Three systems, one training item, and two test items whose names differ in what the tools don't take."""
    root = tmp_path_factory.mktemp("exported")
    folder = save_clips(root / "in", 3)
    (folder / "clip0.wav").rename(folder / "clip 1.wav")
    (folder / "clip1.wav").rename(folder / "clip_1.wav")
    settings = StudySettings(
        title='"Which" sounds: better?', device="cpu", num_inference_steps=1, num_forms=2, num_checks=1
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder.AudioSRPipeline, "from_pretrained", lambda checkpoint: tiny_pipeline)
        manifest = build_study(root / "study", [FolderSet("x", folder, 2)], {"third": folder}, settings)
    return root / "study", manifest


def items_of_the_test(manifest):
    return {item["item"] for item in manifest["items"] if "test" in item["roles"]}


def test_listen_and_rate_gets_a_folder_per_system_with_the_same_names(study, tmp_path):
    folder, manifest = study
    configurations = export_listen_and_rate(folder, tmp_path / "out")
    names = ["config.ab.original-audiosr.yaml", "config.ab.audiosr-third.yaml", "config.mos.yaml"]
    assert [path.name for path in configurations] == names
    systems = {}
    for path in configurations:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert set(config) <= FIELDS and config["title"] == '"Which" sounds: better?' and config["instructions"]
        assert config["test_type"] == path.name.split(".")[1]
        entries = config["stimuli_dirs"]["systems"]
        if config["test_type"] == "ab":
            assert len(entries) == 2 and config["allow_tie"] is True
        systems.update({entry["system"]: tmp_path / "out" / entry["path"] for entry in entries})
    assert list(systems) == ["original", "audiosr", "third"]
    stems = [sorted(path.stem for path in place.iterdir()) for place in systems.values()]
    assert stems[0] == stems[1] == stems[2] and len(stems[0]) == len(items_of_the_test(manifest)) == 2
    # Each stimulus lies under its system.
    for stimulus in manifest["stimuli"]:
        if stimulus["role"] == "item" and stimulus["item"] in items_of_the_test(manifest):
            audio = (folder / "page/audio" / f"{stimulus['stimulus']}.flac").read_bytes()
            assert sum(path.read_bytes() == audio for path in systems[stimulus["system"]].iterdir()) == 1


def test_p808_gets_tables_of_addresses_and_wav_files(study, tmp_path):
    folder, manifest = study
    tables = export_p808(folder, tmp_path / "out", "https://example.org/clips/")
    systems = {stimulus["stimulus"]: stimulus["system"] for stimulus in manifest["stimuli"]}
    # The columns of docs/prep_dcr_ccr.md.
    expected = {
        "rating_clips.csv": (["rating_clips", "references"], "test", 2 * len(items_of_the_test(manifest))),
        "training_clips.csv": (["training_clips", "training_references"], "training", 2),
    }
    found = set()
    for path in tables:
        columns, _, num_rows = expected[path.name]
        with open(path, newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        assert header == columns and len(rows) == num_rows
        for row in rows:
            names = [address.removeprefix("https://example.org/clips/").removesuffix(".wav") for address in row]
            assert (systems[names[0]], systems[names[1]]) in (("audiosr", "original"), ("third", "audiosr"))
            found |= set(names)
    assert {path.stem for path in (tmp_path / "out/clips").iterdir()} == found
    for name in found:
        wav, sampling_rate = read_audio(tmp_path / "out/clips" / f"{name}.wav")
        flac, _ = read_audio(folder / "page/audio" / f"{name}.flac")
        assert sampling_rate == 48_000 and (wav == flac).all()


def test_p808_needs_pairs(study, tmp_path):
    folder, _ = study
    text = (folder / "manifest.json").read_text(encoding="utf-8").replace('"role": "training"', '"role": "test"')
    (tmp_path / "study").mkdir()
    (tmp_path / "study/manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="no pairs for training_clips.csv"):
        export_p808(tmp_path / "study", tmp_path / "out", "https://example.org")
    assert not (tmp_path / "out").exists()


# What a manifest from elsewhere may hold in the place of a name.
OUTSIDE = ["../out", "/tmp/out", "..", "C:\\out", "\\\\host\\out", "out\0", "", ".", "a b", "*", None, 3, ["a"]]


@pytest.mark.parametrize("name", OUTSIDE, ids=repr)
@pytest.mark.parametrize("place", ["study", "system", "generator", "stimulus", "trial", "set", "of a trial", "form"])
def test_a_manifest_with_a_name_that_no_study_gives_is_refused_when_it_is_read(study, tmp_path, place, name):
    folder, _ = study
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    record, field = {
        "study": (manifest, "study"),
        "system": (manifest["stimuli"][-1], "system"),
        "generator": (manifest["items"][0], "generator"),
        "stimulus": (manifest["stimuli"][0], "stimulus"),
        "trial": (manifest["trials"][0], "name"),
        "set": (manifest["sets"][0], "generator"),
        "of a trial": (manifest["trials"][0]["systems"], next(iter(manifest["trials"][0]["systems"]))),
        "form": (manifest["forms"][0][0], "a"),
    }[place]
    record[field] = name
    (tmp_path / "study").mkdir()
    (tmp_path / "study/manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    exports = (export_listen_and_rate, lambda study, output: export_p808(study, output, "https://example.org"))
    for export in (*exports, lambda study, output: build.rebuild_study(study / "manifest.json", output)):
        with pytest.raises(ValueError, match=r"manifest\.json"):
            export(tmp_path / "study", tmp_path / "deep/out")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["manifest.json", "study"]


@pytest.mark.parametrize("item", ["../a", "a/../../b", "/a", "\\a", "C:\\a", "C:/a", "..\\a", "a\0", "", None])
def test_an_item_lies_below_its_folder(study, tmp_path, item):
    folder, _ = study
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for part in ("items", "stimuli", "trials"):
        manifest[part][0]["item"] = item
        (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        with pytest.raises(ValueError, match=r"manifest\.json"):
            export_listen_and_rate(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("part", ["sets", "items", "stimuli", "trials", "forms", "systems", "settings", "skipped"])
@pytest.mark.parametrize("value", [None, "x", [3], {"a": 1}, "missing"], ids=repr)
def test_a_manifest_that_lacks_a_part_is_refused_in_a_line(study, tmp_path, part, value):
    folder, _ = study
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest[part] = value
    if value == "missing":
        del manifest[part]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ValueError, match=r"manifest\.json"):
        build.rebuild_study(tmp_path / "manifest.json", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_address_is_one(study, tmp_path):
    with pytest.raises(ValueError, match="base_url==cmd; accepted are addresses"):
        export_p808(study[0], tmp_path / "out", "=cmd")


def test_a_stimulus_that_is_missing_is_named(study, tmp_path):
    shutil.copytree(study[0], tmp_path / "study")
    gone = next((tmp_path / "study/page/audio").iterdir())
    gone.unlink()
    with pytest.raises(FileNotFoundError, match=f"holds 0 files of stimulus {gone.stem}"):
        for export in (export_listen_and_rate, lambda study, output: export_p808(study, output, "https://x")):
            export(tmp_path / "study", tmp_path / export.__name__.strip("<>"))


@pytest.mark.parametrize("export", [export_listen_and_rate, lambda study, output: export_p808(study, output, "x")])
def test_what_is_no_study_is_told(export, tmp_path):
    with pytest.raises(FileNotFoundError, match="manifest.json is not a file"):
        export(tmp_path, tmp_path / "out")
