"""Sound continued beyond where it was cut off."""

import numpy as np
from scipy import signal

from audiosr_pipeline.dsp.silence import silent_runs

CROSSFADE_S = 0.1
# Of the linear prediction: how much is heard, how many coefficients are fitted to it at most, and how long it takes to
# give way to the mirror image.
PAST_S = 0.1
MAX_ORDER = 512
PREDICTED_S = 0.02


def continue_sound(audio: np.ndarray, num_before: int, num_after: int, sampling_rate: int = 48_000) -> np.ndarray:
    """A clip without abrupt ends, as the networks are to see it.

    An end that is cut off is a click at all frequencies, and so is what a network makes of it. What stops is continued
    by linear prediction, which gives way to the mirror image within 20 ms: a tone goes on, and so does noise. Through
    digital silence, which would count as very quiet sound, it goes on in the same way, channel by channel, and gives
    way to what comes next, continued backwards, over the last 0.1 s.

    Args:
        audio: Waveforms `(channels, num_samples)`.
        num_before: Samples to add at the start.
        num_after: Samples to add at the end.
        sampling_rate: Rate of `audio` in Hz.

    Returns:
        `(channels, num_before + num_samples + num_after)`; in the middle the samples of `audio`, but for silence.
    """
    num_samples = audio.shape[-1]
    continued = np.zeros((len(audio), num_before + num_samples + num_after), np.float32)
    continued[:, num_before : num_before + num_samples] = audio
    fade = (np.cos(np.linspace(0, np.pi / 2, round(CROSSFADE_S * sampling_rate))) ** 2).astype(np.float32)
    for channel, original in zip(continued, audio, strict=True):
        runs = silent_runs(original[None], sampling_rate)
        for start, stop in runs:
            silence = channel[num_before + start if start else 0 : num_before + stop if stop < num_samples else None]
            if start:
                # Silence before it is no longer silent there.
                past = channel[num_before : num_before + start]
                silence[:] = _continuation(past, len(silence), sampling_rate)
            if stop < num_samples:
                num_faded = min(len(fade), len(silence)) if start else len(silence)
                weights = fade[:num_faded] if start else np.float32(1)
                before = _continuation(original[stop:][::-1], num_faded, sampling_rate)
                silence = silence[len(silence) - num_faded :][::-1]
                silence += weights * (before - silence)
        if not len(runs) or runs[0, 0]:
            channel[:num_before] = _continuation(original[::-1], num_before, sampling_rate)[::-1]
        if not len(runs) or runs[-1, 1] < num_samples:
            channel[num_before + num_samples :] = _continuation(original, num_after, sampling_rate)
    return continued


def _continuation(past: np.ndarray, num_samples: int, sampling_rate: int) -> np.ndarray:
    """What follows `past`, `(num_samples,)`."""
    continuation = np.pad(past[-num_samples:], (0, num_samples), "symmetric")[len(past[-num_samples:]) :]
    num_predicted = min(num_samples, round(PREDICTED_S * sampling_rate))
    predicted = _predict(past[-round(PAST_S * sampling_rate) :].astype(np.float64), num_predicted)
    weights = np.linspace(1, 0, num_predicted)
    continuation[:num_predicted] += (weights * (predicted - continuation[:num_predicted])).astype(past.dtype)
    return continuation


def _predict(past: np.ndarray, num_samples: int) -> np.ndarray:
    """Linear prediction of the samples after `past`, by Burg's method, whose predictors never grow."""
    forward, backward = past[1:], past[:-1]
    coefficients = np.ones(1)
    for _ in range(min(MAX_ORDER, len(past) // 3)):
        power = forward @ forward + backward @ backward
        if power <= 1e-12 * (past @ past):
            break
        reflection = -2 * (forward @ backward) / power
        extended = np.append(coefficients, 0)
        coefficients = extended + reflection * extended[::-1]
        forward, backward = (forward + reflection * backward)[1:], (backward + reflection * forward)[:-1]
    order = len(coefficients) - 1
    if not order:
        return np.zeros(num_samples)
    state = signal.lfiltic([1.0], coefficients, past[::-1][:order])
    return signal.lfilter([1.0], coefficients, np.zeros(num_samples), zi=state)[0]
