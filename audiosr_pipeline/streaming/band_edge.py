"""Where a stream's content ends: given, or found in what was heard, and found again."""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from audiosr_pipeline.dsp.cutoff import find_band_edge

# When the edge is looked for, in seconds from the start, and how often after that.
FIRST_TIMES_S = (0.75, 2.0, 4.0, 8.0, 16.0)
EVERY_S = 16.0
# What is looked at, and how long after that the answer is used. The search runs beside the stream in the meantime, and
# the stream waits for it if it must: so what comes out doesn't depend on how fast it ran.
HEARD_S = 4.0
AFTER_S = 0.25
# What a quiet passage doesn't show may still be there: the higher of so many answers counts.
NUM_ANSWERS = 3


class BandEdgeFinder:
    """Follows the band edge of a stream.

    Args:
        first_guess: The edge until the first answer, in Hz.
        sampling_rate: Rate in Hz of what is pushed.
        num_channels: Its channels.
    """

    def __init__(self, first_guess: float, sampling_rate: int, num_channels: int):
        self.edge = first_guess
        self._rate = sampling_rate
        self._heard = np.zeros((num_channels, round(HEARD_S * sampling_rate)), np.float32)
        self._answers: list[float] = []
        self._time = 0
        self._searches = 0
        self._pending: tuple[int, Future] | None = None
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="band-edge")

    def push(self, audio: np.ndarray) -> float:
        """The edge in Hz that holds after the next samples `(channels, num_samples)`."""
        num_samples = audio.shape[1]
        self._heard[:, :-num_samples] = self._heard[:, num_samples:]
        self._heard[:, -num_samples:] = audio
        self._time += num_samples
        if self._pending is not None and self._time >= self._pending[0]:
            found = self._pending[1].result()
            self._pending = None
            # Silence has none.
            if found > 0:
                self._answers = [*self._answers, found][-NUM_ANSWERS:]
                self.edge = max(self._answers)
        if self._time >= self._next_search() * self._rate:
            self._searches += 1
            heard = self._heard[:, -min(self._time, self._heard.shape[1]) :].copy()
            answer = self._worker.submit(lambda: find_band_edge(heard, self._rate).frequency)
            self._pending = (self._time + round(AFTER_S * self._rate), answer)
        return self.edge

    def close(self) -> None:
        """Ends the search."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _next_search(self) -> float:
        """When the edge is looked for next, in seconds from the start."""
        if self._searches < len(FIRST_TIMES_S):
            return FIRST_TIMES_S[self._searches]
        return FIRST_TIMES_S[-1] + EVERY_S * (self._searches - len(FIRST_TIMES_S) + 1)
