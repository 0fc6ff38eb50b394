"""What a training run leaves on the disk, and goes on from: its state in two generations, both checked when read."""

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from audiosr_pipeline.archives import archive_damage
from audiosr_pipeline.writing import sync, written_whole

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

STATE, PREVIOUS_STATE, SETTINGS = "state.pt", "state.previous.pt", "settings.json"
# What every state holds beside the run's parts.
STATE_KEYS = {"step", "best", "held_out", "curve"}

# The workers of a run that was killed are gone after some seconds.
LONGEST_WAIT_S = 10.0

logger = logging.getLogger(__name__)


@contextmanager
def saving(path: Path | str) -> Iterator[None]:
    """Turns whatever is raised while `path` is written into an OSError: each library has its own for a full disk."""
    try:
        yield
    except Exception as error:
        raise OSError(f"{path} can't be written: {error}. What was there before is kept.") from error


@contextmanager
def alone_in(output: Path) -> Iterator[None]:
    """Makes the folder of a run, and keeps other runs out of it until the block ends.

    Where folders can't be locked, on Windows and some network file systems, none is kept out.

    Raises:
        ValueError: If another run is in it.
    """
    was_there = output.is_dir()
    output.mkdir(parents=True, exist_ok=True)
    descriptor = None if fcntl is None else os.open(output, os.O_RDONLY)
    try:
        if descriptor is not None:
            _lock(descriptor, output)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
        if not was_there:
            # A run that failed before it wrote anything leaves no folder.
            with suppress(OSError):
                output.rmdir()


def _lock(descriptor: int, output: Path) -> None:
    end = time.monotonic() + LONGEST_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > end:
                raise ValueError(
                    f"another training run is writing in {output}: wait for its end, or name another output."
                ) from error
            time.sleep(0.1)
        except OSError:
            return


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """As `written_whole`, with the errors of `saving`."""
    with saving(path), written_whole(path) as temporary:
        yield temporary


def save_state(output: Path, state: dict[str, Any]) -> None:
    """Writes the state of a run; the one that it takes the place of is kept beside it, if it is whole.

    Raises:
        OSError: If it can't be written.
    """
    with writing(output / STATE) as temporary:
        torch.save(state, temporary)
        if (output / STATE).exists() and not archive_damage(output / STATE):
            # From here to the next renaming this one is the only other: it has to be on the disk.
            sync(temporary)
            os.replace(output / STATE, output / PREVIOUS_STATE)


def load_state(output: Path, device: torch.device) -> dict[str, Any] | None:
    """The state that a run goes on from: the last, or if that is damaged or missing, the one before, with a warning.

    Code that may be in a file is not run.

    Returns:
        What `save_state` was given; None if the run has none.

    Raises:
        OSError: If a file can't be read.
        ValueError: If the run has a state, but none that is whole; says what is wrong with each.
    """
    problems = []
    for name in (STATE, PREVIOUS_STATE):
        try:
            state = _read(output / name, device)
        except FileNotFoundError:
            problems.append(f"{name} is missing")
        except ValueError as error:
            problems.append(f"{name} {error}")
        else:
            for problem in problems:
                logger.warning("%s: %s; the run goes on from %s, after step %d", output, problem, name, state["step"])
            return state
    if not any((output / name).exists() for name in (STATE, PREVIOUS_STATE)):
        return None
    raise ValueError(
        f"{output}: the run can't go on: {'; '.join(problems)}. Restore one from a backup; or remove what is there of "
        "both, and the run begins anew."
    )


def load_settings(output: Path) -> dict[str, Any]:
    """The settings that `settings.json` holds.

    Raises:
        ValueError: If it is missing or damaged.
    """
    try:
        settings = json.loads((output / SETTINGS).read_text(encoding="utf-8"))
        if not isinstance(settings, dict):
            raise ValueError(f"holds a {type(settings).__name__}")
    except FileNotFoundError as error:
        raise ValueError(f"{output / SETTINGS} is missing") from error
    except ValueError as error:
        raise ValueError(f"{output / SETTINGS} is damaged: {error}") from error
    return settings


def _read(path: Path, device: torch.device) -> dict[str, Any]:
    """The state in a file; raises a ValueError that says what is wrong with it."""
    if damage := archive_damage(path):
        raise ValueError(f"is damaged: {damage}")
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    # torch's own message advises to load it all the same.
    except UnpicklingError as error:
        raise ValueError("holds code or objects, and no state; nothing of it was run") from error
    except (OSError, MemoryError):
        raise
    # What a strange file does to its reader can be almost anything.
    except Exception as error:
        raise ValueError(f"holds no state: {error}") from error
    if not isinstance(state, dict) or not state.keys() >= STATE_KEYS:
        raise ValueError("holds no state of a run")
    return state
