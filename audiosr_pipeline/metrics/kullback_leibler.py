"""How far a classifier's opinion of a generated clip is from its opinion of the true one."""

import numpy as np
from scipy.special import log_softmax, softmax

EPS = 1e-6


def kullback_leibler(truth: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Kullback-Leibler divergence of each pair, from the truth to what was generated, of softmax probabilities.

    ``sum_k q_k (log q_k - log(p_k + 1e-6))`` with `q` of the truth and `p` of what was generated (lower is better), as
    `audioldm_eval` has it. The other direction, sigmoids in place of softmax, or another classifier give other figures
    that can't be compared. With the 1e-6, equal logits score less than 0 by a millionth per class at most.

    Args:
        truth: Logits `(num_pairs, num_classes)`.
        generated: The same of what was generated, in the same order.

    Returns:
        One divergence per pair in nats, `(num_pairs,)`.

    Raises:
        ValueError: If the shapes differ or aren't of pairs and classes.

    >>> kullback_leibler(np.array([[0.0, 0.0]]), np.log([[0.25, 0.75]])).round(3)
    array([0.144])
    """
    if truth.shape != generated.shape or truth.ndim != 2:
        raise ValueError(
            f"logits {truth.shape} of the truth and {generated.shape} of what was generated; accepted are two of one "
            "shape (num_pairs, num_classes)."
        )
    truth, generated = truth.astype(np.float64), generated.astype(np.float64)
    log_q = log_softmax(truth, axis=1)
    return (np.exp(log_q) * (log_q - np.log(softmax(generated, axis=1) + EPS))).sum(1)
