"""The Frechet distance: known values, invariances, and what singular sets do to it."""

import numpy as np
import pytest
from scipy import linalg

from audiosr_pipeline.metrics.frechet import frechet_distance, moments


def vectors(num_vectors: int, dim: int = 8, seed: int = 0) -> np.ndarray:
    """Vectors of correlated dimensions."""
    generator = np.random.default_rng(seed)
    return generator.standard_normal((num_vectors, dim)) @ np.random.default_rng(99).standard_normal((dim, dim))


def test_a_set_has_no_distance_to_itself_and_a_shift_costs_its_square():
    first = vectors(50)
    # Rounding, relative to a trace of some 60.
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(first, first + 3) == pytest.approx(8 * 3**2, rel=1e-9)


def test_it_is_that_of_the_matrix_square_root():
    first, second = vectors(100), 1.5 * vectors(80, seed=1) + 0.2
    (mean, covariance), (other_mean, other_covariance) = moments(first), moments(second)
    root = linalg.sqrtm(covariance @ other_covariance)
    expected = ((mean - other_mean) ** 2).sum() + np.trace(covariance + other_covariance - 2 * root.real)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance((mean, covariance), (other_mean, other_covariance)) == frechet_distance(first, second)


def test_the_order_of_the_sets_does_not_matter():
    first, second = vectors(30), vectors(30, seed=1)
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first), rel=1e-9)


def test_singular_covariances_make_it_neither_negative_nor_complex():
    # Fewer vectors than dimensions: the matrix square root of such products has imaginary parts.
    for seed in range(20):
        first = vectors(5, dim=32, seed=seed)
        for second in (first, first + 1e-9, vectors(5, dim=32, seed=seed + 1)):
            assert 0 <= frechet_distance(first, second) < np.inf


def test_samples_of_one_distribution_have_a_distance_that_falls_with_their_number():
    small, large = (
        np.mean([frechet_distance(vectors(n, seed=2 * i), vectors(n, seed=2 * i + 1)) for i in range(20)])
        for n in (50, 200)
    )
    # A quarter; the mean of 20 draws is off by some percent.
    assert small / large == pytest.approx(4, rel=0.25)


def test_one_dimension_will_do():
    assert frechet_distance(np.array([[0.0], [2.0]]), np.array([[0.0], [2.0]])) == 0


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (np.zeros((1, 8)), r"vectors \(1, 8\); accepted are .* two vectors or more"),
        (np.zeros(8), r"vectors \(8,\)"),
        (np.full((4, 8), np.nan), "holds NaN or infinity"),
        (np.zeros((4, 7)), "vectors of length 7, the other of length 8"),
        ((np.zeros(8), np.eye(7)), r"covariance \(7, 7\)"),
    ],
)
def test_what_is_no_set_is_refused(first, words):
    with pytest.raises(ValueError, match=words):
        frechet_distance(first, vectors(10))
