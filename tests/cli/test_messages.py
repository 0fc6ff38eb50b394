"""What is said, and what happens when it can't be."""

import io
import json
import logging
import os
import signal
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

from audiosr_pipeline import AudioSRPipeline, spectrogram
from audiosr_pipeline.cli import messages, program
from audiosr_pipeline.printable import printable
from tests.cli.commands import StubPipeline, bad_usage, files, lines, make_wav, run


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain (1), 日本語 naïve 🎵.wav", "plain (1), 日本語 naïve 🎵.wav"),
        ("two\nlines", "two\\nlines"),
        ("\x1b[31mred\x07\r\b", "\\x1b[31mred\\x07\\r\\x08"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202egnp.wav", "abc\\u202egnp.wav"),
        ("a\u2028b\u2029c\x85d", "a\\u2028b\\u2029c\\x85d"),
        (os.fsdecode(b"caf\xe9.wav"), "caf\\udce9.wav"),
    ],
)
def test_what_would_change_the_terminal_is_escaped(text, expected):
    assert printable(text) == expected


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="such names are not possible there")
def test_names_are_escaped_wherever_they_are_printed(pipeline, capsys):
    name = "a\n\x1b[2J\x07b.wav"
    make_wav("in/c.wav").rename(Path("in", name))
    Path("in/bad\r\x1b]0;owned\x07.wav").write_bytes(b"no audio")
    assert run("enhance", "in", "missing\x1b[0m.wav", "-o", "out", "--report", "--spectrogram") == 1
    out, err = capsys.readouterr()
    assert not set(out + err) & set("\x1b\x07\r")
    assert lines(out)[0].startswith("in/a\\n\\x1b[2J\\x07b.wav -> out/a\\n\\x1b[2J\\x07b.wav: enhanced")
    assert lines(err)[0].startswith("audiosr-pipeline: in/bad\\r\\x1b]0;owned\\x07.wav: not readable as audio")
    assert lines(err)[1].startswith("audiosr-pipeline: missing\\x1b[0m.wav: no such file")
    assert len(lines(err)) == 2
    assert run("inspect", "in") == 1
    assert "\x1b" not in "".join(capsys.readouterr())
    assert "\\x1b" in bad_usage(capsys, "enhance", "in", "-o", "out", "--eta", "\x1b[1m")


NAME = "a\n\x1b[2Jb.wav"
ESCAPED = "a\\n\\x1b[2Jb.wav"


@pytest.mark.parametrize(
    ("logger", "expected"),
    [
        ("audiosr_pipeline.training.dataset", f"skipped: {ESCAPED}: no audio"),
        # Libraries say several lines at once.
        ("transformers", f"skipped: {ESCAPED.replace(chr(92) + 'n', chr(10))}: no audio"),
    ],
)
def test_names_are_escaped_in_warnings_and_lines_of_loggers(monkeypatch, capsys, caplog, logger, expected):
    def warn(argv):
        logging.getLogger(logger).warning("skipped: %s: %s", NAME, "no audio")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            # pytest keeps warnings for itself.
            warnings.showwarning = lambda *of: sys.stderr.write(warnings.formatwarning(*of[:4]))
            warnings.warn(f"{NAME}: joined at 2 s", stacklevel=1)
        return 0

    monkeypatch.setattr(program, "_run", warn)
    former = warnings.formatwarning, logging.getLogRecordFactory()
    assert run() == 0
    assert caplog.messages == [expected]
    (line,) = lines(capsys.readouterr().err)
    assert line.endswith(f"UserWarning: {ESCAPED}: joined at 2 s")
    assert (warnings.formatwarning, logging.getLogRecordFactory()) == former


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are Unicode there")
def test_a_report_is_utf_8_whatever_the_name(pipeline):
    name = os.fsdecode(b"caf\xe9.wav")
    make_wav("a.wav").rename(name)
    assert run("enhance", name, "-o", "out", "--report") == 0
    (report,) = Path("out").glob("*.json")
    fields = json.loads(report.read_bytes().decode("utf-8"))
    assert fields["input"] == "caf\\udce9.wav"
    # Halves of characters, which json would write as escapes, are no characters to most readers.
    assert json.dumps(fields, ensure_ascii=False).encode("utf-8")
    assert run("enhance", name, "-o", "out", "--report") == 0


class Failing(io.StringIO):
    """A stdout that takes some lines and then no more."""

    def __init__(self, error: OSError, num_lines: int):
        super().__init__()
        self.error, self.num_lines = error, num_lines

    def flush(self):
        if self.getvalue().count("\n") > self.num_lines:
            raise self.error


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), BrokenPipeError(32, "Broken pipe")])
@pytest.mark.parametrize("num_lines", [0, 1])
def test_a_stdout_that_fails_does_not_end_the_batch(pipeline, monkeypatch, capsys, error, num_lines):
    for name in "abc":
        make_wav(f"in/{name}.wav")
    monkeypatch.setattr(sys, "stdout", Failing(error, num_lines))
    assert run("enhance", "in", "-o", "out") == 1
    assert files("out") == ["a.wav", "b.wav", "c.wav"]
    (line,) = lines(capsys.readouterr().err)
    assert line.startswith("audiosr-pipeline: stdout can't be written: ")
    # The next command in this process begins anew; nothing is printed, so nothing is lost.
    assert run("enhance", "in", "-o", "out", "--quiet") == 0


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_closed_stream_does_not_end_the_batch(pipeline, monkeypatch, name):
    make_wav("a.wav")
    Path("b.wav").touch()
    monkeypatch.setattr(sys, name, None)
    assert run("enhance", "b.wav", "a.wav", "-o", "out") == 1
    assert files("out") == ["a.wav"]
    assert messages.stdout_failed() == (name == "stdout")


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_signals_interrupt_and_leave_no_temporary_file(pipeline, monkeypatch, capsys, request, number):
    make_wav("in/a.wav")
    make_wav("in/b.wav")

    def draw_slowly(path, clips, title):
        path.write_bytes(b"half")
        os.kill(os.getpid(), getattr(signal, number))

    monkeypatch.setattr(spectrogram, "save_spectrograms", draw_slowly)
    # Where tests run in the background or by nohup, SIGINT or SIGHUP may be ignored.
    usual = signal.default_int_handler if number == "SIGINT" else signal.SIG_DFL
    former = signal.signal(getattr(signal, number), usual)
    request.addfinalizer(lambda: signal.signal(getattr(signal, number), former))
    assert run("enhance", "in", "-o", "out", "--report", "--spectrogram") == 130
    assert list(Path("out").iterdir()) == []
    assert "interrupted after 0 of 2 files" in capsys.readouterr().err
    if number != "SIGINT":
        assert signal.getsignal(getattr(signal, number)) == signal.SIG_DFL


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signal")
def test_a_signal_that_is_ignored_stays_so(pipeline, monkeypatch):
    """As by nohup."""
    make_wav("a.wav")
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        call = StubPipeline.__call__

        def hang_up(self, audio, **arguments):
            os.kill(os.getpid(), signal.SIGHUP)
            return call(self, audio, **arguments)

        monkeypatch.setattr(StubPipeline, "__call__", hang_up)
        assert run("enhance", "a.wav", "-o", "out") == 0
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, former)


def test_commands_run_in_any_thread(pipeline):
    make_wav("a.wav")
    codes = []
    thread = threading.Thread(target=lambda: codes.append(run("enhance", "a.wav", "-o", "out")))
    thread.start()
    thread.join()
    assert codes == [0]


# What is accepted is named


@pytest.mark.parametrize("device", ["gpu", "GPU", "cuda:x", "cuda:99", "cuda:-1", "meta", "tpu", "0", ""])
def test_a_wrong_device_is_told_those_accepted(pipeline, capsys, device):
    make_wav("a.wav")
    message = bad_usage(capsys, "enhance", "a.wav", "-o", "out", "--device", device)
    assert "accepted are cpu, cuda, cuda:1 and the like, and mps, of which there are here: cpu" in message
    assert pipeline.calls == []


@pytest.mark.parametrize("model", ["audiosr-mimi", "AudioSR-mini", "models/nix/deep", "./nix", "/nix/nix", "a b/c", ""])
def test_a_mistyped_model_is_told_the_package_s_own_and_the_hub_is_not_asked(capsys, monkeypatch, model):
    monkeypatch.setattr(AudioSRPipeline, "from_pretrained", None)
    make_wav("a.wav")
    message = bad_usage(capsys, "enhance", "a.wav", "-o", "out", "--model", model)
    own = "audiosr-mini, audiosr-mini-speech"
    assert f"--model {model} is no folder, and none of this package's models ({own}); accepted are" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--cutoff-freq 4k", "4k is not a number from 0"),
        ("--cutoff-freq 4000Hz", "4000Hz is not a number from 0"),
        ("--steps ten", "ten is not a whole number from 1"),
        ("--format .flac", "'wav', 'flac', 'ogg'"),
    ],
)
def test_words_for_numbers_and_formats_are_told_what_is_accepted(pipeline, capsys, arguments, message):
    make_wav("a.wav")
    assert message in bad_usage(capsys, "enhance", "a.wav", "-o", "out", *arguments.split())


@pytest.mark.parametrize("name", ["-out.wav", "-x.wav", "--quiet", "--report.wav"])
def test_a_file_named_like_an_option_is_not_taken_for_one(pipeline, capsys, name):
    """As a shell passes it on for `*`: -out.wav would be `-o ut.wav`."""
    make_wav("a.wav")
    make_wav("b.wav").rename(name)
    message = bad_usage(capsys, "enhance", name, "a.wav", "-o", "out")
    assert f"give it as ./{name}" in message
    assert run("enhance", f"./{name}", "a.wav", "-o", "out") == 0
    assert run("enhance", "-o", "out2", "--", name) == 0
    assert len(files("out2")) == 1


def test_help_names_the_rules():
    parser = program.build_parser()
    help_text = " ".join(parser._subparsers._group_actions[0].choices["enhance"].format_help().split())
    assert "a.mp3 becomes a.wav, or a.mp3.wav if another audio file beside a.mp3 would be a.wav too" in help_text
    assert "- for stdout" in help_text and "- is stdin" in help_text


# Nothing that isn't all of the audio is written


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_result_that_is_not_finite_is_a_failure(pipeline, capsys, bad):
    make_wav("a.wav")
    pipeline.level = bad
    assert run("enhance", "a.wav", "-o", "out", "--report", "--sample-format", "float") == 1
    assert not Path("out/a.wav").exists()
    assert "a.wav: the result holds NaN or infinity" in capsys.readouterr().err


def test_a_result_that_is_shorter_than_the_file_is_a_failure(pipeline, monkeypatch, capsys):
    make_wav("a.wav")
    call = StubPipeline.__call__

    def shorter(self, audio, **arguments):
        output = call(self, audio, **arguments)
        output.audios[0] = output.audios[0][:, :-1]
        return output

    monkeypatch.setattr(StubPipeline, "__call__", shorter)
    assert run("enhance", "a.wav", "-o", "out") == 1
    assert "the result has the shape (1, 47999) instead of (1, 48000)" in capsys.readouterr().err
    assert not Path("out/a.wav").exists()
