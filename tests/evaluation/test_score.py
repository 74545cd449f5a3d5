"""Faults these catch: metrics that differ from scikit-learn's, rows mixed up, silent misfits."""

from __future__ import annotations

import random

import numpy as np
import pytest
from evaluation_rows import answered, judged, rows
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from tunewise.errors import DataError
from tunewise.records import Prediction, Timing

LABELS = ("a", "b", "c", "d")
pairs = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from((*LABELS, "no label", ""))),
    min_size=1,
    max_size=60,
)


@settings(max_examples=100)
@given(pairs)
def test_metrics_equal_scikit_learn(drawn: list[tuple[str, str]]) -> None:
    targets, answers = [t for t, _ in drawn], [a for _, a in drawn]
    card = judged(rows(targets), answered(answers), LABELS)
    present = sorted(set(targets))
    assert card.metrics["accuracy"].value == pytest.approx(accuracy_score(targets, answers))
    expected = f1_score(targets, answers, labels=present, average="macro", zero_division=0)
    assert card.metrics["macro_f1"].value == pytest.approx(expected, abs=1e-9)
    figures = precision_recall_fscore_support(targets, answers, labels=LABELS, zero_division=0)
    for number, label in enumerate(card.labels):
        assert label.label == LABELS[number]
        assert label.predicted == answers.count(label.label)
        found = (label.precision, label.recall, label.f1, label.support)
        assert found == pytest.approx([column[number] for column in figures], abs=1e-9)


@settings(max_examples=50)
@given(pairs, st.randoms(use_true_random=False))
def test_order_of_rows_and_predictions_changes_nothing(
    drawn: list[tuple[str, str]], order: random.Random
) -> None:
    examples, predictions = rows([t for t, _ in drawn]), answered([a for _, a in drawn])
    before = judged(examples, predictions, LABELS)
    order.shuffle(examples)
    order.shuffle(predictions)
    assert judged(examples, predictions, LABELS) == before


@settings(max_examples=100)
@given(pairs)
def test_intervals_hold_their_figures_and_stay_between_0_and_1(
    drawn: list[tuple[str, str]],
) -> None:
    card = judged(rows([t for t, _ in drawn]), answered([a for _, a in drawn]), LABELS)
    for figure in card.metrics.values():
        assert 0 <= figure.low <= figure.value <= figure.high <= 1
        assert figure.low < figure.high  # a finite number of rows never gives certainty


@settings(max_examples=50)
@given(pairs)
def test_confused_pairs_count_every_wrong_answer(drawn: list[tuple[str, str]]) -> None:
    card = judged(rows([t for t, _ in drawn]), answered([a for _, a in drawn]), LABELS)
    assert sum(pair.count for pair in card.confused) == sum(t != a for t, a in drawn)
    counts = [pair.count for pair in card.confused]
    assert counts == sorted(counts, reverse=True)
    for pair in card.confused:
        for row in pair.rows:
            assert drawn[int(row[1:])] == (pair.target, pair.answer)


def test_answers_that_are_no_label_are_wrong_and_shown_even_when_rare() -> None:
    labels = [f"l{i:03d}" for i in range(200)]
    targets = [label for label in labels for _ in range(2)]
    answers = [labels[(labels.index(t) + 1) % 200] for t in targets]
    answers[7] = "I am not sure"
    card = judged(rows(targets), answered(answers), labels)
    shown = [pair for pair in card.confused if pair.answer == "I am not sure"]
    assert [pair.count for pair in shown] == [1]
    assert shown[0].rows == ("r00007",)
    assert card.metrics["accuracy"].value == 0
    assert len(card.confused) <= 101


def test_a_label_without_rows_neither_raises_nor_lowers_macro_f1() -> None:
    targets, answers = ["a", "a", "b", "b"], ["a", "a", "b", "c"]
    card = judged(rows(targets), answered(answers), LABELS)
    assert card.metrics["macro_f1"].value == pytest.approx((1 + 2 / 3) / 2)


@pytest.mark.parametrize(("answer", "value"), [("a", 1.0), ("b", 0.0)])
def test_all_right_and_all_wrong_are_not_called_certain(answer: str, value: float) -> None:
    card = judged(rows(["a"] * 20), answered([answer] * 20), LABELS)
    figure = card.metrics["macro_f1"]
    assert figure.value == value
    assert figure.high - figure.low == pytest.approx(1 - 0.05 ** (1 / 20), abs=0.03)
    assert "accuracy" in figure.method


def test_one_row_is_scored() -> None:
    card = judged(rows(["a"]), answered(["a"]), LABELS)
    assert card.metrics["accuracy"].low == pytest.approx(0.05)
    assert card.rows == 1


def test_speed_tokens_and_cost_come_from_what_was_measured() -> None:
    predictions = [
        Prediction("r00000", "a", None, 10, 2, 0.001),
        Prediction("r00001", "a", None, 20, 4, 0.003),
    ]
    latencies = tuple(np.linspace(0.01, 0.2, 20))
    card = judged(rows(["a", "b"]), predictions, LABELS, Timing(2, 0.5, latencies))
    assert card.latency_p50 == pytest.approx(np.percentile(latencies, 50))
    assert card.latency_p95 == pytest.approx(np.percentile(latencies, 95))
    assert card.rows_per_second == pytest.approx(4)
    assert card.tokens_per_request == pytest.approx(18)
    assert card.cost_per_1000 == pytest.approx(2)


def test_what_is_not_known_of_every_row_is_unknown() -> None:
    predictions = [Prediction("r00000", "a", None, 10, 2, 0.001), Prediction("r00001", "a")]
    card = judged(rows(["a", "b"]), predictions, LABELS, Timing(0, 0.0, ()))
    assert card.tokens_per_request is None
    assert card.cost_per_1000 is None
    assert card.latency_p50 is None
    assert card.rows_per_second is None


@pytest.mark.parametrize(
    ("targets", "predictions", "timing", "says"),
    [
        ([], [], None, "no row to judge on"),
        (["a", "b"], answered(["a"]), None, "1 of 2 rows have no prediction"),
        (["a"], answered(["a", "b"]), None, "1 of 2 predictions answer rows that aren't judged"),
        (["a"], answered(["a"]) * 2, None, "answered twice"),
        (["e"], answered(["a"]), None, "none of the task's labels"),
        (["a"], [Prediction("r00000", "a", cost=float("nan"))], None, "cost of nan"),
        (["a"], [Prediction("r00000", "a", cost=-1.0)], None, "cost of -1.0"),
        (["a"], answered(["a"]), Timing(1, 1.0, (float("nan"),)), "time of nan seconds"),
        (["a"], answered(["a"]), Timing(1, -1.0, ()), "time of -1.0 seconds"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(
    targets: list[str], predictions: list[Prediction], timing: Timing | None, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        judged(rows(targets), predictions, LABELS, timing)


def test_two_rows_with_one_id_are_refused() -> None:
    with pytest.raises(DataError, match="same id"):
        judged(rows(["a"]) * 2, answered(["a"]), LABELS)
