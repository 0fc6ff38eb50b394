"""Intervals and bias of figures of whole sets, against what many sets show."""

import math

import numpy as np
import pytest

from audiosr_pipeline.metrics.frechet import frechet_distance
from audiosr_pipeline.metrics.half_samples import half_sample_figure


def clips(num_clips: int, seed: int, rows: int = 5, dim: int = 6, mean: float = 0.0) -> list[np.ndarray]:
    """Clips whose rows are alike: half of the variance is the clip's."""
    generator = np.random.default_rng(seed)
    return [
        mean + generator.standard_normal((1, dim)) + generator.standard_normal((rows, dim)) for _ in range(num_clips)
    ]


def test_of_a_mean_the_interval_is_student_s_and_there_is_no_bias():
    own = clips(30, seed=0, dim=1)
    found = half_sample_figure(lambda rows: rows.mean(), own, num_halves=2_000)
    means = np.array([clip.mean() for clip in own])
    reach = 2.045 * means.std(ddof=1) / math.sqrt(30)
    # 2,000 draws tell a deviation to 2 %.
    assert found.high - found.value == pytest.approx(reach, rel=0.06)
    assert found.value - found.low == pytest.approx(reach, rel=0.06)
    assert abs(found.bias) < 0.05 * reach


@pytest.mark.parametrize("num_clips", [40, 41])
def test_bias_of_the_frechet_distance_is_that_of_many_sets(num_clips):
    pairs = [(clips(num_clips, 2 * seed), clips(num_clips, 2 * seed + 1)) for seed in range(60)]
    # Both sets are of one kind: all distance is bias.
    distances = [frechet_distance(np.concatenate(first), np.concatenate(second)) for first, second in pairs]
    found = [half_sample_figure(frechet_distance, *pair, num_halves=50) for pair in pairs[:20]]
    assert [figure.value for figure in found] == distances[:20]
    # 60 distances tell their mean to 4 %.
    assert np.mean([figure.bias for figure in found]) == pytest.approx(np.mean(distances), rel=0.15)


def test_interval_of_the_frechet_distance_is_that_of_many_sets():
    pairs = [(clips(40, 2 * seed), clips(40, 2 * seed + 1, mean=2.0)) for seed in range(80)]
    distances = [frechet_distance(np.concatenate(first), np.concatenate(second)) for first, second in pairs]
    found = [half_sample_figure(frechet_distance, *pair, num_halves=50) for pair in pairs[:20]]
    # Student's 2.02 times the spread, which 80 distances tell to 8 %, and 50 halves to 10 %.
    reach = np.mean([figure.high - figure.value for figure in found])
    assert reach == pytest.approx(2.02 * np.std(distances), rel=0.25)


def test_few_clips_have_no_interval_and_one_is_no_set():
    found = half_sample_figure(frechet_distance, clips(3, 0), clips(3, 1))
    assert found.value > 0 and math.isnan(found.low) and math.isnan(found.bias)
    with pytest.raises(ValueError, match="sets of 1 and 1 clips; accepted are equal numbers from 2 on"):
        half_sample_figure(frechet_distance, clips(1, 0), clips(1, 1))


def test_unequal_numbers_of_clips_are_refused():
    with pytest.raises(ValueError, match="sets of 5 and 6 clips"):
        half_sample_figure(frechet_distance, clips(5, 0), clips(6, 1))


def test_the_same_seed_gives_the_same_interval():
    sets = clips(8, 0), clips(8, 1)
    found = [half_sample_figure(frechet_distance, *sets, seed=seed, num_halves=20) for seed in (3, 3, 4)]
    assert found[0] == found[1] != found[2]
