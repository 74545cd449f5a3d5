"""Faults these catch: resampling by cells that isn't resampling of rows; ill-calibrated p."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import bootstrap
from sklearn.metrics import f1_score

from tunewise.evaluation.differences import _closed_under_swaps, _partners
from tunewise.evaluation.f1 import MacroF1, cells
from tunewise.evaluation.resampling import (
    BCa,
    _acceleration,
    bootstrapped,
    permutation_p,
    swapped,
)


def drawn(rows: int, words: int, accuracy: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = rng.integers(words, size=rows)
    right = rng.random(rows) < accuracy
    return targets, np.where(right, targets, rng.integers(words, size=rows))


def plain_macro_f1(targets: np.ndarray, answers: np.ndarray) -> float:
    return float(
        f1_score(targets, answers, labels=np.unique(targets), average="macro", zero_division=0)
    )


def test_bootstrap_and_bca_interval_equal_scipys() -> None:
    targets, answers = drawn(90, 3, 0.75, seed=1)
    made = cells(targets, answers, words=3)
    statistic = MacroF1(made)
    values = bootstrapped(statistic, made.counts, seed=0, resamples=20_000)
    theirs = bootstrap(
        (np.arange(90),),
        lambda at: plain_macro_f1(targets[at], answers[at]),
        vectorized=False,
        n_resamples=999,
        method="BCa",
        rng=np.random.default_rng(0),
    )
    low, high = BCa(statistic, made.counts, values).interval()
    assert values.std() == pytest.approx(theirs.standard_error, rel=0.08)
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.015)


def test_acceleration_is_the_jackknifes_over_rows() -> None:
    targets, answers = drawn(60, 4, 0.6, seed=2)
    made = cells(targets, answers, words=4)
    without = np.array(
        [plain_macro_f1(np.delete(targets, i), np.delete(answers, i)) for i in range(60)]
    )
    pull = without.mean() - without
    expected = (pull**3).sum() / (6 * (pull**2).sum() ** 1.5)
    assert _acceleration(MacroF1(made), made.counts) == pytest.approx(expected, abs=1e-9)


def test_resampling_in_pieces_is_the_same_in_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    targets, answers = drawn(200, 5, 0.8, seed=3)
    made = cells(targets, answers, words=5)
    statistic = MacroF1(made)
    at_once = bootstrapped(statistic, made.counts, seed=0)
    skew = _acceleration(statistic, made.counts)
    monkeypatch.setattr("tunewise.evaluation.resampling._NUMBERS_AT_ONCE", 500)
    in_pieces = bootstrapped(statistic, made.counts, seed=0)
    assert (in_pieces == at_once).all()
    assert _acceleration(statistic, made.counts) == pytest.approx(skew, abs=1e-12)


def test_swapping_gives_the_permutation_distribution() -> None:
    """All 2^8 ways of swapping eight rows' answers, summed up plainly, beside random swaps."""
    targets = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    ours = np.array([0, 0, 1, 1, 1, 1, 2, 0])
    theirs = np.array([0, 1, 2, 1, 0, 2, 1, 0])
    made = _closed_under_swaps(cells(targets, ours, theirs, words=3))
    first, second = MacroF1(made, 0), MacroF1(made, 1)
    observed = plain_macro_f1(targets, ours) - plain_macro_f1(targets, theirs)
    exact = []
    for swaps in itertools.product([False, True], repeat=8):
        one, other = np.where(swaps, theirs, ours), np.where(swaps, ours, theirs)
        exact.append(plain_macro_f1(targets, one) - plain_macro_f1(targets, other))
    expected = np.mean(np.abs(exact) >= abs(observed) - 1e-12)
    values = swapped(lambda c: first(c) - second(c), made.counts, _partners(made), seed=0)
    assert permutation_p(observed, values) == pytest.approx(expected, abs=0.015)
    assert values.std() == pytest.approx(np.std(exact), rel=0.03)


def test_permutation_p_is_never_nil_and_counts_the_observed() -> None:
    assert permutation_p(5.0, np.zeros(99)) == pytest.approx(0.01)
    assert permutation_p(0.0, np.zeros(99)) == 1


def test_permutation_p_rejects_equal_candidates_about_as_often_as_it_says() -> None:
    rejected = 0
    worlds = 300
    for seed in range(worlds):
        targets, ours = drawn(120, 4, 0.8, seed=seed)
        _, theirs = drawn(120, 4, 0.8, seed=seed)  # the same rows …
        rng = np.random.default_rng([seed, 1])
        fresh = rng.random(120) < 0.3  # … of which each answers some in its own way
        ours = np.where(fresh, drawn(120, 4, 0.8, seed + 10_000)[1], ours)
        theirs = np.where(fresh, drawn(120, 4, 0.8, seed + 20_000)[1], theirs)
        made = _closed_under_swaps(cells(targets, ours, theirs, words=4))
        first, second = MacroF1(made, 0), MacroF1(made, 1)
        values = swapped(
            lambda c, f=first, s=second: f(c) - s(c), made.counts, _partners(made), 0, swaps=999
        )
        observed = (first(made.counts[None].astype(float)) - second(made.counts[None]))[0]
        rejected += permutation_p(observed, values) < 0.05
    assert 0.02 <= rejected / worlds <= 0.08
