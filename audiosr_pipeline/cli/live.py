"""`live`: a stream from stdin to stdout."""

import argparse
import sys
from collections.abc import Iterator
from typing import BinaryIO

from audiosr_pipeline.cli.arguments import UsageError
from audiosr_pipeline.cli.messages import complain, give_up_stdout, one_line, say
from audiosr_pipeline.cli.pcm import PCMFormat, count_left, read_wav_header, wav_header
from audiosr_pipeline.cli.signals import importing
from audiosr_pipeline.cli.streams import open_stdin

# As much as comes at once, up to this: what waits would be late.
BLOCK_BYTES = 1 << 16
# Of what no chunk holds behind the samples; fewer bytes are no loss, as in files (docs/formats.md).
LONGEST_TAIL = 511


def run(arguments: argparse.Namespace) -> int:
    """Takes stdin to 48 kHz on stdout; returns the exit code."""
    if (arguments.raw is None) != (arguments.sampling_rate is None):
        raise UsageError("--raw and --sampling-rate belong together: WAV tells its rate, bare samples don't")
    if sys.stdout is None or sys.stdout.isatty():
        raise UsageError("stdout is a terminal or closed: pipe it on, as in `... | audiosr-pipeline live | aplay`")
    try:
        stdin = open_stdin()
        form, length = _input_format(stdin, arguments)
    except ValueError as error:
        raise UsageError(one_line(error)) from error
    with importing():
        import torch

        from audiosr_pipeline.streaming import StreamingAudioSR
    # More threads than one wait for each other longer than they work.
    torch.set_num_threads(1)
    try:
        stream = StreamingAudioSR(arguments.model, form.sampling_rate, form.channels, arguments.cutoff_freq)
    except (ValueError, OSError, ImportError) as error:
        raise UsageError(one_line(error)) from error
    out = form.at(stream.sampling_rate)
    num_clipped = num_read = 0
    with stream:
        try:
            _write(b"" if arguments.raw else wav_header(out))
            for data in _blocks(stdin, form, length):
                num_read += len(data)
                encoded, clipped = out.encode(stream.push(form.decode(data)))
                num_clipped += clipped
                _write(encoded)
            encoded, clipped = out.encode(stream.flush())
            num_clipped += clipped
            _write(encoded)
            num_left = 0 if length is None else count_left(stdin)
        except ValueError as error:
            complain(f"after {num_read // form.num_bytes / form.sampling_rate:.2f} s: {one_line(error)}")
            return 1
        except OSError as error:
            give_up_stdout(error)
            complain(f"stdout can't be written: {one_line(error)}")
            return 1
        report = stream.report()
    edges = ", ".join(f"{edge:.0f} Hz from {time:.2f} s on" for time, edge in report.band_edges)
    say(
        f"{report.duration_s:.2f} s of {report.sampling_rate} Hz, {report.latency_samples / 48:.1f} ms late; "
        f"content up to {edges}{'; ' + report.reason if report.reason else ''}",
        to_stderr=True,
    )
    if num_clipped:
        complain(f"{num_clipped} samples were beyond full scale and are clipped: lower the input, or pipe floats")
    if num_left > LONGEST_TAIL:
        complain(
            f"{num_left} bytes or more follow the {length} that stdin's header announces, and were left: if they are "
            "samples or a second file, pipe it without its header's length (ffmpeg -i FILE -f wav -), or by itself"
        )
        return 1
    if length is not None and num_read < length:
        complain(f"stdin ended after {num_read} of the {length} bytes that its header announces")
        return 1
    return 0


def _input_format(stdin: BinaryIO, arguments: argparse.Namespace) -> tuple[PCMFormat, int | None]:
    """The format of what comes, and how many bytes of samples, if that is known."""
    if arguments.raw is not None:
        return PCMFormat(arguments.sampling_rate, arguments.channels, arguments.raw), None
    return read_wav_header(stdin)


def _blocks(stdin: BinaryIO, form: PCMFormat, length: int | None) -> Iterator[bytes]:
    """Bytes of whole samples, as they come, up to the data chunk's end.

    Raises:
        ValueError: If the stream ends within a sample.
    """
    rest = b""
    missing = length
    while missing is None or missing > 0:
        data = stdin.read1(BLOCK_BYTES if missing is None else min(BLOCK_BYTES, missing))  # type: ignore[attr-defined]
        if not data:
            break
        missing = None if missing is None else missing - len(data)
        data = rest + data
        num_whole = len(data) // form.num_bytes * form.num_bytes
        rest = data[num_whole:]
        yield data[:num_whole]
    if rest:
        raise ValueError(
            f"stdin ends {len(rest)} bytes into a sample of {form.num_bytes} bytes: it was cut, or isn't {form.sample} "
            f"with channels={form.channels}"
        )


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
