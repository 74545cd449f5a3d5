"""Faults these catch: intervals that don't cover, or that contradict their own p-value."""

from __future__ import annotations

import numpy as np
import pytest
from arch.bootstrap import IIDBootstrap
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, permutation_test, ttest_1samp
from statsmodels.stats.proportion import proportion_confint

from tunewise.evaluation.differences import mean_difference
from tunewise.evaluation.groups import effective_rows, group_numbers, per_group
from tunewise.evaluation.mean import Skewed, grouped_share, mean_interval
from tunewise.evaluation.proportion import share, share_of
from tunewise.evaluation.resampling import BCa, signs_drawn
from tunewise.records import Example

RNG = np.random.default_rng(0)


def mean_of(values: np.ndarray):
    return lambda counts: counts @ values / counts.sum(axis=1)


def test_bca_interval_equals_scipys_to_six_digits_on_its_resamples() -> None:
    values = RNG.beta(0.7, 3, 80)
    theirs = bootstrap((values,), np.mean, n_resamples=2_000, rng=np.random.default_rng(1))
    ones = np.ones(80, dtype=np.int64)
    ours = BCa(mean_of(values), ones, theirs.bootstrap_distribution).interval()
    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=1e-6)


def test_bca_interval_equals_archs_to_six_digits_on_its_resamples() -> None:
    values = RNG.beta(0.7, 3, 80)
    theirs = IIDBootstrap(values, seed=3)
    low, high = theirs.conf_int(lambda x: x.mean(), reps=2_000, method="bca").ravel()
    ours = BCa(mean_of(values), np.ones(80, dtype=np.int64), theirs._results.ravel()).interval()
    assert ours == pytest.approx((low, high), abs=1e-6)


def test_bca_reaches_nil_just_where_it_says() -> None:
    ahead = RNG.normal(0.05, 0.2, 80)
    ones, statistic = np.ones(80, dtype=np.int64), mean_of(ahead)
    values = ahead[RNG.integers(0, 80, (20_000, 80))].mean(axis=1)
    found = BCa(statistic, ones, values)
    reach = found.reach()
    assert found.interval(reach - 0.05)[0] > 0
    assert found.interval(reach + 0.05)[0] < 0


def test_without_skewness_the_interval_is_students() -> None:
    half = RNG.normal(0, 1, 40)
    values = np.concatenate([half, -half]) + 0.3
    skewed, plain = Skewed(values), ttest_1samp(values, 0)
    n = len(values)
    ends = plain.confidence_interval()
    scale = np.sqrt((n - 1) / n)  # Hall divides by n where Student divides by n - 1
    assert skewed.interval() == pytest.approx(
        (0.3 - (0.3 - ends.low) * scale, 0.3 + (ends.high - 0.3) * scale), abs=1e-6
    )
    assert skewed.p_value(0.3) == pytest.approx(1, abs=1e-6)


@settings(max_examples=60)
@given(st.lists(st.floats(-1, 1), min_size=3, max_size=40).filter(lambda v: np.ptp(v) > 1e-3))
def test_the_ends_are_where_p_is_one_in_twenty(values: list[float]) -> None:
    skewed = Skewed(np.array(values))
    for end in skewed.interval():
        assert skewed.p_value(end) == pytest.approx(0.05, abs=1e-6)


@settings(max_examples=40)
@given(st.lists(st.sampled_from([-0.6, -0.2, 0.0, 0.1, 0.3]), min_size=2, max_size=60))
def test_interval_and_p_of_a_difference_never_contradict(ahead: list[float]) -> None:
    found = mean_difference(np.array(ahead), 0)
    nil_inside = found.difference.low <= 0 <= found.difference.high
    assert nil_inside == (found.p_value >= 0.05)


def test_drawn_signs_give_scipys_permutation_test() -> None:
    ahead = RNG.normal(0.1, 0.3, 11)
    theirs = permutation_test((ahead,), np.mean, permutation_type="samples", n_resamples=np.inf)
    sums = signs_drawn(ahead, 0, swaps=200_000) / 11
    ours = np.mean(np.abs(sums) >= abs(ahead.mean()) - 1e-12)
    assert ours == pytest.approx(theirs.pvalue, abs=0.004)


def test_scores_of_right_and_wrong_have_the_exact_interval() -> None:
    assert mean_interval(np.repeat([1.0, 0.0], [37, 3])) == share(37, 40)
    found = mean_difference(np.repeat([1.0, -1.0, 0.0], [9, 2, 30]), 0)
    assert found.test == "exact McNemar"


def test_share_of_rows_worth_a_broken_number_is_clopper_and_pearsons() -> None:
    found = share_of(0.9, 40)
    low, high = proportion_confint(36, 40, method="beta")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


def test_rows_of_one_group_count_together_and_rows_alone_as_before() -> None:
    rows = [Example(str(n), "", "a", n, "x", group=g) for n, g in enumerate(["d", "d", None, None])]
    assert group_numbers(rows, ["0", "1", "2", "3"]).tolist() == [0, 0, 1, 2]
    assert group_numbers(rows, ["0", "2", "3"]) is None


def test_groups_that_are_all_of_a_piece_are_worth_one_row_each() -> None:
    groups = np.repeat(np.arange(50), 6)
    hits = (np.arange(50) % 5 > 0).astype(float)[groups]
    assert effective_rows(hits, groups) == pytest.approx(50, rel=0.05)
    wide, narrow = grouped_share(hits, groups), grouped_share(hits, None)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert grouped_share(np.ones(300), groups).low == pytest.approx(share_of(1, 50).low, abs=1e-9)


def test_values_of_groups_have_the_rows_mean_and_the_cluster_robust_spread() -> None:
    groups = RNG.integers(0, 30, 200)
    groups = np.unique(groups, return_inverse=True)[1]
    scores = RNG.random(200)
    values = per_group(scores, groups)
    assert values.mean() == pytest.approx(scores.mean(), abs=1e-12)
    import statsmodels.api as sm

    fit = sm.OLS(scores, np.ones(200)).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    count = len(values)
    assert values.std() / np.sqrt(count) == pytest.approx(float(fit.bse[0]), abs=1e-6)


def test_a_difference_that_lies_in_one_document_is_not_proof() -> None:
    """Forty rows of one document say it; taken as rows alone they would pass for certain."""
    ahead = np.concatenate([np.full(40, 0.3), RNG.normal(0, 0.05, 40)])
    groups = np.concatenate([np.zeros(40, dtype=np.int64), np.arange(1, 41)])
    assert mean_difference(ahead, 0).p_value < 0.001
    assert mean_difference(ahead, 0, groups).p_value > 0.05
