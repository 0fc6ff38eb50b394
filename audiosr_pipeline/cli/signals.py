"""What Ctrl-C, SIGTERM and SIGHUP do: end the process while modules are imported, and later interrupt the command."""

import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """For the import of modules that take long, before anything is held that would have to be removed.

    Signals end the process with exit code 130 and one line; ignored ones stay ignored. Not by an exception, because
    modules that are being imported may catch it or add to it. The garbage collector rests: it takes a fifth of the time
    of importing torch and diffusers, and finds next to nothing.
    """

    def end(number: int, frame: object) -> None:
        try:
            os.write(2, b"audiosr-pipeline: interrupted\n")
        finally:
            os._exit(130)

    former = {number: signal.getsignal(number) for number in _numbers("SIGINT", "SIGTERM", "SIGHUP")}
    usual = (signal.SIG_DFL, signal.default_int_handler, _interrupt)
    former = {number: by for number, by in former.items() if by in usual}
    for number in former:
        signal.signal(number, end)
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
        for number, by in former.items():
            signal.signal(number, by)


@contextmanager
def signals_as_interrupt() -> Iterator[None]:
    """Has SIGTERM and SIGHUP do what Ctrl-C does, so that temporary files are removed; ignored ones stay ignored."""
    numbers = [number for number in _numbers("SIGTERM", "SIGHUP") if signal.getsignal(number) == signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _numbers(*names: str) -> list[signal.Signals]:
    """Those of the signals that this thread may handle here."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [getattr(signal, name) for name in names if hasattr(signal, name)]
