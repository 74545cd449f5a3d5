"""Faults these catch: flipped labels missed, right ones accused, a joint unlike cleanlab's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewise.audit.suspicion import (
    LEAST_ROWS,
    confident_joint,
    noise_of,
    steps,
    suspicion,
)

LABELS = 6


def clouds(rows: int, seed: int, spread: float = 0.12) -> tuple[np.ndarray, np.ndarray]:
    """Return points of unit length around one centre per label, and their labels."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(LABELS, 24))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    y = rng.integers(0, LABELS, rows)
    X = centres[y] + spread * rng.normal(size=(rows, 24))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32), y


def flipped(y: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    bad = rng.random(len(y)) < share
    return np.where(bad, (y + rng.integers(1, LABELS, len(y))) % LABELS, y), bad


@pytest.mark.parametrize("seed", [0, 1])
def test_flipped_labels_are_found_and_their_own_suggested(seed: int) -> None:
    X, true = clouds(900, seed)
    y, bad = flipped(true, 0.1, seed)
    folds = np.arange(900) % 5
    calls: list[int] = []
    found, judge = suspicion(X, y, LABELS, folds, lambda: calls.append(1))
    assert len(calls) == steps(folds)
    accused = found.wrong >= 0.5
    assert (accused & bad).sum() >= 0.9 * bad.sum()
    assert (accused & bad).sum() >= 0.9 * accused.sum()
    assert (found.suggested[accused & bad] == true[accused & bad]).mean() > 0.95
    assert found.wrong.sum() == pytest.approx(bad.sum(), rel=0.25), "probabilities mean something"
    new, labels = clouds(300, seed)
    wrong, flips = flipped(labels, 0.2, seed + 9)
    judged = judge.of(new, wrong)
    assert ((judged.wrong >= 0.5) == flips).mean() > 0.95


def test_labels_swapped_for_one_neighbour_are_the_most_suspicious() -> None:
    X, true = clouds(1200, 3)
    bad = (np.random.default_rng(0).random(1200) < 0.2) & (true == 2)
    y = np.where(bad, 3, true)  # a fifth of one label all went to the same other
    found, _ = suspicion(X, y, LABELS, np.arange(1200) % 5, lambda: None)
    worst = np.argsort(-found.wrong)[: bad.sum()]
    assert bad[worst].mean() >= 0.9
    assert (found.suggested[worst] == true[worst]).mean() >= 0.9


def test_clean_labels_are_not_accused() -> None:
    X, y = clouds(900, 5)
    found, _ = suspicion(X, y, LABELS, np.arange(900) % 5, lambda: None)
    assert (found.wrong >= 0.4).sum() == 0
    assert found.judged.all()


def test_nothing_is_said_of_labels_with_too_few_rows_elsewhere() -> None:
    X, y = clouds(300, 6)
    y = np.where(y == 0, 1, y)
    y[:LEAST_ROWS] = 0  # the label's only rows, in different folds
    found, _ = suspicion(X, y, LABELS, np.arange(300) % 5, lambda: None)
    assert not found.judged[:LEAST_ROWS].any()
    assert (found.wrong[:LEAST_ROWS] == 0).all()
    assert found.judged[LEAST_ROWS:].all()
    y[0] = 1
    _, judge = suspicion(X, y, LABELS, np.arange(300) % 5, lambda: None)
    assert judge.of(X[:2], np.array([0, 1])).judged.tolist() == [False, True]


def test_rows_whose_noise_is_their_own_are_judged_by_it() -> None:
    X, y = clouds(900, 8)
    _, judge = suspicion(X, y, LABELS, np.arange(900) % 5, lambda: None)
    new, labels = clouds(300, 8)
    wrong, flips = flipped(labels, 0.1, 4)
    judged = judge.of(new, wrong)
    assert ((judged.wrong >= 0.5) == flips).all(), "though the rows it learnt from are clean"


def test_copies_in_one_fold_do_not_vouch_for_each_other() -> None:
    X, true = clouds(600, 7)
    y = true.copy()
    X[:12], y[:12] = X[0], (true[0] + 1) % LABELS  # twelve copies, all with one wrong label
    folds = np.arange(600) % 5
    apart, _ = suspicion(X, y, LABELS, folds, lambda: None)
    folds[:12] = 0
    together, _ = suspicion(X, y, LABELS, folds, lambda: None)
    assert (together.wrong[:12] > 0.5).all()
    assert (apart.wrong[:12] < 0.5).all(), "the folds are what makes the difference"


def probabilities(seed: int, rows: int, labels: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(labels), rng.integers(0, labels, rows - labels)])
    answers = rng.dirichlet(np.full(labels, 0.3), size=rows)
    answers[np.arange(rows), y] += rng.random(rows) * 2
    return answers / answers.sum(axis=1, keepdims=True), y


@given(st.integers(0, 10_000), st.integers(2, 6))
@settings(max_examples=40)
def test_the_confident_joint_is_that_of_cleanlab(seed: int, labels: int) -> None:
    count = pytest.importorskip("cleanlab.count", reason="cleanlab is for comparison only")
    answers, y = probabilities(seed, 60, labels)
    plain = count.compute_confident_joint(y, answers, calibrate=False)
    if (plain.sum(axis=1) == 0).any():
        return  # cleanlab then invents a count on the diagonal; ours leaves the line empty
    expected = plain / plain.sum(axis=1, keepdims=True) * np.bincount(y)[:, None]
    ours = confident_joint(answers, y)
    if (np.diag(plain) > 0).all():
        np.testing.assert_allclose(ours, expected, atol=1e-9)


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(0, 5))
def test_noise_is_a_chance_for_each_true_label(seed: int, labels: int, gone: int) -> None:
    answers, y = probabilities(seed, 40, labels)
    y = np.where(y == gone, 0, y)  # a label that no row was given
    given_ = noise_of(confident_joint(answers, y)).given
    np.testing.assert_allclose(given_.sum(axis=0), 1)
    assert (given_ >= 0).all()
