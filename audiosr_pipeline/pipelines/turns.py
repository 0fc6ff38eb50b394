"""Calls of a pipeline that keep their state to themselves, in whatever threads they run."""

import copy
import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from torch import nn

P = ParamSpec("P")
T = TypeVar("T")

# What a call leaves behind in the pipeline, beside the scheduler.
STATE = ("_guidance_scale", "_num_timesteps", "_interrupt")


class CallState:
    """What a pipeline says of its current or last call, and a callback may change, as in diffusers' pipelines.

    Attributes:
        network_in_turn: Name of the network that calls wait for.
    """

    network_in_turn = "unet"
    _guidance_scale: float
    _num_timesteps: int
    _interrupt = False

    @property
    def guidance_scale(self) -> float:
        """That of the current or last call; a callback may set `_guidance_scale` for the steps to come."""
        return self._guidance_scale

    @property
    def num_timesteps(self) -> int:
        """Denoising steps of the current or last call."""
        return self._num_timesteps

    @property
    def interrupt(self) -> bool:
        """Set it to True in a callback to end denoising after the current step."""
        return self._interrupt

    @interrupt.setter
    def interrupt(self, value: bool) -> None:
        self._interrupt = value


@dataclass
class Turn:
    """Whose turn it is: the lock that calls wait for, and the pipelines whose calls run, by their ids."""

    lock: Any = field(default_factory=threading.RLock)
    running: list[int] = field(default_factory=list)


_TURNS: WeakKeyDictionary[nn.Module, Turn] = WeakKeyDictionary()
_LOCK = threading.Lock()


def in_turn(call: Callable[P, T]) -> Callable[P, T]:
    """Makes calls of pipelines that share a network wait for each other, and gives each a scheduler of its own.

    The network may be offloaded or cast while it runs, and a scheduler keeps the state of its steps. While a call runs,
    the pipeline's scheduler is a copy; then it is again what it was. A callback may call its pipeline: that call runs
    at once, and what it changes in the pipeline is undone after it.

    The locks are kept here, not in the pipelines: these can be copied and pickled.
    """

    @functools.wraps(call)
    def wait_and_call(*args: P.args, **kwargs: P.kwargs) -> T:
        pipe: Any = args[0]
        with _LOCK:
            turn = _TURNS.setdefault(getattr(pipe, pipe.network_in_turn), Turn())
        with turn.lock:
            is_nested = id(pipe) in turn.running
            before = {name: vars(pipe)[name] for name in STATE if is_nested}
            scheduler, own = pipe.scheduler, copy.deepcopy(pipe.scheduler)
            # Of the same class, so there is nothing that the pipeline's config would have to learn.
            vars(pipe)["scheduler"] = own
            turn.running.append(id(pipe))
            try:
                return call(*args, **kwargs)
            finally:
                turn.running.pop()
                # Another that was set meanwhile stays.
                if pipe.scheduler is own:
                    vars(pipe)["scheduler"] = scheduler
                vars(pipe).update(before)

    return wait_and_call
