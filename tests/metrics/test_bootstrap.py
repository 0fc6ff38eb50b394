"""Means with bootstrap intervals."""

import numpy as np
import pytest
from scipy import stats

from audiosr_pipeline.metrics.bootstrap import bootstrap_means


def test_many_clips_have_the_interval_of_the_normal_distribution():
    values = np.random.default_rng(0).normal(3, 1, (400, 1))
    (mean,) = bootstrap_means(values)
    error = stats.sem(values[:, 0])
    assert mean.value == pytest.approx(values.mean())
    # 10,000 resamples place a 2.5 % percentile within some 4 % of its distance to the mean.
    assert mean.high - mean.value == pytest.approx(1.97 * error, rel=0.06)
    assert mean.value - mean.low == pytest.approx(1.97 * error, rel=0.06)


def test_the_interval_of_few_clips_holds_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(0)
    held = [
        mean.low <= 0 <= mean.high for mean in bootstrap_means(generator.normal(size=(8, 500)), num_resamples=2_000)
    ]
    # 95 % of 500, within three standard deviations; the plain percentiles hold it in 89 %.
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)


def test_clips_without_a_value_do_not_count():
    values = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan], [2.0, 7.0, np.nan]])
    first, second, third = bootstrap_means(values)
    assert (first.value, first.num_clips) == (2, 3)
    assert (second.value, second.num_clips) == (6, 2)
    assert (second.low, second.high) == (5, 7)
    assert third is None


def test_a_single_clip_has_no_interval():
    (mean,) = bootstrap_means(np.array([[4.0]]))
    assert mean.value == 4 and np.isnan([mean.low, mean.high]).all()


def test_the_seed_alone_decides():
    values = np.random.default_rng(0).normal(size=(20, 2))
    assert bootstrap_means(values, seed=1) == bootstrap_means(values, seed=1)
    assert bootstrap_means(values, seed=1) != bootstrap_means(values, seed=2)
