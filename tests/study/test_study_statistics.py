"""Intervals and tests hold what they promise on listeners of another model."""

import doctest
import math

import numpy as np
import pytest
from scipy import special, stats

from audiosr_pipeline.study import statistics
from audiosr_pipeline.study.statistics import (
    clustered_means,
    correlations,
    holm,
    leanings,
    preference_power,
    required_listeners,
    sign_test,
)
from tests.study.simulated_listeners import Panel, votes

NUM_STUDIES = 200


def crossed(num_listeners: int, num_items: int) -> tuple[list[str], list[str]]:
    """The listener and the item of each vote of a complete study."""
    return (
        [f"listener{listener}" for listener in range(num_listeners) for _ in range(num_items)],
        [f"item{item}" for _ in range(num_listeners) for item in range(num_items)],
    )


def true_share(panel: Panel) -> float:
    """Share of all listeners on all items who prefer the second system, by integration over their effects."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    sd = math.hypot(panel.listener_sd, panel.item_sd)
    return float((special.expit(panel.effect - panel.threshold + sd * nodes) * weights).sum() / weights.sum())


@pytest.mark.parametrize(
    ("panel", "num_items", "most"),
    [
        (Panel(15, listener_sd=0.8, item_sd=0.8), 25, 0.995),
        (Panel(6, listener_sd=1.5, item_sd=0.3), 20, 1.0),
        (Panel(15, listener_sd=0.0, item_sd=0.0), 25, 1.0),
    ],
    ids=["both differ", "few listeners who differ much", "nobody differs"],
)
def test_intervals_hold_the_truth_of_other_listeners_and_items(panel, num_items, most):
    rng = np.random.default_rng(0)
    listeners, items = crossed(panel.num_listeners, num_items)
    truth, covered, covered_if_independent = true_share(panel), 0, 0
    for _ in range(NUM_STUDIES):
        preferred = (votes(panel, num_items, rng) > 0).ravel().astype(float)
        (share,) = clustered_means(preferred[:, None], listeners, items, rng, num_resamples=1_000)
        covered += share.low <= truth <= share.high
        independent = stats.binomtest(int(preferred.sum()), len(preferred)).proportion_ci(method="wilson")
        covered_if_independent += independent.low <= truth <= independent.high
    # 95 % less three standard errors of 200 studies. Above, the method may be wide, most so if nobody differs.
    assert 0.95 - 3 * math.sqrt(0.95 * 0.05 / NUM_STUDIES) <= covered / NUM_STUDIES <= most
    if panel.listener_sd:
        # What the clusters are for.
        assert covered_if_independent / NUM_STUDIES < 0.8


def test_an_interval_is_no_wider_than_clusters_ask_for():
    rng = np.random.default_rng(0)
    listeners, items = crossed(40, 40)
    listener_effects = rng.standard_normal(40)
    values = np.repeat(listener_effects, 40) + rng.standard_normal(1_600)
    (mean,) = clustered_means(values[:, None], listeners, items, rng, num_resamples=2_000)
    # Student's interval of the listeners' own means: what there is but for the items, which don't differ. 15 % more is
    # allowed for these and for resampling.
    own = stats.ttest_1samp(values.reshape(40, 40).mean(axis=1), 0).confidence_interval()
    assert (mean.high - mean.low) == pytest.approx(own.high - own.low, rel=0.15)


def test_votes_without_gaps_and_with_them_count_once():
    rng = np.random.default_rng(0)
    values = np.array([[1.0], [0.0], [1.0], [1.0]])
    (share,) = clustered_means(values, ["x", "x", "y", "z"], ["1", "2", "1", "3"], rng, num_resamples=500)
    assert share.value == 0.75 and 0 <= share.low <= 0.75 <= share.high <= 1


def test_equal_votes_have_the_interval_of_as_many_votes_as_clusters():
    listeners, items = crossed(8, 30)
    never, always = clustered_means(np.tile([0.0, 1.0], (240, 1)), listeners, items, np.random.default_rng(0), 100)
    # Clopper and Pearson's bound for none of 8: 1 - 0.025^(1/8).
    assert (never.low, never.high) == (0, pytest.approx(1 - 0.025 ** (1 / 8)))
    assert (always.low, always.high) == (pytest.approx(0.025 ** (1 / 8)), 1)


def test_one_listener_has_an_interval_over_items_and_one_vote_has_none():
    rng = np.random.default_rng(0)
    values = rng.integers(1, 6, size=(30, 1)).astype(float)
    items = [f"item{number}" for number in range(30)]
    (mean,) = clustered_means(values, ["one"] * 30, items, rng, num_resamples=4_000)
    student = stats.ttest_1samp(values[:, 0], 0).confidence_interval()
    # The bootstrap of one sample, which Student's interval is close to; 10 % for resampling and skewness.
    assert (mean.high - mean.low) == pytest.approx(student.high - student.low, rel=0.1)
    (single,) = clustered_means(values[:1], ["one"], ["item"], rng, num_resamples=100)
    assert math.isnan(single.low) and single.number().endswith("[can't tell]")


def test_a_sign_test_leaves_out_what_is_even_and_counts_it():
    test = sign_test(np.array([3.0, 1, 1, 5, 2, 1, 1, 4, -1, -2, 0, 0]))
    # 8 of 10: twice the upper tail, (45 + 10 + 1) / 1024.
    assert (test.positive, test.negative, test.tied, test.p_value) == (8, 2, 2, pytest.approx(0.109375))
    assert math.isnan(sign_test(np.zeros(4)).p_value)


def test_a_sign_test_over_items_rejects_no_more_often_than_it_says():
    rng = np.random.default_rng(0)
    panel = Panel(9, effect=0.0, listener_sd=0.0, item_sd=1.0)
    _, items = crossed(9, 30)
    p_values = [sign_test(leanings(votes(panel, 30, rng).ravel(), items)).p_value for _ in range(400)]
    rejected = np.mean([p_value < 0.05 for p_value in p_values])
    # Exact tests reject too seldom; above, three standard errors of 400 studies.
    assert 0 < rejected <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)


def test_holm_multiplies_the_smallest_by_the_number_of_tests():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    adjusted = holm([math.nan, 0.6, 0.5])
    assert math.isnan(adjusted[0]) and adjusted[1:] == [1.0, 1.0]


def test_correlations_are_those_the_votes_were_made_with():
    rng = np.random.default_rng(0)
    values = rng.normal(0, math.sqrt(0.2), 200)[:, None] + rng.normal(0, math.sqrt(0.1), 200)
    values = values + rng.normal(0, math.sqrt(0.7), (200, 200))
    # A variance of 200 draws has a relative standard error of 10 %.
    assert correlations(values.ravel(), *crossed(200, 200)) == pytest.approx((0.2, 0.1), rel=0.3)
    assert all(map(math.isnan, correlations(np.ones(4), ["x", "x", "y", "y"], ["1", "2", "1", "2"])))
    assert math.isnan(correlations(np.array([1.0, 0.0]), ["x", "x"], ["1", "2"])[0])


def test_power_is_how_often_simulated_studies_find_the_preference():
    rng = np.random.default_rng(0)
    panel = Panel(20, effect=0.6, listener_sd=0.6, item_sd=0.5)
    many = votes(Panel(1_000, effect=0.6, listener_sd=0.6, item_sd=0.5), 1_000, rng)
    share, tie_share = float((many > 0).sum() / (many != 0).sum()), float((many == 0).mean())
    assumed = (many.mean(axis=1).var() / many.var(), many.mean(axis=0).var() / many.var())
    listeners, items = crossed(20, 20)
    found = 0
    for _ in range(NUM_STUDIES):
        (net,) = clustered_means(votes(panel, 20, rng).reshape(-1, 1), listeners, items, rng, num_resamples=1_000)
        found += net.low > 0
    # Three standard errors of 200 studies, at most 0.106; the normal approximation is another 0.05 off.
    assert found / NUM_STUDIES == pytest.approx(preference_power(share, tie_share, 20, 20, *assumed), abs=0.15)


def test_the_required_listeners_are_the_fewest_who_suffice():
    needed = required_listeners(0.65, 0.3, 20, power=0.9)
    assert preference_power(0.65, 0.3, needed, 20) >= 0.9 > preference_power(0.65, 0.3, needed - 1, 20)
    # What differs between eight items stays, however many listen.
    assert required_listeners(0.55, 0.2, num_items=8) is None
    assert preference_power(1.0, 0.0, 5, 5, 0.0, 0.0) == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.4, 0.2, 10, 10), "share=0.4"),
        ((0.6, 1.0, 10, 10), "tie_share=1.0"),
        ((0.6, 0.2, 1, 10), "num_listeners=1"),
        ((0.6, 0.2, 10, 10, 0.7, 0.4), "listener_correlation=0.7"),
    ],
)
def test_power_of_what_cannot_be_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        preference_power(*arguments)


def test_the_documented_examples_are_true():
    failed, attempted = doctest.testmod(statistics)
    assert attempted > 0 and failed == 0
