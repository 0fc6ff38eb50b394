"""Inception score: how sure a classifier is of each clip, and how different the clips are."""

import numpy as np
from scipy.special import log_softmax, logsumexp


def inception_score(logits: np.ndarray, num_splits: int = 1) -> float:
    """``exp(mean_i KL(p(y|x_i) || p(y)))``, `p` the softmax and `p(y)` its mean (higher is better, within limits).

    It lies between 1 and the number of classes, or of clips if they are fewer. With few clips it is too small: 10
    splits, as are usual, need some hundred clips each. It doesn't see whether the clips are like any truth: more than
    real clips have is no merit. DAG's logit score (arXiv:2210.14661) is the same of a classifier of the data's classes.

    Args:
        logits: `(num_clips, num_classes)`, of clips in random order if there are several splits.
        num_splits: Into how many parts, one after the other, the clips are split; the score is the mean of theirs.

    Raises:
        ValueError: If a part would have fewer than two clips.

    >>> round(inception_score(np.diag([100.0, 100.0, 100.0])), 6)
    3.0
    """
    num_clips = len(logits)
    if num_splits < 1 or num_clips < 2 * num_splits:
        raise ValueError(
            f"num_splits={num_splits} of {num_clips} clips; accepted are splits of two clips or more each."
        )
    log_p = log_softmax(logits.astype(np.float64), axis=1)
    scores = []
    for index in range(num_splits):
        part = log_p[index * num_clips // num_splits : (index + 1) * num_clips // num_splits]
        log_mean = logsumexp(part, axis=0) - np.log(len(part))
        scores.append(np.exp((np.exp(part) * (part - log_mean)).sum(1).mean()))
    return float(np.mean(scores))
