"""Faults these catch: intervals that cover less than they say, or much more; wrong ends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from tunewise.evaluation.proportion import share


def intervals(rows: int) -> tuple[np.ndarray, np.ndarray]:
    found = [share(hits, rows) for hits in range(rows + 1)]
    return np.array([i.low for i in found]), np.array([i.high for i in found])


def coverage(rows: int, low: np.ndarray, high: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the exact probability that the interval holds `p`; the ends rise with the hits."""
    first, last = np.searchsorted(high, p), np.searchsorted(low, p, side="right") - 1
    return binom.cdf(last, rows, p) - binom.cdf(first - 1, rows, p)


@pytest.mark.parametrize("rows", [50, 51, 77, 100, 200, 204, 281, 500, 1000])
def test_share_covers_what_it_says_and_little_more(rows: int) -> None:
    low, high = intervals(rows)
    assert (np.diff(low) > 0).all()
    assert (np.diff(high) > 0).all()
    ends = np.concatenate([low, high])  # coverage jumps at the ends, so look on both sides of each
    p = np.concatenate([ends - 1e-8, ends + 1e-8, np.linspace(0.6, 0.98, 500)])
    p = np.unique(p[(p >= 0.6) & (p <= 0.98)])
    found = coverage(rows, low, high, p)
    assert found.min() >= 0.95 - 1e-6
    if rows >= 200:
        assert found[p < 0.95].max() <= 0.97


def speaks_against(hits: int, rows: int, p: float) -> float:
    """Return Blaker's p-value, summed up plainly from its definition."""
    x = np.arange(rows + 1)
    tail = np.minimum(binom.cdf(x, rows, p), binom.sf(x - 1, rows, p))
    return float(binom.pmf(x, rows, p)[tail <= tail[hits] * (1 + 1e-9)].sum())


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 16])
def test_share_is_the_hull_of_what_the_hits_do_not_speak_against(rows: int) -> None:
    grid = np.linspace(0.004, 0.996, 249)
    for hits in range(rows + 1):
        allowed = grid[[speaks_against(hits, rows, p) > 0.05 for p in grid]]
        found = share(hits, rows)
        assert found.low <= allowed[0] + 1e-9 <= found.low + 0.0041
        assert found.high >= allowed[-1] - 1e-9 >= found.high - 0.0041


@pytest.mark.parametrize("rows", [1, 5, 40, 400, 3080, 10_000])
def test_share_lies_inside_clopper_and_pearson(rows: int) -> None:
    for hits in {0, 1, rows // 3, rows // 2, int(0.924 * rows), rows - 1, rows}:
        low, high = proportion_confint(hits, rows, alpha=0.05, method="beta")
        found = share(hits, rows)
        assert low - 1e-9 <= found.low <= found.value <= found.high <= high + 1e-9


def test_share_of_nothing_and_of_all_is_sure_on_one_side_only() -> None:
    assert share(0, 10).low == 0
    assert share(10, 10).high == 1
    assert share(10, 10).low == pytest.approx(1 - share(0, 10).high, abs=1e-12)
    assert 0 < share(0, 10).high < 0.31


@pytest.mark.parametrize(("hits", "rows"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(hits: int, rows: int) -> None:
    with pytest.raises(ValueError, match="can't be"):
        share(hits, rows)
