"""Where a clip is digitally silent."""

import numpy as np

SILENCE_LEVEL = 1e-6
SHORTEST_S = 0.02
FADE_S = 0.005


def silence_gate(audio: np.ndarray, sampling_rate: int = 48_000) -> np.ndarray:
    """A gain that is 0 inside digital silence and 1 elsewhere, with fades of 5 ms inside the silence.

    Silence is 20 ms or more, or a whole clip, in which every channel stays below -120 dB of full scale: resampling
    leaves digital silence that quiet, no recording is.

    Args:
        audio: Waveforms `(channels, num_samples)`.
        sampling_rate: Their rate in Hz.

    Returns:
        Gain `(num_samples,)`, float32.
    """
    gate = np.ones(audio.shape[-1], np.float32)
    fade = _rise(round(FADE_S * sampling_rate))
    for start, stop in silent_runs(audio, sampling_rate):
        gate[start:stop] = 0
        if start > 0:
            gate[start : start + len(fade)] = fade[::-1]
        if stop < len(gate):
            gate[stop - len(fade) : stop] = fade
    return gate


def silent_runs(audio: np.ndarray, sampling_rate: int = 48_000) -> np.ndarray:
    """First sample of each digital silence (see `silence_gate`), and the first one after it: `(num_runs, 2)`."""
    silent = np.ones(audio.shape[-1], bool)
    for channel in audio:
        silent &= np.abs(channel) < SILENCE_LEVEL
    runs = np.flatnonzero(np.diff(silent, prepend=False, append=False)).reshape(-1, 2)
    shortest = min(round(SHORTEST_S * sampling_rate), audio.shape[-1])
    return runs[runs[:, 1] - runs[:, 0] >= shortest]


def fade_ends(gain: np.ndarray, sampling_rate: int = 48_000, fade_s: float = FADE_S) -> np.ndarray:
    """Lets a gain rise over the first 5 ms of a clip and fall over its last, in place, as a squared sine.

    A clip that is cut abruptly has a step at its ends, which lies at all frequencies: a band that ends with a fade
    leaves the bands beside it alone.

    Args:
        gain: `(num_samples,)`, float32; it is changed.
        sampling_rate: Rate of the clip in Hz.
        fade_s: Length of each fade in seconds.

    Returns:
        The same array.
    """
    fade = _rise(round(fade_s * sampling_rate))[: len(gain)]
    gain[: len(fade)] *= fade
    gain[len(gain) - len(fade) :] *= fade[::-1]
    return gain


def _rise(num_samples: int) -> np.ndarray:
    """From 0 to 1, as a squared sine through the samples' middles."""
    return np.sin(np.pi / 2 * (np.arange(num_samples) + 0.5) / num_samples).astype(np.float32) ** 2
