"""A checkpoint's seeds and conditions: what each row is given, and how the rows are compared."""

import csv
import re

import numpy as np
import pytest
import torch

from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.dsp.lowpass import lowpass
from benchmarks.baselines.ablation import AnotherCondition, output_difference
from benchmarks.data.find import find_entries
from benchmarks.table1 import __main__ as table1
from benchmarks.table1 import ablation
from benchmarks.table1.layout import Table
from benchmarks.table1.measure import Results, Row, measure
from tests.signals import band_limited, noise, rms

CUTOFF_FREQ = 4_000
COLUMN = "music", CUTOFF_FREQ
ITEM = {"audio": lowpass(0.5 * noise(1.0, seed=3, tilt_db=-3), CUTOFF_FREQ), "sampling_rate": 48_000}


@pytest.fixture
def recordings(tmp_path):
    for index in range(2):
        clip = 0.5 * noise(0.5, seed=index, tilt_db=-3)
        path = tmp_path / "clips" / f"{index}.wav"
        path.parent.mkdir(exist_ok=True)
        write_audio(path, clip, 48_000)
    return tmp_path / "clips"


def test_the_own_condition_gives_what_the_pipeline_gives_and_another_gives_something_else(tiny_pipeline):
    system = AnotherCondition(tiny_pipeline, {})
    out = tiny_pipeline(ITEM, generator=torch.Generator().manual_seed(5))
    own = out.audios[0]
    assert np.array_equal(system.enhance(ITEM, ITEM, torch.Generator().manual_seed(5)), own)
    other = {"audio": lowpass(0.1 * noise(0.4, seed=4), CUTOFF_FREQ), "sampling_rate": 48_000}
    shuffled = system.enhance(ITEM, other, torch.Generator().manual_seed(5))
    assert shuffled.shape == ITEM["audio"].shape
    assert rms(band_limited(shuffled - own, 3_000)) < 1e-3 * rms(own)
    assert rms(shuffled - own) > 1e-3 * rms(own - ITEM["audio"])
    # No difference at all is as small as can be shown.
    assert output_difference(out, out, CUTOFF_FREQ) == (-200, -200)


def test_every_clip_has_its_own_seeds_and_the_shuffled_condition_begins_with_the_same_noise(
    recordings, tiny_pipeline, tmp_path, monkeypatch
):
    seeds = []
    make = tiny_pipeline.prepare_latents

    def prepare_latents(num_latent_frames, generator, *rest):
        seeds.append(generator.initial_seed())
        return make(num_latent_frames, generator, *rest)

    monkeypatch.setattr(tiny_pipeline, "prepare_latents", prepare_latents)
    entries = [entry for entry in find_entries(f"music={recordings}") if entry.cutoff_freq == CUTOFF_FREQ]
    rows = ablation.competitors(tiny_pipeline, "tiny", entries)
    assert [row.name for row in rows] == list(ablation.descriptions("tiny"))
    results = measure(entries, rows, tmp_path / "store")
    # Of each clip both seeds with its own condition, then both with the other's.
    assert seeds == [0, 1, 0, 1, 2, 3, 2, 3]
    assert rows[-1].system.system.others == {entries[0].name: entries[1], entries[1].name: entries[0]}
    own = [row for row in results.rows if ablation.BAND_DIFFERENCE in row.scores]
    # Independent noises of one level differ by +3 dB, of two levels by up to 6 dB of the louder one.
    assert [row.system for row in own] == ["tiny, seed 1"] * 2
    assert all(-20 < row.scores[ablation.BAND_DIFFERENCE] < 6 for row in own)


def results_of(own: list[float], shuffled: list[float]) -> Results:
    """One value of all scores of each clip under its own and under another's condition."""
    names = dict.fromkeys([*ablation.PAIRED.values(), ablation.BAND_DIFFERENCE, ablation.LOW_BAND_DIFFERENCE])
    return Results(
        [
            Row(
                "",
                "music",
                str(clip),
                "music",
                "paper",
                CUTOFF_FREQ,
                system,
                "",
                1.0,
                1.0,
                0,
                dict.fromkeys(names, score),
            )
            for seed in (0, 1)
            for system, scores in ((ablation.own("A", seed), own), (ablation.shuffled("A", seed), shuffled))
            for clip, score in enumerate(scores)
        ]
    )


def differences(results: Results) -> str:
    return "\n".join(ablation._differences(Table(results.rows, ablation.descriptions("A")), COLUMN, "A"))


def test_another_condition_s_difference_is_paired_by_clip():
    # The clips differ by 100, which an unpaired interval would show.
    own = 100.0 * np.arange(40)
    shown = differences(results_of(list(own), list(own + 0.5 + 0.1 * (-1) ** np.arange(40))))
    found = re.findall(r"- seed \d: LSD-HF below edge \(`apbwe`\) (\S+) \[(\S+), (\S+)\], variance ratio", shown)
    assert len(found) == 2 and found[0] == found[1]
    # 1.96 standard errors of the mean are 0.031; two decimals are shown.
    assert tuple(map(float, found[0])) == pytest.approx((0.5, 0.469, 0.531), abs=0.011)


def test_clips_without_a_score_are_left_out_of_the_difference():
    shown = differences(results_of([1.0, np.nan, 2.0], [2.0, 5.0, 3.0]))
    assert shown.count("+1.00 [+1.00, +1.00]") == 4
    assert differences(results_of([1.0, np.nan], [2.0, 5.0])).count("- (fewer than two clips)") == 4


def test_the_command_names_every_system_and_its_rows_stand_beside_the_table(
    recordings, tiny_pipeline, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    tiny_pipeline.save_pretrained(tmp_path / "tiny")
    output = tmp_path / "results" / "mini.md"
    arguments = ["--data", f"music={recordings}", "--checkpoint", "tiny", "--ablation"]
    assert table1.main([*arguments, "--output", str(output)]) == 0
    table = output.read_text()
    assert capsys.readouterr().out.strip() == table.strip()
    systems = ablation.descriptions("tiny")
    assert all(table.count(f"| {system} |") == 2 for system in systems)
    assert table.count("- seed 0: LSD-HF below edge") == table.count("- seed 1: LSD-HF below edge") == 2
    assert table.count("Two seeds differ by ") == 2 and "8 calls of the pipeline: 8 enhanced." in table
    assert str(tmp_path) not in table
    with open(output.with_suffix(".csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    # Of 4 and 8 kHz.
    assert len(rows) == 2 * len(systems) * 2
    assert output.with_suffix(".png").stat().st_size > 10_000
    with pytest.raises(SystemExit):
        table1.main([*arguments, "--system", "A=x"])
    assert "leave out --system" in capsys.readouterr().err
