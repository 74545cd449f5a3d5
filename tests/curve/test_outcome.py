"""Faults these catch: a sentence that promises more than its interval, a curve without a law."""

from __future__ import annotations

import numpy as np
import pytest

from tunewise.curve.outcome import best, learning_curve, sentence
from tunewise.evaluation.power_law import Measured
from tunewise.records import CurvePoint, Interval, LabelNoise, LearningCurve

NOISE = LabelNoise(4000, 61, 0.012, Interval(0.006, 0.001, 0.011, "m"), 3000)


def curve(
    gain: tuple[float, float, float], error: float = 0.1, name: str = "probe"
) -> LearningCurve:
    value, low, high = gain
    return LearningCurve(
        candidate=name,
        kind="probe",
        points=(),
        floor=0.05,
        scale=2.0,
        exponent=0.5,
        now=Interval(error, error - 0.01, error + 0.01, "m"),
        gain=Interval(value, low, high, "m"),
        line=(),
        rows_judged=1000,
    )


def test_it_says_what_rows_buy_and_noise_costs_with_ranges() -> None:
    assert sentence([curve((0.014, 0.006, 0.029))], 5000, 5000, "accuracy", NOISE) == (
        "About 5,000 more examples (you have 5,000) would buy probe about 1.4 points of accuracy"
        " (0.6 to 2.9); labelling noise costs you about 0.6 points (0.1 to 1.1, by 61 labels that"
        " look wrong)."
    )


def test_a_gain_that_may_be_nothing_is_said_to_be_so() -> None:
    words = sentence([curve((0.0001, 0.0, 0.02))], 5000, 5000, "accuracy", NOISE)
    assert "may buy probe nothing (0 to 2.0 points" in words
    words = sentence([curve((0.0, 0.0, 0.0002))], 5000, 5000, "accuracy", NOISE)
    assert "would buy probe next to nothing" in words


def test_noise_that_cannot_be_measured_is_said_to_be_so() -> None:
    unclear = LabelNoise(4000, 61, 0.012, Interval(0.001, -0.004, 0.006, "m"), 3000)
    words = sentence([curve((0.01, 0.005, 0.02))], 5000, 5000, "accuracy", unclear)
    assert "costs you nothing that could be measured (−0.4 to 0.6 points" in words
    none = LabelNoise(4000, 0, 0.0, Interval(0, 0, 0, "m"), 3000)
    words = sentence([curve((0.01, 0.005, 0.02))], 5000, 5000, "accuracy", none)
    assert "no label looks wrong enough to cost anything" in words


def test_texts_have_their_own_metric_and_no_wrong_labels() -> None:
    assert sentence([curve((0.014, 0.006, 0.029))], 500, 500, "ROUGE-L", None) == (
        "About 500 more examples (you have 500) would buy probe about 1.4 points of ROUGE-L"
        " (0.6 to 2.9)."
    )


def test_it_speaks_of_the_candidate_that_errs_least() -> None:
    probe, encoder = curve((0.01, 0, 0.02)), curve((0.02, 0, 0.03), 0.07, "encoder")
    assert best([probe, encoder]) is encoder
    assert "would buy encoder" in sentence([probe, encoder], 100, 100, "accuracy", NOISE)


def test_a_curve_has_its_points_its_law_and_the_line_to_the_forecast() -> None:
    rng = np.random.default_rng(0)
    measured = []
    for size in (100, 200, 500, 1000, 2000, 4000):
        wrong = rng.random(2000) < 0.05 + 2 * size**-0.5
        point = CurvePoint(size, 0, 0, 2000, float(wrong.mean()), 1.0)
        measured.append((point, Measured(size, 0, wrong.astype(float))))
    found = learning_curve("probe", "probe", measured, rows=5000, more=5000, seed=0)
    assert [p.size for p in found.points] == [100, 200, 500, 1000, 2000, 4000]
    assert found.exponent == pytest.approx(0.5, abs=0.15)
    sizes = [one.size for one in found.line]
    assert sizes[0] == 100
    assert sizes[-1] == 10_000
    assert 5000 in sizes
    assert sizes == sorted(sizes)
    at_end = found.line[-1].error.value
    assert found.now.value - at_end == pytest.approx(found.gain.value)
    assert found.rows_judged == 2000
    assert found.now.low <= found.now.value <= found.now.high
