"""`audiosr-pipeline`: each command parses, calls the public API and writes files.

Exit codes: 0 all done, 1 some inputs failed and the others are done, or what was to be printed is lost; 2 bad usage;
130 interrupted, by Ctrl-C, SIGTERM or SIGHUP.
"""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code (see above)."""
    # torch, which the commands import, takes seconds.
    with _signals_end_the_process():
        from audiosr_pipeline.cli import program

    return program.main(argv)


@contextmanager
def _signals_end_the_process() -> Iterator[None]:
    """Has Ctrl-C, SIGTERM and SIGHUP end the process with exit code 130 and one line; ignored ones stay ignored.

    Not by an exception, because modules that are being imported may catch it or add to it. No file is written yet.
    """

    def end(number: int, frame: object) -> None:
        try:
            os.write(2, b"audiosr-pipeline: interrupted\n")
        finally:
            os._exit(130)

    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # Other threads are not allowed to.
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    former = {number: signal.getsignal(number) for number in numbers}
    former = {number: by for number, by in former.items() if by in (signal.SIG_DFL, signal.default_int_handler)}
    for number in former:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, by in former.items():
            signal.signal(number, by)
