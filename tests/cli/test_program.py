"""The program as a whole."""

import subprocess
import sys

import pytest

from tests.cli.commands import bad_usage


@pytest.mark.parametrize(("arguments", "message"), [("", "COMMAND"), ("improve a.wav", "improve")])
def test_no_command_is_bad_usage(capsys, arguments, message):
    assert message in bad_usage(capsys, *arguments.split())


def test_the_program_ends_with_the_exit_code():
    bad = subprocess.run(
        [sys.executable, "-m", "audiosr_pipeline.cli", "inspect", "nix.wav"], capture_output=True, text=True
    )
    assert bad.returncode == 1
    assert "nix.wav: no such file or directory" in bad.stderr
