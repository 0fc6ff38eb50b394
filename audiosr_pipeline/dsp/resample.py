"""Band-limited resampling."""

import numpy as np
import soxr


def resampled_length(num_samples: int, sampling_rate: int, target_rate: int) -> int:
    """Samples of a clip after resampling; halves go to the even number, as Python rounds.

    >>> resampled_length(22_051, 22_050, 48_000)
    48002
    >>> [resampled_length(num_samples, 2, 1) for num_samples in (1, 3, 5)]
    [0, 2, 2]
    """
    return round(num_samples * target_rate / sampling_rate)


def resample(audio: np.ndarray, sampling_rate: int, target_rate: int) -> np.ndarray:
    """Resamples with soxr's "very high quality" recipe, which keeps 0-95 % of the lower Nyquist band flat.

    The paper interpolates cubically, which costs 4 dB at 7.5 kHz on 16 kHz input; this is a deliberate departure.

    Args:
        audio: Waveforms `(channels, num_samples)`, float32.
        sampling_rate: Rate of `audio` in Hz.
        target_rate: Wanted rate in Hz.

    Returns:
        Waveforms `(channels, resampled_length(...))`, float32.
    """
    if sampling_rate == target_rate:
        return audio
    resampled = np.zeros((len(audio), resampled_length(audio.shape[-1], sampling_rate, target_rate)), np.float32)
    for channel, row in zip(audio, resampled, strict=True):
        result = soxr.resample(channel, sampling_rate, target_rate, quality="VHQ")
        # soxr rounds the length its own way, which is off by one for some lengths.
        row[: len(result)] = result[: len(row)]
    return resampled
