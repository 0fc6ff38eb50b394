import json
import re

import pytest

from audiosr_pipeline.study import page as page_package
from audiosr_pipeline.study.answers import FIELDS
from audiosr_pipeline.study.page import read_study, write_page
from tests.study.small_study import small_study, stimulus_name, write_small_study

STYLE = (page_package.SOURCES / "style.css").read_text(encoding="utf-8")


def test_the_page_holds_the_study_it_was_written_with(tmp_path):
    # Its title ends a script element, if it can.
    assert read_study(write_and_find(tmp_path)) == small_study()


def write_and_find(folder):
    write_small_study(folder)
    return folder / "page"


def test_the_page_is_whole_and_asks_nothing_of_the_network(tmp_path):
    folder = write_and_find(tmp_path)
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"https?:|//\w+\.\w|@import|url\(", text) == []
    assert re.findall(r'(?:src|href)="([^"]*)"', text) == ["data:,"]
    assert json.dumps(FIELDS)[1:-1] in text
    names = [stimulus_name(index) for index in range(6)]
    assert sorted(path.stem for path in (folder / "stimuli").iterdir()) == names
    for path in (folder / "audio").iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_nothing_on_the_page_names_a_system(tmp_path):
    text = (write_and_find(tmp_path) / "index.html").read_text(encoding="utf-8").lower()
    assert [name for name in ("audiosr", "original", "musicgen", "audioldm", "fastspeech") if name in text] == []


def test_audio_that_lies_in_the_page_already_is_left_there(tmp_path):
    study = small_study(num_pairs=0)
    (tmp_path / "audio").mkdir()
    audio = {name: tmp_path / f"audio/{name}.flac" for name in study["durations_s"]}
    for path in audio.values():
        path.write_bytes(b"sound")
    write_page(tmp_path, study, audio)
    assert {path.read_bytes() for path in audio.values()} == {b"sound"}
    assert 'stimulus("000000000000", "flac", "c291bmQ=");\n' == (tmp_path / "stimuli/000000000000.js").read_text()


def test_a_stimulus_without_a_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="stimulus '000000000000' of the forms has no entry"):
        write_page(tmp_path, small_study(), {})


def test_a_folder_without_a_page_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no page of a study"):
        read_study(tmp_path)
    (tmp_path / "index.html").write_text("<!doctype html>")
    with pytest.raises(ValueError, match="holds no page of a study"):
        read_study(tmp_path)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("ink", "ground"),
        ("ink", "paper"),
        ("soft", "ground"),
        ("soft", "paper"),
        ("accent", "ground"),
        ("accent", "paper"),
        ("accent", "accent-soft"),
        ("on-accent", "accent"),
        ("problem", "ground"),
        ("problem", "problem-soft"),
    ],
)
def test_text_has_the_contrast_that_wcag_asks_for(text, ground, scheme):
    # The two schemes follow each other in the style.
    colours = [re.findall(rf"--{name}: (#[0-9a-f]{{6}});", STYLE)[scheme] for name in (text, ground)]
    dark, light = sorted(map(luminance, colours))
    assert (light + 0.05) / (dark + 0.05) >= 4.5
