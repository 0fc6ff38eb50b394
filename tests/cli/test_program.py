"""The program as a whole."""

import os
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
