"""Time and memory of this process."""

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

# The pipeline's methods, one after the other.
STEPS = ("preprocess", "encode", "denoise", "decode", "adjust", "vocode", "replace_low_band")
WARM_UP_STEPS = 2


def timed(
    function: Callable[..., Any],
    name: str,
    seconds: dict[str, float],
    clock: Callable[[], float] = time.perf_counter,
) -> Callable[..., Any]:
    """`function`, the time that it takes added to `seconds[name]`."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        start = clock()
        result = function(*args, **kwargs)
        seconds[name] = seconds.get(name, 0.0) + clock() - start
        return result

    return wrapper


def peak_memory() -> int:
    """The most that this process has held in memory, in bytes."""
    # Kilobytes everywhere but on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1_024)
