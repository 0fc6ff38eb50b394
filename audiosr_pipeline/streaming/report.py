"""What a stream tells of itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StreamReport:
    """A stream's figures so far.

    Attributes:
        sampling_rate: Rate of the input in Hz.
        num_channels: Its channels.
        duration_s: How much of it was pushed, in seconds.
        latency_samples: How late the output is, in samples at 48 kHz.
        band_edges: Where the input's content ended, as `(seconds from the start, Hz)`, each from that time on: one
            entry if it was given, else the first guess and each revision. The last holds now.
        reason: Why nothing is made above the band edge, if nothing is; empty otherwise.
    """

    sampling_rate: int
    num_channels: int
    duration_s: float
    latency_samples: int
    band_edges: tuple[tuple[float, float], ...]
    reason: str = ""
