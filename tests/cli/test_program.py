"""The program as a whole."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import bad_usage


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
    "command", ["-m audiosr_pipeline.cli", "-c import sys, audiosr_pipeline.cli as cli; sys.exit(cli.main())"]
)
def test_a_signal_while_torch_is_imported_ends_the_program_in_one_line(tmp_path, number, command):
    """With a torch in place of the real one that sends the signal."""
    code = f"import os, signal\nos.kill(os.getpid(), signal.{number})\nraise ImportError('it went on')\n"
    (tmp_path / "torch.py").write_text(code)
    option, what = command.split(" ", 1)
    package = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, option, what, "inspect", "a.wav"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(package)])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        # Where tests run in the background, it may be ignored.
        preexec_fn=lambda: signal.signal(getattr(signal, number), signal.SIG_DFL),
    )
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "audiosr-pipeline: interrupted\n")
