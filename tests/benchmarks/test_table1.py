"""Table 1: what is measured and kept, what is printed, and what is said of bad input."""

import csv
import dataclasses
import math
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import signal

from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.metrics import evaluate_pair, round_to_16_bit
from benchmarks.baselines import systems
from benchmarks.baselines.nvsr import NVSRDNN
from benchmarks.baselines.systems import Unprocessed, outputs_in, outputs_of
from benchmarks.data.entries import Entry
from benchmarks.data.find import find_entries
from benchmarks.machine import shown
from benchmarks.table1 import __main__ as table1
from benchmarks.table1 import sheets
from benchmarks.table1.competitors import DESCRIPTIONS, FOLLOWING_NOISE, competitors
from benchmarks.table1.layout import LSD, OTHER_SCORES, Table, exact_below_edge, markdown
from benchmarks.table1.measure import Competitor, Results, Row, content_of, key, measure, sample
from tests.conftest import build_tiny_pipeline
from tests.signals import noise

CLIFF = signal.cheby2(12, 90, 15_000, fs=48_000, output="sos")
ABOVE_CLIFF = signal.cheby2(12, 90, 16_000, "highpass", fs=48_000, output="sos")


def write(path: Path, seed: int = 0, num_samples: int = 24_000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    audio = np.concatenate([noise(0.5, seed=seed + index, tilt_db=-3) for index in range(channels)])
    write_audio(path, 0.5 * audio[:, :num_samples], 48_000)


@pytest.fixture
def recordings(tmp_path) -> Path:
    """Two clips, six entries."""
    for index in range(2):
        write(tmp_path / "songs" / f"{index}.wav", seed=index)
    return tmp_path / "songs"


@pytest.fixture
def page(tmp_path) -> Path:
    """A page with two groups of AudioSR and another system, and one that is left out."""
    rows = [("group", "kind", "role", "file")]
    for group in ("vis_event_1", "vis_event_3", "vis_speech_1"):
        for seed, role in enumerate(("gt", "input", "audiosr", "linear")):
            file = f"eval/page/{group}/{role}.wav"
            # One output is 0.12 s short, as one of that page is.
            write(tmp_path / file, seed, 24_000 - 5_760 * (group == "vis_event_1" and role == "audiosr"))
            rows.append((group, "effects", role, file))
    with (tmp_path / "eval" / "page" / "groups.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path / "eval" / "page"


class Counting(Unprocessed):
    """Counts its clips, and adds noise from its generator."""

    def __init__(self):
        self.seeds: list[int] = []

    def enhance(self, clip, generator):
        self.seeds.append(generator.initial_seed())
        return super().enhance(clip, generator) + 1e-3 * torch.randn(1, generator=generator).numpy()


def row(clip: str, system: str, score: float, data: str = "music", cutoff_freq: int = 4_000) -> Row:
    scores = dict.fromkeys([LSD, "lsd_above_edge_ssr_eval", *OTHER_SCORES.values()], score)
    scores |= {"reference_edge_freq": 20_000.0, "reference_silent": 0.0}
    name = f"{data}/paper/{cutoff_freq}/{clip}"
    return Row(name, data, clip, "music", "paper", cutoff_freq, system, "", 2.0, 0.5, 0, scores)


def test_a_score_is_that_of_the_output_and_the_truth_both_in_16_bit(recordings, tmp_path):
    entries = find_entries(f"music={recordings}")
    results = measure(entries, [Competitor("Unprocessed", Unprocessed())], tmp_path / "store")
    assert [measured.entry for measured in results.rows] == [entry.name for entry in entries]
    item = entries[3].read()
    expected = evaluate_pair(item["audio"], round_to_16_bit(item["reference"]), entries[3].cutoff_freq)
    assert results.rows[3].scores == pytest.approx(expected, nan_ok=True)
    assert results.rows[3].audio_s == 0.5 and results.rows[3].cpu_s >= 0


def test_what_is_left_of_a_distance_that_all_to_the_edge_is_taken_from():
    silence, part = np.zeros((1, 12_000)), 0.1 * noise(1.0)
    truth = np.concatenate([signal.sosfiltfilt(CLIFF, part), silence], -1)
    made = truth + 0.03 * np.concatenate([signal.sosfiltfilt(ABOVE_CLIFF, noise(1.0, seed=1)), silence], -1)
    # Made is what is 90 dB down at the edge, which is found to 94 Hz: exact to there but for that and the rounding.
    scores = evaluate_pair(round_to_16_bit(made), round_to_16_bit(truth), 4_000)
    assert scores["reference_silent"] > 0.15
    assert exact_below_edge(scores) == pytest.approx(scores[LSD], rel=0.02)


def test_of_full_band_recordings_silence_alone_is_left():
    truth = np.concatenate([0.1 * noise(1.0), np.zeros((1, 12_000))], -1)
    scores = evaluate_pair(0.5 * truth, truth, 4_000)
    assert exact_below_edge(scores) == pytest.approx(12 * scores["reference_silent"])


def test_what_is_done_is_not_done_again_and_gives_the_same(recordings, tmp_path):
    entries, system = find_entries(f"music={recordings}"), Counting()
    first = measure(entries[:4], [Competitor("A", system)], tmp_path / "store")
    assert len(system.seeds) == 4
    second = measure(entries, [Competitor("A", system)], tmp_path / "store")
    assert len(system.seeds) == 6 and len(set(system.seeds)) == 6
    assert [repr(measured) for measured in second.rows[:4]] == [repr(measured) for measured in first.rows]
    # Anew, in another order: the noise is the clip's own.
    anew = measure(entries[::-1], [Competitor("A", system)], tmp_path / "other")
    assert [r.scores[LSD] for r in anew.rows[::-1]] == [r.scores[LSD] for r in second.rows]


def test_an_interrupted_run_goes_on(recordings, tmp_path):
    entries, system = find_entries(f"music={recordings}"), Counting()

    class Interrupted(Unprocessed):
        def enhance(self, clip, generator):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(entries, [Competitor("A", system), Competitor("B", Interrupted())], tmp_path / "store")
    assert len(measure(entries, [Competitor("A", system)], tmp_path / "store").rows) == 6
    assert len(system.seeds) == 6


def test_other_weights_truths_or_stored_outputs_are_other_rows(recordings, page, tmp_path):
    weights = tmp_path / "weights"
    weights.mkdir()
    entry, stored = find_entries(f"music={recordings}")[0], find_entries(str(page))[0]

    def keys() -> list[str]:
        changed = dataclasses.replace(entry, cutoff_freq=5_000)
        stored_outputs = Competitor("B", outputs_of("audiosr"), role="audiosr")
        cases = (entry, system), (changed, system), (stored, stored_outputs)
        return [key(case, competitor, content_of) for case, competitor in cases]

    system = Competitor("A", Unprocessed(), (weights,))

    (weights / "config.json").write_text("{}")
    before = keys()
    (weights / "README.md").write_text("# A card")
    assert keys() == before and len(set(before)) == 3
    (weights / "config.json").write_text("{ }")
    after = keys()
    assert after[0] != before[0] and after[2] == before[2]
    write(entry.reference, seed=9)
    write(stored.outputs["audiosr"], seed=9)
    assert keys()[0] != after[0] and keys()[2] != after[2]


def test_what_is_missing_and_what_does_not_fit_is_counted_apart(recordings, tmp_path):
    entries = find_entries(f"music={recordings}")[:2]
    write(tmp_path / "outputs" / f"{entries[0].name}.wav", channels=2)
    (tmp_path / "songs" / "2.wav").write_bytes(b"no audio")
    broken = dataclasses.replace(entries[0], clip="2", reference=tmp_path / "songs" / "2.wav")
    competitors = [Competitor("stored", outputs_in(tmp_path / "outputs")), Competitor("Unprocessed", Unprocessed())]
    results = measure([*entries, broken], competitors, tmp_path / "store")
    assert [(name, system) for name, system, _ in results.absent] == [(entries[1].name, "stored")]
    assert [(name, system) for name, system, _ in results.failed] == [
        (entries[0].name, "stored"),
        (broken.name, "stored"),
        (broken.name, "Unprocessed"),
    ]
    assert "the estimate has 2 channels, the reference 1" in results.failed[0][2]
    assert len(results.rows) == 2


def test_outputs_of_another_length_are_cut_and_of_quite_another_refused(page, tmp_path):
    entries = find_entries(str(page))
    competitor = Competitor("AudioSR", outputs_of("audiosr"), role="audiosr")
    results = measure(entries, [competitor], tmp_path / "store")
    assert [measured.cut_samples for measured in results.rows] == [5_760, 0]
    assert all(np.isnan(measured.cpu_s) for measured in results.rows)
    write(entries[0].outputs["audiosr"], num_samples=24_000 - 5_761)
    results = measure(entries, [competitor], tmp_path / "store")
    assert len(results.rows) == 1 and "may differ by fewer than 5761" in results.failed[0][2]


def test_a_sample_is_even_and_what_small_sets_leave_is_for_large_ones():
    small = [Entry("a", str(index), "music", 4_000, Path("x"), "paper") for index in range(2)]
    large = [Entry("b", str(index), "music", freq, Path("x"), "paper") for freq in (4_000, 8_000) for index in range(9)]
    chosen = sample([*large, *small], 8)
    assert [entry.clip for entry in chosen if entry.data == "b" and entry.cutoff_freq == 8_000] == ["0", "3", "6"]
    assert len(chosen) == 8 and [entry for entry in chosen if entry.data == "a"] == small
    assert len(sample(large, 1)) == 2


def test_means_are_over_the_clips_and_differences_clip_by_clip():
    rows = [row(str(clip), "A", 100.0 * clip) for clip in range(20)]
    rows += [row(str(clip), "B", 100.0 * clip + 0.5) for clip in range(1, 20)]
    table = Table(rows, ["A", "B"])
    assert table.mean("A", ("music", 4_000), LSD).value == 950
    difference = table.difference("B", "A", ("music", 4_000), LSD)
    assert (difference.value, difference.low, difference.high) == pytest.approx((0.5, 0.5, 0.5))
    assert difference.num_clips == 19
    assert table.speed("A", table.columns) == 0.25
    text = markdown(Results(rows), {"A": "one", "B": "other"}, "A", [], [])
    assert re.search(r"^\| B \| 1000.50 \[\S+, \S+\] n=19 \|$", text, re.MULTILINE)
    assert "| B | +0.50 [+0.50, +0.50] n=19 |" in text and "| A | - |" in text


def test_every_system_is_described():
    here = [each for each in vars(systems).values() if isinstance(each, type) and each.__module__ == systems.__name__]
    abstract = (systems.ClipSystem, systems.ItemSystem)
    callable_ones = [each for each in here if issubclass(each, abstract) and each not in abstract]
    assert len(callable_ones) >= 6
    assert not {each.__name__ for each in callable_ones} - {each.__name__ for each in DESCRIPTIONS}


def test_perceptual_scores_are_of_demo_pages_alone(recordings):
    arguments = ["--data", f"music={recordings}"]
    assert len(table1.entries_of(table1.parse(arguments)[1])) == 6
    assert table1.entries_of(table1.parse([*arguments, "--perceptual"])[1]) == []


def test_perceptual_scores_are_taken_and_shown_if_they_are_asked_for(recordings, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.table1.measure.perceptual_scores", lambda *pair: {"visqol_mos": 3.21})
    entries, shown = find_entries(f"music={recordings}")[:1], []
    for perceptual in (False, True):
        results = measure(entries, [Competitor("A", Unprocessed())], tmp_path / "store", perceptual)
        assert [r.scores.get("visqol_mos") for r in results.rows] == [3.21 if perceptual else None]
        text = markdown(results, {"A": "one"}, "A", [], [])
        shown.append(("| ViSQOL |" in text, "| 3.21 |" in text, "Zimtohrli" in text))
    assert shown == [(False, False, False), (True, True, False)]


def test_where_noise_that_costs_nothing_is_ahead_is_said():
    rows = [
        *(row("0", "A", score, cutoff_freq=freq) for freq, score in ((4_000, 2.0), (8_000, 1.0))),
        *(row("0", FOLLOWING_NOISE, 1.5, cutoff_freq=freq) for freq in (4_000, 8_000)),
    ]
    text = markdown(Results(rows), {"A": "one", FOLLOWING_NOISE: "other"}, "A", [], [])
    assert (
        "over the whole band is lower than A's on Music, 4 kHz (1.50 beside 2.00), its LSD to the edge on Music" in text
    )
    assert FOLLOWING_NOISE not in markdown(Results(rows), {"A": "one"}, "A", [], [])


def test_recordings_stand_side_by_side_and_each_page_alone_with_its_systems():
    rows = [row("0", "A", 1.0, data, freq) for data in ("aero-page", "music", "esc10") for freq in (8_000, 4_000)]
    rows.append(row("0", "AERO (page)", 2.0, "aero-page"))
    table = Table(rows, ["A", "AERO (page)", "absent"])
    assert table.groups == [
        [("music", 4_000), ("music", 8_000), ("esc10", 4_000), ("esc10", 8_000)],
        [("aero-page", 4_000), ("aero-page", 8_000)],
    ]
    assert table.systems_in(table.groups[0]) == ["A"] and table.systems == ["A", "AERO (page)"]
    # One clip has no interval.
    lines = markdown(Results(rows), dict.fromkeys(("A", "AERO (page)"), ""), "A", [], []).splitlines()
    assert "| AERO (page) | 2.00 | - |" in lines


def test_nothing_published_names_a_folder_elsewhere():
    failed = [("a", "A", "/home/me/data/a.wav: is empty (0 bytes)"), ("b", "A", "either/or")]
    text = markdown(Results([row("0", "A", 1.0)], failed=failed), {"A": "one"}, "A", [], [])
    assert "could not be compared, A: 2, such as a: a.wav: is empty (0 bytes)" in text
    assert shown("music=/home/me/songs") == "music=songs" and shown("runs/best") == "runs/best"


def test_the_sheet_has_the_best_and_the_worst_of_each_kind_each_clip_once(tmp_path):
    for index in range(6):
        write(tmp_path / "songs" / f"{index}.wav", seed=index)
    entries = find_entries(f"music={tmp_path / 'songs'}")
    scores = {"0": 0.5, "1": 0.3, "2": math.nan, "3": 0.9, "4": 0.7, "5": 0.1}
    rows = [
        dataclasses.replace(row(clip, "A", score, cutoff_freq=cutoff_freq), scores={sheets.SHEET_SCORE: score})
        for clip, score in scores.items()
        for cutoff_freq in (4_000, 8_000, 16_000)
    ]
    system = Competitor("A", Unprocessed())
    sheet = sheets.best_and_worst(entries, system, Results(rows))
    assert list(sheet) == [
        "music, 4 kHz: 0.10\n5",
        "music, 4 kHz: 0.30\n1",
        "music, 4 kHz: 0.70\n4",
        "music, 4 kHz: 0.90\n3",
    ]
    before, after, truth = sheet["music, 4 kHz: 0.10\n5"].values()
    assert np.array_equal(before[0], after[0]) and not np.array_equal(before[0], truth[0])
    assert len(sheets.best_and_worst(entries, system, Results([r for r in rows if r.clip in "013"]))) == 3


def arguments(recordings: Path, page: Path, network: Path) -> list[str]:
    return ["--data", f"music={recordings}", str(page), "--system", f"NVSR-DNN={network}", "--checkpoint", "tiny"]


@pytest.fixture
def run(recordings, page, tmp_path, monkeypatch):
    """Runs the table in a folder of its own, with a tiny pipeline and a tiny mel predictor."""
    monkeypatch.chdir(tmp_path)
    pipe = build_tiny_pipeline()
    pipe.save_pretrained(tmp_path / "tiny")
    NVSRDNN(width=8).save_pretrained(tmp_path / "network")
    return lambda *more: table1.main([*arguments(recordings, page, tmp_path / "network"), *more])


def test_the_command_writes_table_rows_and_figures_twice_the_same(run, tmp_path, capsys):
    assert run("--output", "results/table1.md") == 0
    printed = capsys.readouterr().out
    written = {path.name: path.read_bytes() for path in (tmp_path / "results").iterdir()}
    assert set(written) == {"table1.md", "table1.csv", "table1.png", "table1_speed.png", "table1_sheet.png"}
    text = written["table1.md"].decode()
    assert printed.strip() == text.strip() and str(tmp_path) not in text
    of_all = ("GT-Mel", "True mel", "True latents", "True levels", "Unprocessed", FOLLOWING_NOISE, "tiny", "NVSR-DNN")
    for system in of_all:
        assert re.search(rf"^\| {system} \| \d\S* \[.*\] \|.*\|.*\|$", text, re.MULTILINE), system
    assert "cut in length: AudioSR (page)" in text and "the systems weren't given the same" in text
    assert "other systems than the table's: linear; of vis_event_1, vis_event_3" in text
    with open(tmp_path / "results" / "table1.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    # Six entries and two; two stored outputs.
    assert len(rows) == 8 * len(of_all) + 2 and all(float(entry[LSD]) >= 0 for entry in rows)
    shutil.rmtree(tmp_path / ".cache")
    assert run("--output", "results/again.md") == 0
    without_speed = re.compile(r"^## Speed$.*?^## ", re.MULTILINE | re.DOTALL)
    again = (tmp_path / "results" / "again.md").read_text().replace("again.md", "table1.md")
    assert without_speed.sub("", again) == without_speed.sub("", text)
    assert (tmp_path / "results" / "again.png").read_bytes() == written["table1.png"]


def test_a_system_of_one_kind_takes_that_kind_alone(run, recordings, page, tmp_path):
    _, arguments = table1.parse(["--data", "x", "--system", "music:Own=network", "All:of=network"])
    assert arguments.system == [("music", "Own", "network"), ("", "All:of", "network")]
    rows, described = competitors(build_tiny_pipeline(), "tiny", arguments.system)
    own, of_all = (row for row in rows if row.name in ("Own", "All:of"))
    entries = [*find_entries(f"music={recordings}"), *find_entries(str(page))]
    assert {entry.kind for entry in entries if own.takes(entry)} == {"music"}
    assert all(of_all.takes(entry) for entry in entries)
    assert described["Own"].endswith(", music alone") and "alone" not in described["All:of"]


def test_an_output_that_does_not_fit_is_exit_code_1(run, page, tmp_path, capsys):
    write(page / "vis_event_3" / "audiosr.wav", num_samples=12_000)
    assert run() == 1
    captured = capsys.readouterr()
    assert "vis_event_3, AudioSR (page): the estimate has 12000 samples" in captured.err
    assert "could not be compared: 1 outputs" in captured.out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--system", "A"], "--system A is not NAME=SOURCE"),
        (["--system", "music:=x"], "is not NAME=SOURCE"),
        (["--system", "NVSR-DNN=x"], "two systems named NVSR-DNN"),
        (["--system", "A=nowhere/at/all"], "nowhere/at/all"),
        (["--data", "esc50=nowhere"], "ESC-50 comes from"),
        (["--data", "music=songs", "music=songs"], "is there twice"),
        (["--output", "table1.csv"], "has to end in .md"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(run, capsys, more, message):
    with pytest.raises(SystemExit) as ended:
        run(*more)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
