"""Answers of simulated listeners come out as what they were made with, in files that stand by themselves."""

import csv
import re
import shutil
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colors
from PIL import Image

from audiosr_pipeline.csv_files import write_csv
from audiosr_pipeline.study.analyse import analyse_answers
from audiosr_pipeline.study.answers import FIELDS, KEY_FIELDS, read_answers, read_key
from audiosr_pipeline.study.exclusions import ExclusionRules, judge_listeners
from audiosr_pipeline.study.figure import COLORS
from audiosr_pipeline.study.results import Results, summarise
from audiosr_pipeline.study.tables import summary
from tests.study.simulated_listeners import (
    SETS,
    STUDY,
    Panel,
    answer_rows,
    key_rows,
    write_answers,
    write_key,
    write_study,
)

FILES = {
    *("report.html", "figure1.png", "figure1.svg", "preferences.csv", "quality.csv", "items.csv", "item_quality.csv"),
    *("listeners.csv", "votes.csv", "rejected.csv"),
}
# Everyone hears the second system as better, with neither chance nor ties.
CERTAIN = {"effect": 100.0, "listener_sd": 0.0, "item_sd": 0.0}


def results_of(folder: Path, panel: Panel, **key_settings) -> Results:
    """The results of a panel without exclusions."""
    answers_file, key_file = write_study(folder, panel, **key_settings)
    key = read_key(key_file)
    answers, _ = read_answers([answers_file], key)
    listeners = judge_listeners(answers, key, ExclusionRules())
    return summarise(answers, key, listeners, np.random.default_rng(0))


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study with careless listeners, analysed: its analysis and its folder."""
    folder = tmp_path_factory.mktemp("study")
    panel = Panel(10, num_careless=4)
    answers_file, key_file = write_study(folder, panel)
    return analyse_answers([answers_file], key_file, folder / "results"), folder


def test_who_prefers_a_system_on_either_side_prefers_it(tmp_path):
    results = results_of(tmp_path, Panel(4, **CERTAIN))
    assert [one.generator for one in results.preferences] == sorted(SETS)
    for one in results.preferences:
        assert one.systems == ("original", "audiosr")
        assert [share.value for share in one.shares] == [0, 0, 1] and one.net.value == 1
        assert (one.over_items.positive, one.over_items.negative) == (SETS[one.generator], 0)
        assert (one.num_listeners, one.num_items, one.num_votes) == (4, SETS[one.generator], 4 * SETS[one.generator])
    # Half of the trials presented it first.
    assert results.position_bias.share_first.value == pytest.approx(0.5, abs=0.05)
    assert all(row.counts == (0, 0, 4) for row in results.items if len(row.systems) == 2)


def test_each_pair_of_several_systems_stands_by_itself(tmp_path):
    results = results_of(tmp_path, Panel(4, **CERTAIN), systems=("original", "audiosr", "flashsr"))
    pairs = [(one.generator, one.systems) for one in results.preferences]
    of_each = [("original", "audiosr"), ("audiosr", "flashsr")]
    assert pairs == [(generator, systems) for generator in sorted(SETS) for systems in of_each]
    assert all(one.shares[2].value == 1 for one in results.preferences)
    # Holm's adjustment is over all of them.
    smallest = min(one.over_items.p_value for one in results.preferences)
    assert min(one.p_holm for one in results.preferences) == pytest.approx(4 * smallest)
    assert [one.system for one in results.qualities] == 2 * ["original", "audiosr", "flashsr"]


def test_ratings_differ_by_what_they_were_made_with(study):
    analysis, _ = study
    for one in analysis.results.qualities:
        if one.system == "original":
            assert one.difference is None
        else:
            # AudioSR was rated one point more; with intervals of some tenths, 0 is out of reach.
            assert 0 < one.difference.low < 1 < one.difference.high + 0.3
            assert one.difference.value == pytest.approx(
                one.mos.value
                - next(
                    other.mos.value
                    for other in analysis.results.qualities
                    if (other.generator, other.system) == (one.generator, "original")
                )
            )


def test_the_careless_are_left_out_and_the_attentive_are_not(study):
    analysis, folder = study
    # The panel's last four; by name, as their order is that of their first answers.
    careless = {row["listener"] for row in table(folder / "answers.csv") if row["seconds_a"] == "0.40"}
    assert len(careless) == 4
    assert {one.name for one in analysis.listeners if "listening time" in one.reasons} == careless
    assert {one.name for one in analysis.listeners if one.reasons} == careless
    # At random over a, b and none, three of four pairs with a low-passed side are missed by chance in 5 of 6 cases.
    assert sum("low-passed pairs" in one.reasons for one in analysis.listeners) >= 2
    assert (analysis.results.num_listeners, analysis.results_of_all.num_listeners) == (10, 14)
    assert {row["exclusions"] for row in table(folder / "results/preferences.csv")} == {"applied", "none"}


@pytest.mark.parametrize("role", ["identical", "lowpassed"])
def test_one_rule_alone_leaves_out_who_fails_its_checks(role, tmp_path):
    key_file, rows = tmp_path / "key.csv", key_rows()
    write_key(key_file, rows)
    lowpassed = {row[6] for row in rows if row[7] == "lowpassed"}
    checks = [row[1] for row in rows if row[3] == role][::2]
    answers = answer_rows(Panel(1), rows)
    # Three of four: more than half of the identical pairs, and more than a quarter of the low-passed.
    for row in answers:
        if row["trial"] in checks[:3]:
            row["answer"] = "b" if role == "identical" or row["stimulus_b"] in lowpassed else "a"
        elif row["trial"] in checks:
            row["answer"] = "none" if role == "identical" else row["answer"]
    write_answers(tmp_path / "answers.csv", answers)
    key = read_key(key_file)
    (listener,) = judge_listeners(read_answers([tmp_path / "answers.csv"], key)[0], key, ExclusionRules())
    assert listener.reasons == ({"identical": "identical pairs", "lowpassed": "low-passed pairs"}[role],)
    (lenient,) = judge_listeners(read_answers([tmp_path / "answers.csv"], key)[0], key, ExclusionRules(0.75, 0.75))
    assert lenient.reasons == ()


def test_a_bias_for_the_first_side_is_found_where_there_is_one(tmp_path):
    biased = results_of(tmp_path, Panel(10, effect=0.0, first_bias=1.2)).position_bias
    assert biased.share_first.low > 0.5 and biased.over_listeners.p_value < 0.05
    unbiased = results_of(tmp_path, Panel(10, effect=0.0)).position_bias
    assert unbiased.share_first.low < 0.5 < unbiased.share_first.high


def test_who_stops_in_the_middle_is_kept(tmp_path):
    key_file, rows = tmp_path / "key.csv", key_rows()
    write_key(key_file, rows)
    answers = answer_rows(Panel(6), rows)
    stopped = answers[-1]["listener"]
    left = [row for row in answers if row["listener"] != stopped or int(row["position"]) <= 5]
    write_answers(tmp_path / "answers.csv", left)
    analysis = analyse_answers([tmp_path / "answers.csv"], key_file, tmp_path / "results")
    assert stopped in {vote.listener for vote in analysis.results.votes}
    assert "1 answered fewer trials than the fullest set" in report(tmp_path).text


class Page(HTMLParser):
    """Collects a page's text and what it refers to, and fails if an element isn't closed."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.text, self.attributes = [], "", []
        self.feed(text)
        self.close()
        assert self.open == []
        # As a browser shows it.
        self.text = re.sub(r"[ \n]+", " ", self.text)

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.attributes}

    @property
    def references(self) -> list[str]:
        named = [attributes.get(name, "#") for _, attributes in self.attributes for name in ("src", "href")]
        return [value for value in named if not value.startswith("#")]

    def handle_starttag(self, tag, attributes):
        self.attributes.append((tag, dict(attributes)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.attributes.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def report(folder: Path) -> Page:
    return Page((folder / "results/report.html").read_text("utf-8"))


def test_the_report_needs_nothing_beside_it(study):
    analysis, folder = study
    assert {path.name for path in (folder / "results").iterdir()} == FILES
    page = report(folder)
    assert page.references == [] and not page.tags & {"script", "link", "img", "iframe"}
    assert "svg" in page.tags
    for text in ("4 of 14 were left out", "The same without exclusions", "Planning the next study", "numpy", "Owen"):
        assert text in page.text
    for sentence in analysis.rules.sentences().values():
        assert sentence in page.text


def test_what_files_and_a_key_name_is_text_in_the_report_and_the_figure(study, tmp_path):
    hostile = "<script>alert(1)</script>$x_$ & \"'&lt;{{ 1 + 1 }}"
    results = tmp_path / "results"
    answers_file, key_file = write_study(tmp_path, Panel(3), sets={hostile: 2}, systems=("original", hostile))
    # The same answers again: none of these rows counts, and each is listed with the name of its file.
    answers_again = shutil.copyfile(answers_file, tmp_path / "<b onclick='1'>&amp;\".csv")
    analyse_answers([answers_file, answers_again], key_file, results)
    page = report(tmp_path)
    assert page.text.count(answers_again.name) == len(table(answers_file))
    assert page.tags <= report(study[1]).tags
    (drawing,) = (attributes for tag, attributes in page.attributes if tag == "svg")
    for text in (page.text, drawing["aria-label"]):
        # As it was given: neither escaped twice nor taken for a part of the template.
        assert hostile in text
    assert not any(name.startswith("on") for _, attributes in page.attributes for name in attributes)
    ElementTree.parse(results / "figure1.svg")


def test_the_figure_holds_the_shares_in_colours_that_differ_in_grey(study):
    _, folder = study
    ElementTree.parse(folder / "results/figure1.svg")
    with Image.open(folder / "results/figure1.png") as image:
        drawn = np.asarray(image.convert("RGB"))
    lightness = []
    for color in COLORS:
        pixel = np.round(np.array(colors.to_rgb(color)) * 255)
        # Part of the picture has the colour itself, not one blended with it.
        assert (drawn == pixel).all(axis=-1).mean() > 0.01
        lightness.append(float(np.dot(pixel, (0.299, 0.587, 0.114))))
    # A quarter of the range apart, as neighbours in the bar and as its ends.
    assert min(abs(np.subtract.outer(lightness, lightness))[np.triu_indices(3, 1)]) > 255 / 4


def test_the_same_answers_in_another_order_give_the_same_files(study, tmp_path):
    _, folder = study
    rows = table(folder / "answers.csv")
    write_answers(tmp_path / "second.csv", rows[len(rows) // 2 :])
    write_answers(tmp_path / "first.csv", rows[: len(rows) // 2])
    analyse_answers([tmp_path / "second.csv", tmp_path / "first.csv"], folder / "key.csv", tmp_path / "results")
    for name in ("preferences.csv", "quality.csv", "items.csv", "figure1.svg"):
        assert (tmp_path / "results" / name).read_bytes() == (folder / "results" / name).read_bytes()


def test_results_are_never_overwritten_and_never_in_part(study, tmp_path):
    _, folder = study
    before = {path: path.read_bytes() for path in (folder / "results").iterdir()}
    with pytest.raises(FileExistsError, match="is not an empty folder"):
        analyse_answers([folder / "answers.csv"], folder / "key.csv", folder / "results")
    assert {path: path.read_bytes() for path in (folder / "results").iterdir()} == before
    with pytest.raises(FileNotFoundError, match="manifest.json"):
        analyse_answers([folder / "answers.csv"], tmp_path / "key.csv", tmp_path / "results")
    assert list(tmp_path.iterdir()) == []


def test_one_listener_is_told_apart_from_a_panel(tmp_path):
    answers_file, key_file = write_study(tmp_path, Panel(1))
    (tmp_path / "results").mkdir()
    analysis = analyse_answers([answers_file], key_file, tmp_path / "results")
    assert "say nothing about other listeners" in report(tmp_path).text
    assert all(np.isnan(chance) for power in analysis.powers for _, chance, _ in power.rows)
    assert "1 listeners, 0 of them left out" in summary(analysis)


def test_rows_that_do_not_count_are_in_the_report(tmp_path):
    key_file, rows = tmp_path / "key.csv", key_rows()
    write_key(key_file, rows)
    answers = answer_rows(Panel(2), rows)
    write_answers(tmp_path / "answers.csv", [*answers, answers[0], {**answers[1], "study": "f" * 16}])
    analysis = analyse_answers([tmp_path / "answers.csv"], key_file, tmp_path / "results")
    assert "2 rows not counted: 1 another study, 1 duplicate" in summary(analysis)
    assert [row["line"] for row in table(tmp_path / "results/rejected.csv")] == [
        str(len(answers) + 3),
        str(len(answers) + 2),
    ]
    assert "2 rows of the answers not counted" in report(tmp_path).text


def test_a_panel_that_is_left_out_as_a_whole_has_no_result(tmp_path):
    answers_file, key_file = write_study(tmp_path, Panel(0, num_careless=2))
    analysis = analyse_answers([answers_file], key_file, tmp_path / "results")
    assert analysis.results.votes == [] and len(analysis.results_of_all.votes) > 0
    assert {path.name for path in (tmp_path / "results").iterdir()} == FILES - {"figure1.png", "figure1.svg"}
    assert "there is no result" in report(tmp_path).text
    assert "no answers to test trials are left" in summary(analysis)


def test_questions_are_rated_apart(tmp_path):
    """Two listeners rate an item's two versions, by three questions."""
    ratings = {"quality": (2, 4), "overall": (30, 90), "relevance": (100, 1)}
    systems = "original", "audiosr"
    names = {system: f"{index:012x}" for index, system in enumerate(systems)}
    key_lines = [
        (STUDY, f"{question[0]}00{index}", question, "test", "rain", "toy", names[system], system)
        for question in ratings
        for index, system in enumerate(systems)
    ]
    answers = [
        dict(
            zip(
                FIELDS,
                [STUDY, f"{listener:012x}", 0, position + 1, trial, question, stimulus, "", answer],
                strict=False,
            )
        )
        | {"switches": 0, "seconds_a": 3, "seconds_b": "", "seconds_total": 9, "device": "headphones"}
        | {"submitted_at": "2026-01-01T12:00:00Z", "bandwidth_hz": 16_000}
        for listener in range(2)
        for position, ((_, trial, question, *_, stimulus, _), answer) in enumerate(
            zip(key_lines, [each for pair in ratings.values() for each in pair], strict=True)
        )
    ]
    write_csv(tmp_path / "key.csv", [KEY_FIELDS, *key_lines])
    write_csv(tmp_path / "answers.csv", [FIELDS, *([row[name] for name in FIELDS] for row in answers)])
    analysis = analyse_answers([tmp_path / "answers.csv"], tmp_path / "key.csv", tmp_path / "results")
    found = {(one.question, one.system): one for one in analysis.results.qualities}
    assert {question: tuple(found[question, system].mos.value for system in systems) for question in ratings} == ratings
    # Within the question alone.
    assert found["overall", "audiosr"].difference.value == 60 and found["overall", "original"].difference is None
    assert [row["question"] for row in table(tmp_path / "results/item_quality.csv")] == [
        q for q in ratings for _ in "ab"
    ]
    lines = summary(analysis).splitlines()
    assert any(line.startswith("toy, original: MOS 2.00") for line in lines)
    assert any(line.startswith("toy, audiosr: overall impression of 100 90.00") for line in lines)
    assert "relevance of 100" in (tmp_path / "results/report.html").read_text(encoding="utf-8")
