"""Which channels hold one sound: what is coherent in the input is to be coherent in the new band."""

from dataclasses import dataclass

import numpy as np
from scipy import fft, signal

N_FFT = 2_048
BLOCK_FRAMES = 512
# Of two channels that hold one sound, in the upper two octaves of the band: their difference is 13 dB or more below
# their sum. Below it each channel is a sound of its own, and keeps what only it has to itself.
COHERENT = 0.9
# 60 dB: fainter differences between coherent channels are left out.
LEAST_SHARE = 1e-6


@dataclass(frozen=True)
class Components:
    """Sounds that a clip's channels are made of.

    Args:
        mixing: What of each component is in each channel, `(channels, components)`.
        unmixing: What of each channel is in each component, `(components, channels)`.
    """

    mixing: np.ndarray
    unmixing: np.ndarray

    def component(self, audio: np.ndarray, index: int) -> np.ndarray:
        """One component `(num_samples,)`, float32, of a clip `(channels, num_samples)`."""
        weights = self.unmixing[index]
        (used,) = np.nonzero(weights)
        component = np.float32(weights[used[0]]) * audio[used[0]]
        for channel in used[1:]:
            component += np.float32(weights[channel]) * audio[channel]
        return component

    def mix(self, components: np.ndarray) -> np.ndarray:
        """Channels `(channels, ...)` of components `(components, ...)`."""
        if np.array_equal(self.mixing, np.eye(len(self.mixing))):
            return components
        mixed = np.zeros((len(self.mixing), *components.shape[1:]), components.dtype)
        for channel, weights in zip(mixed, self.mixing, strict=True):
            for index in np.flatnonzero(weights):
                channel += components.dtype.type(weights[index]) * components[index]
        return mixed


def find_components(audio: np.ndarray, band_edge: float, sampling_rate: int = 48_000) -> Components:
    """Finds the components of a clip by how its channels correlate over a quarter of the band edge to the edge.

    Equal channels, and such as differ in sign alone, are one component. Channels with a correlation of 0.9 or more,
    positive or negative, to the first of them are coherent: their principal component, at the level of the channel that
    has most of it, and what is left (for two channels with equal levels, mid and side). All others are components as
    they are.

    Args:
        audio: Waveforms `(channels, num_samples)`.
        band_edge: Where their content ends in Hz.
        sampling_rate: Rate of `audio` in Hz.
    """
    num_channels = len(audio)
    first, sign = np.arange(num_channels), np.ones(num_channels)
    for channel in range(num_channels):
        for other in range(channel):
            if first[other] == other and (sign_of := _sign_of_copy(audio[other], audio[channel])):
                first[channel], sign[channel] = other, sign_of
                break
    distinct = np.flatnonzero(first == np.arange(num_channels))
    if len(distinct) > 1:
        covariance = _covariance(audio[distinct], band_edge, sampling_rate)
    else:
        covariance = np.ones((1, 1))
    columns: list[np.ndarray] = []
    rows: list[np.ndarray] = []
    for group in _coherent_groups(covariance):
        values, vectors = np.linalg.eigh(covariance[np.ix_(group, group)])
        if len(group) == 1:
            values, vectors = np.ones(1), np.ones((1, 1))
        # Eigenvectors have no sign of their own: the first channel's is taken.
        vectors = vectors * np.where(vectors[0] < 0, -1, 1)
        largest = np.abs(vectors[:, -1]).max()
        for value, vector in zip(values[::-1], vectors.T[::-1], strict=True):
            if value >= LEAST_SHARE * values[-1]:
                column, row = np.zeros(num_channels), np.zeros(num_channels)
                column[distinct[group]] = vector / largest
                row[distinct[group]] = vector * largest
                columns.append(column)
                rows.append(row)
    mixing = np.stack(columns, axis=1)
    mixing = sign[:, None] * mixing[first]
    return Components(mixing, np.stack(rows))


def _sign_of_copy(audio: np.ndarray, other: np.ndarray) -> int:
    """1 if two waveforms are equal, -1 if they are but for the sign, else 0."""
    # The first few samples tell nearly always.
    for length in (1_000, None):
        equal, opposite = (
            np.array_equal(audio[:length], other[:length]),
            np.array_equal(audio[:length], -other[:length]),
        )
        if not equal and not opposite:
            return 0
    return 1 if equal else -1


def _covariance(audio: np.ndarray, band_edge: float, sampling_rate: int) -> np.ndarray:
    """Covariance of channels over a quarter of the band edge to the edge, `(channels, channels)`."""
    window = signal.get_window("hann", N_FFT).astype(np.float32)
    if audio.shape[-1] < N_FFT:
        audio = np.pad(audio, ((0, 0), (0, N_FFT - audio.shape[-1])))
    frames = np.lib.stride_tricks.sliding_window_view(audio, N_FFT, axis=-1)[:, :: N_FFT // 2]
    low, high = (round(frequency * N_FFT / sampling_rate) for frequency in (band_edge / 4, band_edge))
    covariance = np.zeros((len(audio), len(audio)))
    for start in range(0, frames.shape[1], BLOCK_FRAMES):
        spectrum = fft.rfft(frames[:, start : start + BLOCK_FRAMES] * window, axis=-1)[..., low : high + 1]
        spectrum = spectrum.reshape(len(audio), -1).astype(np.complex128)
        covariance += (spectrum @ spectrum.conj().T).real
    return covariance


def _coherent_groups(covariance: np.ndarray) -> list[np.ndarray]:
    """Indices of channels that are coherent with the first of their group."""
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-30))
    coherent = np.abs(covariance) >= COHERENT * np.outer(deviation, deviation)
    left = np.arange(len(covariance))
    groups = []
    while len(left):
        together = left[coherent[left[0], left] | (left == left[0])]
        groups.append(together)
        left = np.setdiff1d(left, together)
    return groups
