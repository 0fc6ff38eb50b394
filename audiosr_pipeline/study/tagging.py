"""Music or not: what an audio tagger says of a clip."""

from collections.abc import Callable

import numpy as np
from transformers import pipeline

from audiosr_pipeline.dsp.resample import resample

# Audio Spectrogram Transformer (arXiv:2104.01778) trained on AudioSet, whose labels these are.
TAGGER = "MIT/ast-finetuned-audioset-10-10-0.4593"
MUSIC_LABELS = ("Music", "Musical instrument", "Singing")
# More likely music than not. The manifest holds every score, so that another threshold can be tried on it.
MUSIC_THRESHOLD = 0.5


def load_music_tagger(checkpoint: str = TAGGER, device: str = "cpu") -> Callable[[np.ndarray, int], float]:
    """Loads a function that says how likely a clip is music.

    Args:
        checkpoint: Audio classifier of transformers with several labels per clip, among them one of `MUSIC_LABELS`.
        device: Where it runs.

    Returns:
        A function of waveforms `(channels, num_samples)` and their rate in Hz that gives the highest probability of
        `MUSIC_LABELS`. `TAGGER` listens to the first 10 s.

    Raises:
        ValueError: If the classifier has none of the labels.
    """
    tagger = pipeline("audio-classification", model=checkpoint, device=device)
    labels = set(tagger.model.config.id2label.values())
    if not labels.intersection(MUSIC_LABELS):
        raise ValueError(
            f"{checkpoint} tells {len(labels)} labels, none of them {', '.join(MUSIC_LABELS)}; it can't tell music."
        )
    # With another rate the classifier would ask for torchaudio.
    own_rate = tagger.feature_extractor.sampling_rate

    def music_score(audio: np.ndarray, sampling_rate: int) -> float:
        mono = resample(audio.mean(axis=0, keepdims=True), sampling_rate, own_rate)[0]
        scores = tagger(mono, top_k=None, function_to_apply="sigmoid")
        return max(score["score"] for score in scores if score["label"] in MUSIC_LABELS)

    return music_score
