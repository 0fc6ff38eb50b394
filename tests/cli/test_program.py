"""The program as a whole."""

import gc
import json
import os
import pkgutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from audiosr_pipeline.cli.options.train import PARTS
from audiosr_pipeline.cli.signals import importing
from audiosr_pipeline.cli.train import TRAINERS
from tests.cli.commands import bad_usage, make_wav, run

# Each takes a tenth of a second or more to import.
SLOW = ("accelerate", "diffusers", "librosa", "matplotlib", "numpy", "scipy", "torch", "transformers")


@pytest.mark.parametrize(("arguments", "message"), [("", "COMMAND"), ("improve a.wav", "improve")])
def test_no_command_is_bad_usage(capsys, arguments, message):
    assert message in bad_usage(capsys, *arguments.split())


def test_the_program_ends_with_the_exit_code():
    """Also on a full disk: the interpreter would try once more to write what is buffered, and exit with 120."""
    full = Path("/dev/full")
    with open(full if full.exists() else os.devnull, "w") as stdout:
        command = [sys.executable, "-m", "audiosr_pipeline.cli", "inspect", "nix.wav"]
        bad = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True)
    assert bad.returncode == 1
    assert "nix.wav: no such file or directory" in bad.stderr
    if full.exists():
        assert "stdout can't be written: [Errno 28] No space left on device" in bad.stderr
        assert bad.stderr.count("\n") == 2


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("-m audiosr_pipeline.cli", "enhance a.wav -o out"),
        ("-c import sys, audiosr_pipeline.cli as cli; sys.exit(cli.main())", "enhance a.wav -o out"),
        ("-m audiosr_pipeline.cli", "enhance a.wav -o out --device cuda"),
        ("-m audiosr_pipeline.cli", "convert a.bin out"),
        ("-m audiosr_pipeline.cli", "train vae --data in"),
        ("-m audiosr_pipeline.cli", "study build out --audio a=in"),
    ],
)
def test_a_signal_while_torch_is_imported_ends_the_program_in_one_line(tmp_path, number, program, command):
    """With a torch in place of the real one that sends the signal."""
    code = f"import os, signal\nos.kill(os.getpid(), signal.{number})\nraise ImportError('it went on')\n"
    (tmp_path / "torch.py").write_text(code)
    package = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, *program.split(" ", 1), *command.split()],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(package)])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        # Where tests run in the background, it may be ignored.
        preexec_fn=lambda: signal.signal(getattr(signal, number), signal.SIG_DFL),
    )
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "audiosr-pipeline: interrupted\n")


def imported_by(*commands: str) -> list[set[str]]:
    """Which of `SLOW` have been imported after each command of one process, the first of which is to end with 0."""
    code = """
import contextlib, io, json, sys
from audiosr_pipeline.cli import main
for command in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            code = main(command.split())
        except SystemExit as end:
            code = end.code
    print(json.dumps([code, [name for name in sys.argv[2:] if name in sys.modules]]))
"""
    package = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands), *SLOW],
        env=os.environ | {"PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=True,
    )
    results = [json.loads(line) for line in run.stdout.splitlines()]
    assert results[0][0] == 0
    return [set(names) for _, names in results]


def test_help_and_bad_usage_import_nothing_that_takes_long():
    parts = [f"train {part}" for part in PARTS]
    parts += [f"study {part}" for part in ("build", "serve", "analyse", "export")]
    commands = ("enhance", "inspect", "convert", "evaluate", "train", "study", *parts)
    bad = ("enhance", "improve a.wav", "train vae --data in --mixed-precision fp8", "study build out")
    lines = ("--version", "--help", *(f"{command} --help" for command in commands), *bad)
    assert imported_by(*lines) == [set()] * len(lines)


def test_inspect_needs_neither_torch_nor_diffusers():
    make_wav("a.wav")
    assert imported_by("inspect a.wav") == [{"numpy", "scipy"}]


def test_what_is_done_already_is_found_without_torch(pipeline):
    make_wav("a.wav")
    assert run("enhance", "a.wav", "-o", "out") == 0
    assert imported_by("enhance a.wav -o out") == [{"numpy"}]


def test_each_part_of_train_has_what_carries_it_out():
    assert list(TRAINERS) == list(PARTS)
    assert all(callable(pkgutil.resolve_name(name)) for name in TRAINERS.values())


def test_the_garbage_collector_and_the_handlers_are_as_before_an_import():
    def handlers() -> list:
        return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    before = handlers()
    with importing():
        assert not gc.isenabled()
        with importing():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    assert handlers() == before
