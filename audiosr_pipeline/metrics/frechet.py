"""Frechet distance of two sets, each taken for a normal distribution of vectors."""

import numpy as np

# A set as its mean `(dim,)` and covariance `(dim, dim)`.
Moments = tuple[np.ndarray, np.ndarray]


def frechet_distance(first: np.ndarray | Moments, second: np.ndarray | Moments) -> float:
    r"""Frechet distance of two sets of vectors (lower is better; 0 for sets of equal mean and covariance).

    ``|m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2))`` (Dowson and Landau, 1982; Heusel et al., arXiv:1706.08500). The
    trace of the root is taken from the eigenvalues of the symmetric ``C1^(1/2) C2 C1^(1/2)``, those below 0 as 0. So it
    needs nothing added to singular covariances, and neither the distance nor a part of it is negative or complex. The
    order of the sets doesn't matter but for rounding.

    It is a square of a distance, in the square of the vectors' unit. Of samples it is too large, the more so the fewer
    and the longer the vectors: by about a constant over their number. Only figures of equal numbers can be compared.

    Args:
        first: Vectors `(num_vectors, dim)`, two or more; or their mean `(dim,)` and covariance `(dim, dim)`.
        second: The same of the other set.

    Raises:
        ValueError: If a set has fewer than two vectors, a number that isn't finite, or vectors of another length.

    >>> float(frechet_distance((np.zeros(2), np.eye(2)), (np.ones(2), 4 * np.eye(2))))
    4.0
    """
    (mean, covariance), (other_mean, other_covariance) = moments(first), moments(second)
    if mean.shape != other_mean.shape:
        raise ValueError(f"one set has vectors of length {len(mean)}, the other of length {len(other_mean)}.")
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    product = root @ other_covariance @ root
    of_roots = np.sqrt(np.linalg.eigvalsh((product + product.T) / 2).clip(min=0)).sum()
    difference = mean - other_mean
    return max(0.0, float(difference @ difference + np.trace(covariance) + np.trace(other_covariance) - 2 * of_roots))


def moments(vectors: np.ndarray | Moments) -> Moments:
    """Mean and sample covariance (over `num_vectors - 1`) of vectors, float64; those of a set that is given so."""
    if isinstance(vectors, tuple):
        mean, covariance = (np.asarray(each, np.float64) for each in vectors)
        if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
            raise ValueError(
                f"a mean {mean.shape} with a covariance {covariance.shape}; accepted are (dim,) and (dim, dim)."
            )
    else:
        vectors = np.asarray(vectors, np.float64)
        if vectors.ndim != 2 or len(vectors) < 2:
            raise ValueError(f"vectors {vectors.shape}; accepted are (num_vectors, dim), two vectors or more.")
        mean, covariance = vectors.mean(0), np.atleast_2d(np.cov(vectors, rowvar=False))
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise ValueError("a set holds NaN or infinity; accepted are finite vectors.")
    return mean, covariance
