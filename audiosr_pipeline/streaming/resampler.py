"""Resampling of a stream, in steps of one length, with a short delay."""

from functools import lru_cache
from math import gcd

import numpy as np
from scipy import signal

# Input samples that each output sample hears on either side. At 8 kHz they are 6 ms.
HALF_LENGTH = 48
# The filter's stopband lies 80 dB down and begins at the Nyquist frequency; its passband ends a tenth below.
STOPBAND_DB = 80.0
# Output samples that are made by one product of matrices, about: more are more zeros, fewer are more calls.
GROUP_SAMPLES = 240
CUTOFF = 0.95


class StreamingResampler:
    """Polyphase resampler with a linear phase.

    libsoxr's streams hold back up to 137 ms (8 to 48 kHz, "HQ"), and how much they give at a time varies; here a step
    is made as soon as its last sample's neighbours are there, and always in the same way.

    Args:
        sampling_rate: Rate of the input in Hz.
        target_rate: Rate of the output in Hz.
        num_channels: Channels of both.
        step_samples: Output samples of a step.
    """

    def __init__(self, sampling_rate: int, target_rate: int, num_channels: int, step_samples: int):
        common = gcd(sampling_rate, target_rate)
        self.up, self.down = target_rate // common, sampling_rate // common
        self.step_samples = step_samples
        self.is_needed = self.up != self.down
        self.half_length = HALF_LENGTH if self.is_needed else 0
        if self.is_needed:
            beta = signal.kaiser_beta(STOPBAND_DB)
            num_taps = 2 * HALF_LENGTH * self.up + 1
            taps = self.up * signal.firwin(num_taps, CUTOFF, window=("kaiser", beta), fs=2 * self.up)
            # Row p has what an output sample takes that lies p / up after an input sample, oldest neighbour first.
            self.phases = taps[:-1].reshape(2 * HALF_LENGTH, self.up)[::-1].T.astype(np.float32)
            self._weights = lru_cache(maxsize=8)(self._weights_from)
        # What lies before the first sample is silence.
        self._heard = np.zeros((num_channels, max(self.half_length - 1, 0)), np.float32)
        self._first = -self._heard.shape[1]
        self._made = 0

    @property
    def latency_samples(self) -> int:
        """Output samples that lie between a sample's own place and where it can be made."""
        return -(-self.half_length * self.up // self.down)

    def push(self, audio: np.ndarray) -> list[np.ndarray]:
        """All steps that can be made now, each `(channels, step_samples)`, from input `(channels, num_samples)`."""
        self._heard = np.concatenate([self._heard, audio], axis=1)
        steps = []
        while self._neighbours(self._made + self.step_samples - 1)[1] < self._first + self._heard.shape[1]:
            steps.append(self._step())
        return steps

    def _neighbours(self, index: int) -> tuple[int, int]:
        """The first and the last input sample that an output sample hears."""
        before = index * self.down // self.up
        return before - self.half_length + (1 if self.is_needed else 0), before + self.half_length

    def _step(self) -> np.ndarray:
        start = self._neighbours(self._made)[0] - self._first
        if not self.is_needed:
            step = self._heard[:, start : start + self.step_samples]
        else:
            # Groups of output samples that begin at one phase hear the input by the same weights.
            group = gcd(self.step_samples, self.up * max(round(GROUP_SAMPLES / self.up), 1))
            parts = []
            for first in range(self._made, self._made + self.step_samples, group):
                weights = self._weights(first * self.down % self.up, group)
                begin = first * self.down // self.up - self._made * self.down // self.up + start
                parts.append(self._heard[:, begin : begin + len(weights)] @ weights)
            step = np.concatenate(parts, axis=1)
        self._made += self.step_samples
        kept = self._neighbours(self._made)[0]
        self._heard = self._heard[:, kept - self._first :]
        self._first = kept
        return step

    def _weights_from(self, phase: int, num_samples: int) -> np.ndarray:
        """What output samples from a phase on take of the input, `(num_inputs, num_samples)`."""
        numbers = phase + np.arange(num_samples) * self.down
        offsets = numbers // self.up
        weights = np.zeros((offsets[-1] + 2 * HALF_LENGTH, num_samples), np.float32)
        for index, (offset, number) in enumerate(zip(offsets, numbers % self.up, strict=True)):
            weights[offset : offset + 2 * HALF_LENGTH, index] = self.phases[number]
        return weights
