"""What two models of hearing think of an estimate."""

from functools import cache
from typing import Any

import numpy as np
from torch import Tensor

from audiosr_pipeline.metrics.power_spectrum import as_pair

SAMPLING_RATE = 48_000
# ViSQOL compares patches of 45 frames of 20 ms.
SHORTEST_S = 1.0


def perceptual_scores(
    estimate: Tensor | np.ndarray, reference: Tensor | np.ndarray, sampling_rate: int = SAMPLING_RATE
) -> dict[str, float]:
    """Mean opinion scores that ViSQOL and Zimtohrli predict, means over the channels; 5 is the best.

    `visqol_mos`: ViSQOL (arXiv:2004.09584) in its audio mode, which compares gammatone spectrograms, up to 4.73. It
    doesn't hear whether what is above 4 kHz is the truth's: noise that has nothing to do with the truth may score above
    the truth without its highest octave. `zimtohrli_mos`: Zimtohrli (github.com/google/zimtohrli), which orders those
    two the other way, but forgives smeared strokes. So neither decides alone.

    Args:
        estimate: Waveforms `(channels, num_samples)`, full scale 1.
        reference: Same shape and rate as `estimate`.
        sampling_rate: Rate of both in Hz: 48000.

    Returns:
        Scores by name; NaN for clips below a second, and where either is digital silence, which neither model knows.

    Raises:
        ImportError: If their packages are missing; the message says how to install them.
        ValueError: If the waveforms can't be compared, or the rate is another.
    """
    if sampling_rate != SAMPLING_RATE:
        raise ValueError(f"sampling_rate={sampling_rate}; both models are for {SAMPLING_RATE} Hz: resample first.")
    models = _models()
    pairs = list(zip(*(audio.numpy() for audio in as_pair(estimate, reference)), strict=True))
    scores: dict[str, list[float]] = {name: [] for name in models}
    for own, true in pairs:
        is_comparable = len(own) >= SHORTEST_S * sampling_rate and own.any() and true.any()
        for name, model in models.items():
            scores[name].append(float(model(true, own)) if is_comparable else np.nan)
    return {name: float(np.mean(values)) for name, values in scores.items()}


@cache
def _models() -> dict[str, Any]:
    """What gives a score to a true waveform and an estimate, by name."""
    try:
        import visqol
        import zimtohrli
    except ImportError as error:
        raise ImportError(
            f"{error.name} is missing, which the perceptual scores need: run pip install '.[perceptual]' in the folder "
            "of audiosr-pipeline's repository, or pip install visqol-python zimtohrli"
        ) from error
    api = visqol.VisqolApi()
    api.create(mode="audio")
    return {
        "visqol_mos": lambda true, own: api.measure_from_arrays(true, own, SAMPLING_RATE).moslqo,
        "zimtohrli_mos": lambda true, own: zimtohrli.mos_from_signals(true.astype(np.float32), own.astype(np.float32)),
    }
