"""`evaluate`: what it prints, writes and skips."""

import shutil
from pathlib import Path

from tests.cli.commands import bad_usage, files, lines, make_wav, run

TABLES = ["differences.csv", "scores.csv", "skipped.csv", "summary.csv"]


def test_evaluate_prints_and_writes_scores(capsys):
    make_wav("true/a.wav", sampling_rate=48_000)
    shutil.copytree("true", "made")
    command = ["evaluate", "--reference", "true", "--estimate", "made", "--cutoff-freq", "8000", "--output", "scores"]
    assert run(*command) == 0
    assert "made: 1 clips scored" in capsys.readouterr().out
    assert Path("scores/scores.csv").read_text().startswith("name,system,")
    assert files("scores") == sorted([*TABLES, "scores.png"])


def test_evaluate_overwrites_only_when_told_to_and_then_leaves_nothing_old(capsys):
    make_wav("true/a.wav", sampling_rate=48_000)
    shutil.copytree("true", "made")
    one = ["evaluate", "--reference", "true", "--estimate", "made", "--output", "out"]
    assert run(*one, "--estimate", "other=true") == 0
    assert files("out") == sorted([*TABLES, "pairs.png", "scores.png"])
    Path("out/mine.txt").touch()
    capsys.readouterr()
    assert "is there already: --overwrite replaces it" in bad_usage(capsys, *one)
    assert run(*one, "--overwrite") == 0
    # What compared with the other system is gone, what isn't ours is not.
    assert files("out") == sorted([*TABLES, "mine.txt", "scores.png"])
    Path("file").touch()
    capsys.readouterr()
    assert "--output file is a file; name a folder" in bad_usage(capsys, *one[:-1], "file")


def test_evaluate_compares_systems_with_the_first(capsys):
    make_wav("true/a.wav", sampling_rate=48_000)
    for system, peak in (("x", 0.5), ("y", 0.25)):
        make_wav(f"{system}/out/a.wav", sampling_rate=48_000, peak=peak)
    command = ["evaluate", "--reference", "true", "--estimate", "x/out", "--estimate"]
    assert "two estimates are called out: --estimate NAME=DIR gives" in bad_usage(capsys, *command, "y/out")
    assert "=y is not of the form NAME=DIR" in bad_usage(capsys, *command, "=y")
    assert run(*command, "half=y/out") == 0
    out = capsys.readouterr().out
    assert "difference to out" in out
    changes = [line.split() for line in out.splitlines() if line.startswith("peak_change_db")]
    # Means of both systems, then the difference.
    assert changes == [["peak_change_db", "0.00", "-6.02"], ["peak_change_db", "-6.02"]]


def test_a_folder_with_an_equals_sign_in_its_name_is_a_folder(capsys):
    make_wav("true/a.wav", sampling_rate=48_000)
    shutil.copytree("true", "eta=1")
    assert run("evaluate", "--reference", "true", "--estimate", "eta=1") == 0
    assert "eta=1: 1 clips scored" in capsys.readouterr().out


def test_names_of_systems_stay_in_their_lines(capsys):
    make_wav("true/a.wav", sampling_rate=48_000)
    assert run("evaluate", "--reference", "true", "--estimate", "x=true", "--estimate", "a\n\x1b[2Jb=true") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\na\\n\\x1b[2Jb: 1 clips scored" in out


def test_evaluate_names_what_has_no_partner(capsys):
    for index in range(8):
        make_wav(f"true/{index}.wav", sampling_rate=48_000)
    make_wav("made/0.wav", sampling_rate=48_000)
    make_wav("made/extra.wav", sampling_rate=48_000)
    assert run("evaluate", "--reference", "true", "--estimate", "made") == 0
    assert lines(capsys.readouterr().err) == [
        "audiosr-pipeline: without an estimate: 1, 2, 3, 4, 5 and 2 more",
        "audiosr-pipeline: without a reference: extra",
    ]


def test_evaluate_counts_and_names_what_it_passes_over(capsys):
    for name in ("true/a.wav", "one/a.wav", "other/a.wav"):
        make_wav(name, sampling_rate=48_000)
    for name in ("true/notes.txt", "one/a.json", "one/a.png"):
        Path(name).touch()
    Path("other/b.wav").symlink_to("nowhere.wav")
    assert run("evaluate", "--reference", "true", "--estimate", "one", "--estimate", "other") == 0
    assert lines(capsys.readouterr().err) == [
        "audiosr-pipeline: true: passed over 1 file that isn't named as audio or video: notes.txt",
        "audiosr-pipeline: one: passed over 2 files that aren't named as audio or video: a.json, a.png",
        "audiosr-pipeline: other: passed over 1 that is no file: b.wav (a link to nothing)",
    ]


def test_evaluate_names_what_it_skips(capsys):
    make_wav("true/a.wav", sampling_rate=48_000)
    make_wav("true/b.wav", sampling_rate=48_000)
    shutil.copytree("true", "made")
    Path("made/b.wav").write_bytes(b"")
    assert run("evaluate", "--reference", "true", "--estimate", "made") == 1
    out, err = capsys.readouterr()
    assert "1 clips scored" in out
    assert lines(err) == ["audiosr-pipeline: b: made/b.wav: is empty (0 bytes)"]
    assert run("evaluate", "--reference", "nix", "--estimate", "made") == 1
    assert "nix" in capsys.readouterr().err


def test_evaluate_compares_sets(capsys):
    for name in ("true/a.wav", "true/b.wav", "made/c.wav", "made/d.wav"):
        make_wav(name, sampling_rate=48_000)
    command = ["evaluate", "--sets", "true", "made", "--embedding", "mel", "--output", "out"]
    assert run(*command) == 0
    out = capsys.readouterr().out
    assert "FD[mel-0-8k-48k, n=2]" in out and "FD[mel-8-24k-48k, n=2]" in out
    assert files("out") == ["sets.csv"]
    assert "is there already: --overwrite replaces it" in bad_usage(capsys, *command)
    make_wav("made/e.wav", sampling_rate=48_000)
    assert run(*command, "--overwrite") == 1
    assert "true holds 2 clips and made 3; accepted are equal numbers" in capsys.readouterr().err
    assert run(*command, "--overwrite", "--embedding", "vggish") == 1
    assert "'vggish'; accepted are mel, classifier, clap=FOLDER and ast=FOLDER" in capsys.readouterr().err


def test_options_of_pairs_and_of_sets_are_not_mixed(capsys):
    sets, pairs = ["evaluate", "--sets", "a", "b"], ["evaluate", "--reference", "a", "--estimate", "b"]
    assert "--as-read doesn't go with --sets" in bad_usage(capsys, *sets, "--as-read")
    assert "--reference doesn't go with --sets" in bad_usage(capsys, *sets, "--reference", "a")
    assert "--embedding doesn't go with pairs, but with --sets" in bad_usage(capsys, *pairs, "--embedding", "mel")
    assert "--reference DIR and --estimate DIR, or --sets REF GEN" in bad_usage(capsys, *pairs[:3])
