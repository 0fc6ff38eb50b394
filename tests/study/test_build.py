"""A study as it is built: what lies in its folder, what is left out, and that it can be built again."""

import csv
import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit

from audiosr_pipeline.audio_io import read_audio, write_audio
from audiosr_pipeline.study import builder
from audiosr_pipeline.study.answers import read_key
from audiosr_pipeline.study.build import StudySettings, build_study, rebuild_study
from audiosr_pipeline.study.export import export_listen_and_rate
from audiosr_pipeline.study.items import FolderSet, PromptSet
from audiosr_pipeline.study.page import read_study
from audiosr_pipeline.study.stimuli import true_peak_dbtp
from audiosr_pipeline.study.tagging import load_music_tagger
from tests.signals import level_db, music_like, noise
from tests.study.sources import save_clips, save_generator, save_tagger

SETTINGS = StudySettings(device="cpu", num_inference_steps=1, num_forms=2, num_checks=1, title="A <study>")


@pytest.fixture(scope="module", autouse=True)
def tiny_audiosr(tiny_pipeline):
    """Instead of loading a model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder.AudioSRPipeline, "from_pretrained", lambda checkpoint: tiny_pipeline)
        yield


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Folders of two generators, and of what a further system made of their clips."""
    root = tmp_path_factory.mktemp("sources")
    save_clips(root / "alpha", 3)
    save_clips(root / "beta", 2, 22_050)
    for generator, clip in [("alpha", 0), ("alpha", 1), ("alpha", 2), ("beta", 0), ("beta", 1)]:
        audio, sampling_rate = read_audio(root / generator / f"clip{clip}.wav")
        (root / "third" / generator).mkdir(parents=True, exist_ok=True)
        write_audio(root / "third" / generator / f"clip{clip}.flac", 0.5 * audio, sampling_rate)
    return root


@pytest.fixture(scope="module")
def study(sources, tmp_path_factory):
    """The folder of a study, its manifest, and what it was built with."""
    output = tmp_path_factory.mktemp("studies") / "study"
    sets = [FolderSet("alpha", sources / "alpha", 2, licence="CC0"), FolderSet("beta", sources / "beta")]
    return output, build_study(output, sets, {"third": sources / "third"}, SETTINGS)


def files_in(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stimuli_of(manifest, role="item"):
    return [stimulus for stimulus in manifest["stimuli"] if stimulus["role"] == role]


def test_the_folder_holds_page_key_and_manifest(study):
    folder, manifest = study
    names = [stimulus["stimulus"] for stimulus in manifest["stimuli"]]
    assert len(set(names)) == len(names) and all(len(name) == 12 and int(name, 16) >= 0 for name in names)
    expected = {"key.csv", "manifest.json", "manifest.csv", "page/index.html"}
    expected |= {f"page/audio/{name}.flac" for name in names} | {f"page/stimuli/{name}.js" for name in names}
    assert set(files_in(folder)) == expected
    assert json.loads((folder / "manifest.json").read_text(encoding="utf-8")) == manifest
    assert list(folder.parent.iterdir()) == [folder]


def test_listeners_get_nothing_that_names_a_system_or_an_item(study):
    folder, manifest = study
    page = read_study(folder / "page")
    assert page["study"] == manifest["study"] and page["forms"] == manifest["forms"] and page["title"] == "A <study>"
    assert set(page) == {"study", "title", "forms", "durations_s"}
    assert {key for form in page["forms"] for entry in form for key in entry} <= {
        "trial",
        "question",
        "training",
        "a",
        "b",
    }
    # In the order of the items an original would come first.
    assert list(page["durations_s"]) == sorted(page["durations_s"])


def test_the_key_says_what_each_trial_was(study):
    folder, manifest = study
    key = read_key(folder / "key.csv")
    assert key.study == manifest["study"]
    assert {entry["trial"] for form in manifest["forms"] for entry in form} == set(key.trials)
    pairs = {tuple(trial.systems.values()) for trial in key.trials.values() if trial.role == "test"}
    assert pairs == {("original", "audiosr"), ("audiosr", "third"), ("original",), ("audiosr",), ("third",)}
    checks = {trial.role: tuple(trial.systems.values()) for trial in key.trials.values()}
    assert checks["identical"] == ("original", "original") and checks["lowpassed"] == ("original", "lowpassed")


def test_stimuli_are_as_the_manifest_says(study):
    folder, manifest = study
    for stimulus in manifest["stimuli"]:
        path = folder / "page/audio" / f"{stimulus['stimulus']}.flac"
        audio, sampling_rate = read_audio(path)
        assert sampling_rate == 48_000 and len(audio) == stimulus["num_channels"]
        assert audio.shape[-1] / 48_000 == pytest.approx(stimulus["duration_s"], abs=0.001)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == stimulus["sha256"]
        # Written with two decimals, and of samples rounded to 16 bits.
        assert (
            true_peak_dbtp(audio) == pytest.approx(stimulus["true_peak_dbtp"], abs=0.02)
            and true_peak_dbtp(audio) < -0.98
        )
    # The third system gave half the level, apart from the 16 bits of its files.
    third = [stimulus for stimulus in stimuli_of(manifest) if stimulus["system"] == "third"]
    assert [stimulus["match_db"] for stimulus in third] == pytest.approx([6.02] * 5, abs=0.01)
    for item in manifest["items"]:
        own = [s for s in stimuli_of(manifest) if (s["generator"], s["item"]) == (item["generator"], item["item"])]
        assert len({(s["duration_s"], s["gain_db"]) for s in own}) == 1
        assert [s["system"] for s in own] == ["original", "audiosr", "third"]


def test_attention_checks_are_one_clip_twice_and_one_without_highs(study):
    folder, manifest = study
    one, other = stimuli_of(manifest, "identical")
    assert one["sha256"] == other["sha256"] and one["stimulus"] != other["stimulus"]
    original, lowpassed = (
        read_audio(folder / "page/audio" / f"{stimulus['stimulus']}.flac")[0]
        for stimulus in stimuli_of(manifest, "lowpassed")
    )
    assert level_db(original - lowpassed) > level_db(original) - 20
    # Of all items the one with most above 2 kHz.
    shares = {item["item"]: item["share_above_check"] for item in manifest["items"] if "test" in item["roles"]}
    assert shares[one["item"]] == max(shares.values())


def test_training_takes_a_spare_item_or_else_one_of_the_test(study):
    _, manifest = study
    roles = {(item["generator"], item["item"]): item["roles"] for item in manifest["items"]}
    # Two of three are asked for; of the other set all.
    assert sorted(own for (generator, _), own in roles.items() if generator == "alpha") == [
        ["test"],
        ["test"],
        ["training"],
    ]
    assert {item: own for (generator, item), own in roles.items() if generator == "beta"} == {
        "clip0": ["test", "training"],
        "clip1": ["test"],
    }


def test_the_manifest_as_a_table_has_a_row_for_each_stimulus(study):
    folder, manifest = study
    with open(folder / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["stimulus"] for row in rows] == [stimulus["stimulus"] for stimulus in manifest["stimuli"]]
    assert {row["study"] for row in rows} == {manifest["study"]}
    alpha = [row for row in rows if row["generator"] == "alpha"]
    assert {row["licence"] for row in alpha} == {"CC0"} and {row["sampling_rate"] for row in alpha} == {"16000"}
    assert all(row["source_sha256"] and 0 < float(row["bandwidth"]) <= 8_000 for row in alpha)


def test_rebuilding_gives_the_same_files(study, tmp_path):
    folder, manifest = study
    rebuilt = rebuild_study(folder / "manifest.json", tmp_path / "again")
    assert rebuilt == manifest and files_in(tmp_path / "again") == files_in(folder)


def test_rebuilding_names_the_sources_that_changed(study, sources, tmp_path):
    folder, _ = study
    moved = tmp_path / "moved"
    shutil.copytree(sources, moved)
    text = (folder / "manifest.json").read_text(encoding="utf-8").replace(str(sources), str(moved))
    (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    write_audio(moved / "alpha/clip1.wav", music_like(0.5, 16_000, seed=7), 16_000)
    (moved / "beta/clip0.wav").unlink()
    with pytest.raises(ValueError, match="2 sources are not what they were") as error:
        rebuild_study(tmp_path / "manifest.json", tmp_path / "again")
    assert f"alpha, clip1: {moved / 'alpha/clip1.wav'} gives other audio" in str(error.value)
    assert f"beta, clip0: FileNotFoundError: {moved / 'beta'} holds no audio file clip0" in str(error.value)
    assert "Versions: as they were" in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "moved"]


def test_rebuilding_names_the_stimuli_that_come_out_differently(study, tmp_path):
    folder, manifest = study
    stimulus = manifest["stimuli"][1]
    text = (folder / "manifest.json").read_text(encoding="utf-8").replace(stimulus["sha256"], "0" * 64)
    text = text.replace('"torch": "', '"torch": "0.')
    (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(
        ValueError, match=f"1 stimuli are not what they were: .*{stimulus['stimulus']}.*torch .* instead of 0"
    ):
        rebuild_study(tmp_path / "manifest.json", tmp_path / "again")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("text", ["{}", '{"format": 1}', "no", "[1]"])
def test_a_manifest_that_is_none_is_told(text, tmp_path):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match="manifest.json is not"):
        rebuild_study(tmp_path / "manifest.json", tmp_path / "again")


def test_what_is_passed_over_in_the_folders_is_counted_and_named(tmp_path):
    folder = save_clips(tmp_path / "in", 2)
    (folder / "notes.txt").touch()
    (folder / "link.wav").symlink_to("nowhere.wav")
    with pytest.warns(UserWarning, match=r"in: passed over 1 ") as warned:
        build_study(tmp_path / "study", [FolderSet("x", folder)], settings=SETTINGS)
    assert [str(warning.message) for warning in warned] == [
        f"{folder}: passed over 1 file that isn't named as audio or video: notes.txt",
        f"{folder}: passed over 1 that is no file: link.wav (a link to nothing)",
    ]


@pytest.mark.filterwarnings("error")
def test_items_that_can_not_be_used_are_left_out_and_listed(tmp_path):
    folder = save_clips(tmp_path / "in", 3)
    write_audio(folder / "clipped.wav", np.clip(20 * music_like(0.5, 16_000, seed=9), -1, 1), 16_000)
    write_audio(folder / "full.wav", noise(0.5), 48_000)
    write_audio(folder / "short.wav", music_like(0.3, 16_000), 16_000)
    write_audio(folder / "silent.wav", np.zeros((1, 8_000), np.float32), 16_000)
    write_audio(folder / "quadro.wav", music_like(0.5, 16_000).repeat(4, axis=0), 16_000)
    (folder / "broken.wav").write_bytes(b"RIFF")
    manifest = build_study(tmp_path / "study", [FolderSet("x", folder)], settings=SETTINGS)
    reasons = {skipped["item"]: skipped["reason"] for skipped in manifest["skipped"]}
    assert {item: reason.partition(":")[0] for item, reason in reasons.items() if item != "broken"} == {
        "full": "left alone by AudioSR",
        "quadro": "4 channels; browsers play one or two as they are",
        "short": "original is 0.30 s long, too short to measure or judge",
        "silent": "silent by AudioSR",
    }
    assert "not readable as audio" in reasons["broken"]
    assert [item["item"] for item in manifest["items"]] == ["clip0", "clip1", "clip2", "clipped"]
    notes = {item["item"]: "; ".join(item["notes"]) for item in manifest["items"]}
    assert "samples lie at full scale" in notes["clipped"] and "full scale" not in notes["clip0"]
    with open(tmp_path / "study/manifest.csv", newline="", encoding="utf-8") as file:
        assert {row["item"]: row["skipped"] for row in csv.DictReader(file) if row["skipped"]} == reasons
    # As balanced as if the others had never been there.
    roles = {trial["name"]: trial for trial in manifest["trials"] if trial["question"] == "preference"}
    tests = [
        [entry["a"] == next(iter(roles[entry["trial"]]["systems"])) for entry in form if is_test(entry, roles)]
        for form in manifest["forms"]
    ]
    assert [len(form) for form in tests] == [4, 4] and [sum(form) for form in tests] == [2, 2]


def is_test(entry, trials):
    return entry["trial"] in trials and trials[entry["trial"]]["role"] == "test"


def test_a_set_that_falls_short_is_told(tmp_path):
    folder = save_clips(tmp_path / "in", 1)
    write_audio(folder / "silent.wav", np.zeros((1, 8_000), np.float32), 16_000)
    with pytest.warns(UserWarning, match="x has 1 items instead of 2: 1 can't be used"):
        build_study(tmp_path / "study", [FolderSet("x", folder, 2)], settings=SETTINGS)


def test_nothing_is_left_when_no_item_can_be_used(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write_audio(folder / "silent.wav", np.zeros((1, 8_000), np.float32), 16_000)
    with pytest.raises(ValueError, match="no item of x can be used, the last, silent: silent by AudioSR"):
        build_study(tmp_path / "study", [FolderSet("x", folder)], settings=SETTINGS)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_set_is_given_up_when_all_of_it_fails(tmp_path, monkeypatch):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.wav").write_bytes(b"no audio")
    with pytest.raises(ValueError, match="10 items of x in a row can't be used, the last, .*not readable as audio"):
        build_study(tmp_path / "study", [FolderSet("x", folder)], settings=SETTINGS)


def test_nothing_is_left_of_a_study_that_fails_at_its_end(tmp_path, sources, monkeypatch):
    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(builder, "write_page", fail)
    with pytest.raises(OSError, match="disk full"):
        build_study(tmp_path / "deeper/study", [FolderSet("x", sources / "beta", 1)], settings=SETTINGS)
    assert list((tmp_path / "deeper").iterdir()) == []


def test_what_is_there_is_kept(tmp_path, sources):
    (tmp_path / "study").mkdir()
    (tmp_path / "study/answers.csv").write_text("precious")
    with pytest.raises(FileExistsError, match="is not an empty folder"):
        build_study(tmp_path / "study", [FolderSet("x", sources / "beta")], settings=SETTINGS)
    assert files_in(tmp_path) == {"study/answers.csv": b"precious"}


def test_captions_become_a_study_and_one_that_fails_is_replaced(tmp_path):
    """Through a real generator, twice: the second time from the manifest."""
    checkpoint = save_generator(tmp_path / "model", "audioldm")
    captions = {"0001": "rain", "0002": "", "0003": "wind"}
    item_set = PromptSet("audioldm", captions, 2, licence="CC-BY 4.0", checkpoint=checkpoint, duration_s=0.5)
    settings = StudySettings(device="cpu", num_inference_steps=1, questions=("preference",), num_forms=2, num_checks=0)
    manifest = build_study(tmp_path / "study", [item_set], settings=settings)
    assert {item["item"]: item["prompt"] for item in manifest["items"]} == {
        key: captions[key] for key in captions if captions[key]
    }
    assert [(s["item"], s["reason"]) for s in manifest["skipped"]] == [("0002", "its caption is empty")]
    assert len({item["seed"] for item in manifest["items"]}) == 2
    assert {item["num_inference_steps"] for item in manifest["items"]} == {1}
    rebuild_study(tmp_path / "study/manifest.json", tmp_path / "again")
    assert files_in(tmp_path / "again") == files_in(tmp_path / "study")


def test_ratings_of_100_are_asked_and_prompts_shown_where_they_are_asked_about(tmp_path, sources):
    captions = {name: f"the text of {name}" for name in FolderSet("x", sources / "beta").prompts()}
    asked = "overall", "relevance", "audio_quality"
    settings = replace(SETTINGS, questions=asked, num_checks=0)
    build_study(tmp_path / "study", [FolderSet("x", sources / "beta", captions=captions)], settings=settings)
    form = read_study(tmp_path / "study/page")["forms"][0]
    assert list(dict.fromkeys(trial["question"] for trial in form)) == list(asked)
    key = read_key(tmp_path / "study/key.csv")
    for trial in form:
        expected = None if trial["question"] == "audio_quality" else captions[key.trials[trial["trial"]].item]
        assert trial.get("prompt") == expected
    rebuild_study(tmp_path / "study/manifest.json", tmp_path / "again")
    assert files_in(tmp_path / "again") == files_in(tmp_path / "study")
    with pytest.raises(ValueError, match="asks neither for preference nor for quality"):
        export_listen_and_rate(tmp_path / "study", tmp_path / "exported")


def test_what_is_no_music_is_left_out(tmp_path):
    folder = save_clips(tmp_path / "in", 1)
    write_audio(folder / "noise.wav", noise(0.5, 16_000), 16_000)
    # A random tagger, told to call music what lies on the music's side of the middle.
    tagger = load_music_tagger(save_tagger(tmp_path / "tagger"))
    scores = {path.stem: tagger(*read_audio(path)) for path in folder.glob("*.wav")}
    (more, high), (less, low) = sorted(scores.items(), key=lambda score: -score[1])
    checkpoint = save_tagger(tmp_path / "biased", music_bias=-(logit(high) + logit(low)) / 2)
    settings = StudySettings(device="cpu", num_inference_steps=1, num_forms=2, num_checks=0, tagger=checkpoint)
    manifest = build_study(tmp_path / "study", [FolderSet("x", folder, music_only=True)], settings=settings)
    assert [item["item"] for item in manifest["items"]] == [more] and manifest["items"][0]["music_score"] > 0.5
    assert [skipped["item"] for skipped in manifest["skipped"]] == [less]
    assert manifest["skipped"][0]["reason"].startswith("not music: Music or Musical instrument or Singing has 0.")


def test_an_item_that_a_further_system_lacks_is_left_out(tmp_path, sources):
    folder = save_clips(tmp_path / "third", 2)
    (folder / "clip1.wav").unlink()
    sets = [FolderSet("x", sources / "beta")]
    manifest = build_study(tmp_path / "study", sets, {"third": folder}, SETTINGS)
    assert [(s["item"], s["reason"]) for s in manifest["skipped"]] == [("clip1", f"{folder} holds no clip1 by third")]


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ({"sets": []}, {}, "sets of nothing; accepted are one or more"),
        ({"sets": ["alpha", "alpha"]}, {}, "sets of alpha, alpha"),
        ({"sets": ["../x"]}, {}, "the name '../x'; accepted are letters"),
        ({"systems": {"audiosr": "beta"}}, {}, "systems has audiosr, which the study makes itself"),
        ({}, {"questions": ()}, "questions="),
        ({}, {"questions": ("preference", "age")}, "questions="),
        (
            {},
            {"questions": ("relevance",)},
            "relevance is about prompts, and 2 items of alpha have none",
        ),
        ({}, {"num_forms": 3}, "num_forms=3"),
        ({}, {"items_per_form": 1, "num_forms": 2}, "items_per_form=1 with 2 forms for 2 items"),
        ({}, {"seed": -1}, "seed=-1"),
        ({"num_items": 9}, {}, "9 items of alpha are asked for, there are 2"),
    ],
)
def test_arguments_that_can_not_be_are_told_before_anything_runs(
    arguments, settings, message, sources, tmp_path, monkeypatch
):
    def load(checkpoint):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(builder.AudioSRPipeline, "from_pretrained", load)
    sets = [FolderSet(name, sources / "beta", arguments.get("num_items")) for name in arguments.get("sets", ["alpha"])]
    systems = {name: sources / folder for name, folder in arguments.get("systems", {}).items()}
    with pytest.raises(ValueError, match=message):
        build_study(tmp_path / "study", sets, systems, StudySettings(device="cpu", **settings))
    assert list(tmp_path.iterdir()) == []


def test_further_systems_need_audio_that_is_there(tmp_path, sources):
    with pytest.raises(ValueError, match="further systems have nothing of items that are generated now"):
        build_study(tmp_path / "study", [PromptSet("audioldm", {"1": "rain"})], {"third": sources / "beta"}, SETTINGS)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        build_study(tmp_path / "study", [FolderSet("x", tmp_path / "nowhere")], settings=SETTINGS)
