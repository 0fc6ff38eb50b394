"""The paper's listening test is what the paper says it was."""

import sys

import pytest

from audiosr_pipeline.study.design import check_forms
from benchmarks import preference


def test_the_sets_are_the_papers():
    captions = {generator: {"1": "text"} for generator in preference.NUM_ITEMS}
    sets = {item_set.generator: item_set for item_set in preference.paper_sets(captions)}
    assert {name: item_set.num_items for name, item_set in sets.items()} == {
        "musicgen": 50,
        "audioldm": 50,
        "fastspeech2": 20,
    }
    assert [name for name, item_set in sets.items() if item_set.music_only] == ["musicgen"]
    check_forms(preference.NUM_FORMS, preference.ITEMS_PER_FORM, num_items=120)


def test_the_study_is_built_of_the_three_files(tmp_path, monkeypatch, capsys):
    for name in ("musiccaps", "audiocaps"):
        (tmp_path / f"{name}.csv").write_text(f"id,caption\n1,{name} one\n2,{name} two\n", encoding="utf-8")
    (tmp_path / "metadata.csv").write_text(
        'LJ001|Printing, in "1455"|Printing, in "fourteen"\nLJ002|b|c\n', encoding="utf-8"
    )
    called = {}

    def build_study(output, sets, settings, show_progress):
        called.update(output=output, sets=sets, settings=settings)
        return {"study": "0" * 16, "items": [1, 2], "skipped": []}

    monkeypatch.setattr(preference, "build_study", build_study)
    files = {"musiccaps": "musiccaps.csv", "audiocaps": "audiocaps.csv", "ljspeech": "metadata.csv", "output": "study"}
    arguments = [part for name, file in files.items() for part in (f"--{name}", str(tmp_path / file))]
    monkeypatch.setattr(sys, "argv", ["preference", *arguments])
    assert preference.main() == 0 and "2 items, 0 left out" in capsys.readouterr().out
    captions = {item_set.generator: dict(item_set.captions) for item_set in called["sets"]}
    assert captions == {
        "musicgen": {"0001": "musiccaps one", "0002": "musiccaps two"},
        "audioldm": {"0001": "audiocaps one", "0002": "audiocaps two"},
        "fastspeech2": {"LJ001": 'Printing, in "fourteen"', "LJ002": "c"},
    }
    assert called["settings"].questions == ("preference", "quality") and called["output"] == tmp_path / "study"


def test_a_file_that_is_not_ljspeechs_is_told(tmp_path):
    (tmp_path / "metadata.csv").write_text("id,text\n", encoding="utf-8")
    with pytest.raises(ValueError, match="metadata.csv, line 1: 1 fields between |, LJSpeech's metadata.csv has 3"):
        preference.read_ljspeech(tmp_path / "metadata.csv")
