"""Faults these catch: pairing by place instead of id, wrong p-values, one-sided intervals."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from evaluation_rows import answered, rows
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln
from scipy.stats import binomtest
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from tunewise.errors import BadInput, DataError
from tunewise.evaluation.compare import compared
from tunewise.evaluation.differences import mean_difference, paired_difference
from tunewise.evaluation.significance import holm
from tunewise.records import Comparison, Example, Prediction

LABELS = ("a", "b", "c")
triples = st.lists(
    st.tuples(*[st.sampled_from(LABELS)] * 2, st.sampled_from((*LABELS, "odd"))),
    min_size=1,
    max_size=60,
)


def against(
    examples: list[Example],
    ours: list[Prediction],
    theirs: list[Prediction],
    metric: str = "accuracy",
) -> Comparison:
    return compared(
        challenger="ours",
        incumbent="theirs",
        challenger_predictions=ours,
        incumbent_predictions=theirs,
        examples=examples,
        labels=LABELS,
        metric=metric,
        seed=3,
    )


def planted(both: int, ours: int, theirs: int, neither: int) -> Comparison:
    """Compare two candidates of which so many rows were answered right by both, one or none."""
    counts = (both, ours, theirs, neither)
    right = [("a", "a")] * both + [("a", "b")] * ours + [("b", "a")] * theirs
    found = right + [("b", "b")] * neither
    examples = rows(["a"] * sum(counts))
    return against(examples, answered([o for o, _ in found]), answered([t for _, t in found]))


SOME = planted(10, 3, 1, 2)


@settings(max_examples=60)
@given(st.tuples(*[st.integers(0, 60)] * 4).filter(any))
def test_accuracy_is_compared_as_statsmodels_and_scipy_do(counts: tuple[int, ...]) -> None:
    both, ours, theirs, neither = counts
    found = planted(*counts)
    table = [[both, ours], [theirs, neither]]
    assert found.p_value == pytest.approx(min(1.0, mcnemar(table, exact=True).pvalue), abs=1e-9)
    if ours + theirs:
        assert found.p_value == pytest.approx(binomtest(ours, ours + theirs).pvalue, abs=1e-9)
    else:
        assert found.p_value == 1
    assert (found.only_challenger, found.only_incumbent) == (ours, theirs)
    assert found.difference.value == pytest.approx((ours - theirs) / sum(counts))


def test_macro_f1_difference_equals_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    targets, ours, theirs = (rng.choice(LABELS, size=200).tolist() for _ in range(3))
    found = against(rows(targets), answered(ours), answered(theirs), "macro_f1")
    expected = f1_score(targets, ours, average="macro") - f1_score(targets, theirs, average="macro")
    assert found.difference.value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
@settings(max_examples=25)
@given(drawn=triples)
def test_exchanging_the_two_turns_the_sign_and_nothing_else(
    metric: str, drawn: list[tuple[str, str, str]]
) -> None:
    examples = rows([t for t, _, _ in drawn])
    ours, theirs = answered([o for _, o, _ in drawn]), answered([t for _, _, t in drawn])
    one, other = against(examples, ours, theirs, metric), against(examples, theirs, ours, metric)
    there, back = one.difference, other.difference
    assert (there.value, there.low, there.high) == pytest.approx(
        (-back.value, -back.high, -back.low), abs=1e-12
    )
    assert one.p_value == other.p_value
    assert (one.noticeable, one.rows_needed) == (other.noticeable, other.rows_needed)
    assert (one.only_challenger, one.only_incumbent) == (
        other.only_incumbent,
        other.only_challenger,
    )


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
@settings(max_examples=25)
@given(drawn=triples, order=st.randoms(use_true_random=False))
def test_order_of_rows_and_predictions_changes_nothing(
    metric: str, drawn: list[tuple[str, str, str]], order: random.Random
) -> None:
    examples = rows([t for t, _, _ in drawn])
    ours, theirs = answered([o for _, o, _ in drawn]), answered([t for _, _, t in drawn])
    before = against(examples, ours, theirs, metric)
    for shuffled in (examples, ours, theirs):
        order.shuffle(shuffled)
    assert against(examples, ours, theirs, metric) == before


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_a_candidate_judged_on_a_part_is_compared_on_that_part(metric: str) -> None:
    rng = np.random.default_rng(0)
    targets, ours, theirs = (rng.choice(LABELS, size=90).tolist() for _ in range(3))
    part = [4, 8, 15, 16, 23, 42, 60, 61, 62, 63, 64, 65]
    answers = answered(theirs)
    whole = against(rows(targets), answered(ours), [answers[i] for i in reversed(part)], metric)
    alone = against(
        [rows(targets)[i] for i in part],
        [answered(ours)[i] for i in part],
        [answers[i] for i in part],
        metric,
    )
    assert whole == alone
    assert whole.rows == len(part)


def test_candidates_that_answer_alike_are_not_told_apart() -> None:
    for metric in ("accuracy", "macro_f1"):
        found = against(rows(["a", "b"] * 20), answered(["a"] * 40), answered(["a"] * 40), metric)
        assert found.p_value == 1
        assert found.difference.value == 0
        assert found.difference.low < 0 < found.difference.high
        assert found.rows_needed is None


def test_equal_errors_on_other_rows_still_show_how_unsure_the_nil_is() -> None:
    found = planted(300, 20, 20, 60)
    assert found.p_value == 1
    assert found.rows_needed is None
    assert found.difference.high > 0.02


def coverage(rows_: int, ours: float, theirs: float) -> float:
    """Return the exact probability that the interval holds the true difference."""

    def near(p: float) -> np.ndarray:
        reach = 6 * np.sqrt(rows_ * p) + 4
        return np.arange(max(0, int(rows_ * p - reach)), min(rows_, int(rows_ * p + reach)) + 1)

    total = 0.0
    for first in near(ours):
        for second in near(theirs):
            rest = rows_ - first - second
            if rest < 0:
                continue
            found = paired_difference(int(first), int(second), rows_)
            if found.low - 1e-12 <= ours - theirs <= found.high + 1e-12:
                total += np.exp(
                    gammaln(rows_ + 1)
                    - gammaln([first + 1, second + 1, rest + 1]).sum()
                    + first * np.log(ours)
                    + second * np.log(theirs)
                    + rest * np.log1p(-ours - theirs)
                )
    return total


@pytest.mark.parametrize("rows_", [50, 200, 1000])
@pytest.mark.parametrize("discordance", [0.02, 0.06, 0.15])
@pytest.mark.parametrize("share", [0.5, 0.7, 0.95])
def test_paired_interval_covers_the_true_difference(
    rows_: int, discordance: float, share: float
) -> None:
    found = coverage(rows_, discordance * share, discordance * (1 - share))
    assert found >= 0.94
    if rows_ * discordance >= 30:
        assert found <= 0.97


@settings(max_examples=15)  # statsmodels collects garbage at each call
@given(st.lists(st.floats(1e-9, 1), min_size=1, max_size=12))
def test_holm_equals_its_definition_and_statsmodels(drawn: list[float]) -> None:
    made = [replace(SOME, p_value=p) for p in drawn]
    found = [comparison.p_adjusted for comparison in holm(made)]
    order = np.argsort(drawn, kind="stable")
    steps = [drawn[i] * (len(drawn) - place) for place, i in enumerate(order)]
    expected = np.empty(len(drawn))
    expected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    assert found == pytest.approx(expected.tolist(), abs=1e-12)
    assert found == pytest.approx(multipletests(drawn, method="holm")[1].tolist(), abs=1e-12)


def test_holm_of_nothing_is_nothing() -> None:
    assert holm([]) == []


def test_what_cannot_be_compared_is_refused() -> None:
    examples, predictions = rows(["a", "b"]), answered(["a", "b"])
    with pytest.raises(BadInput, match="Did you mean 'accuracy'"):
        against(examples, predictions, predictions, "acuracy")
    with pytest.raises(DataError, match="no row in common"):
        against(examples, predictions[:1], predictions[1:])
    with pytest.raises(DataError, match="2 of 2 rows have no prediction"):
        against(examples, [], predictions)
    with pytest.raises(DataError, match="rows that aren't judged"):
        against(examples[:1], predictions, predictions)


@pytest.mark.parametrize("rows_", [40, 98, 300])
def test_the_interval_of_accuracies_never_contradicts_mcnemar(rows_: int) -> None:
    for ours in range(0, 61):
        for theirs in range(0, min(ours, rows_ - ours) + 1):
            ahead = np.repeat([1.0, -1.0, 0.0], [ours, theirs, rows_ - ours - theirs])
            found = mean_difference(ahead, 0)
            assert (found.difference.low > 0) == (found.p_value < 0.05), (ours, theirs)


def test_macro_f1_of_a_few_documents_is_less_sure_than_of_as_many_rows() -> None:
    rng = np.random.default_rng(8)
    targets = rng.choice(LABELS, size=160).tolist()
    good = rng.random(8) < 0.5  # whole documents that one candidate gets right, the other doesn't
    ours = [t if good[i // 20] or i % 3 else "odd" for i, t in enumerate(targets)]
    theirs = [t if not good[i // 20] or i % 3 else "odd" for i, t in enumerate(targets)]
    alone = rows(targets)
    grouped = [replace(row, group=f"document {i // 20}") for i, row in enumerate(alone)]
    for metric in ("accuracy", "macro_f1"):
        one = against(alone, answered(ours), answered(theirs), metric)
        other = against(grouped, answered(ours), answered(theirs), metric)
        assert other.difference.value == pytest.approx(one.difference.value)
        width = other.difference.high - other.difference.low
        assert width > 1.5 * (one.difference.high - one.difference.low)
        assert other.p_value >= one.p_value
        assert "groups" in other.test
