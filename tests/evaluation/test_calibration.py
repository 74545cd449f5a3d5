"""Faults these catch: probabilities called good that aren't; a reject option that cheats."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_rows import answered, judged, rows

from tunewise.evaluation.calibration import calibration
from tunewise.records import Prediction

RNG = np.random.default_rng(0)


def test_honest_probabilities_have_the_error_that_chance_gives_and_boasts_more() -> None:
    sure = RNG.uniform(0.5, 1, 4_000)
    honest = calibration(RNG.random(4_000) < sure, sure)
    boasting = calibration(RNG.random(4_000) < sure - 0.2, sure)
    assert honest.ece == pytest.approx(honest.ece_by_chance, abs=0.01)
    assert boasting.ece == pytest.approx(0.2, abs=0.02)
    assert sum(one.rows for one in honest.bins) == 4_000


def test_ece_is_its_definition() -> None:
    right, sure = RNG.random(500) < 0.7, RNG.random(500)
    expected = 0.0
    for low in np.arange(0, 1, 0.1):
        inside = (sure >= low - 1e-12) & (sure < low + 0.1 - 1e-12)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    assert calibration(right, sure).ece == pytest.approx(expected, abs=1e-9)


def test_refusing_the_unsure_ones_raises_accuracy_where_sureness_says_something() -> None:
    sure = RNG.uniform(0.3, 1, 2_000)
    points = calibration(RNG.random(2_000) < sure, sure).reject
    accuracies = [point.accuracy.value for point in points]
    assert points[0].coverage == 1
    assert accuracies == sorted(accuracies)
    assert all(p.accuracy.low <= p.accuracy.value <= p.accuracy.high for p in points)


def test_equally_sure_answers_are_refused_together() -> None:
    points = calibration(RNG.random(100) < 0.5, np.full(100, 0.9)).reject
    assert [point.coverage for point in points] == [1.0]


def test_only_candidates_with_probabilities_have_a_calibration() -> None:
    examples = rows(["a", "b"])
    assert judged(examples, answered(["a", "b"]), ("a", "b")).calibration is None
    made = [Prediction("r00000", "a", (0.9, 0.1)), Prediction("r00001", "a", (1.0, 0.0))]
    found = judged(examples, made, ("a", "b")).calibration
    assert found is not None
    assert found.bins[-1].rows == 2
