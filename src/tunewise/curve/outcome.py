"""Measured points -> a LearningCurve, and all of them -> the sentence that it comes to.

Knows nothing of how points are measured or where anything is written.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewise.decision.words import points, points_range
from tunewise.evaluation.power_law import Measured, spread
from tunewise.records import CurveForecast, CurvePoint, Interval, LabelNoise, LearningCurve

LINE_STEPS = 24  # places at which the law's line is drawn
NOTHING = 0.0005  # of the metric: a gain below it is called none


def learning_curve(
    name: str,
    kind: str,
    measured: Sequence[tuple[CurvePoint, Measured]],
    *,
    rows: int,
    more: int,
    seed: int,
) -> LearningCurve:
    """Return a candidate's curve with the law fitted to it.

    Args:
        name: of the candidate.
        kind: of the candidate.
        measured: its points.
        rows: labelled rows there are.
        more: further rows that the forecast is about.
        seed: of the resampling.
    """
    found = spread([one for _, one in measured], seed)
    smallest = min(point.size for point, _ in measured)
    line = np.unique(np.geomspace(smallest, rows + more, LINE_STEPS).round().astype(int))
    sizes = sorted({int(size) for size in line} | {rows})
    return LearningCurve(
        candidate=name,
        kind=kind,
        points=tuple(point for point, _ in measured),
        floor=float(found.law.floor[0]),
        scale=float(found.law.scale[0]),
        exponent=float(found.law.exponent[0]),
        now=found.error_at(rows),
        gain=found.gain(rows, more),
        line=tuple(CurveForecast(size, found.error_at(size)) for size in sizes),
        rows_judged=sum({point.fold: point.judged for point, _ in measured}.values()),
    )


def best(curves: Sequence[LearningCurve]) -> LearningCurve:
    """Return the curve with the lowest error at all rows, the first of equals."""
    return min(curves, key=lambda curve: curve.now.value)


def sentence(
    curves: Sequence[LearningCurve], rows: int, more: int, metric: str, noise: LabelNoise | None
) -> str:
    """Return what it comes to, for the candidate that errs least with all rows.

    Args:
        curves: of the candidates.
        rows: labelled rows there are.
        more: further rows that the forecast is about.
        metric: in words, such as 'accuracy'.
        noise: what wrong labels cost; None where texts are written.
    """
    bought = _bought(best(curves), rows, more, metric)
    return f"{bought}; {_cost(noise)}." if noise else f"{bought}."


def _bought(curve: LearningCurve, rows: int, more: int, metric: str) -> str:
    """Return what further rows would buy: 'About 5,000 more examples buy 1.4 points ...'."""
    gain = curve.gain
    what = f"About {more:,} more examples (you have {rows:,})"
    if gain.high < NOTHING:
        return f"{what} would buy {curve.candidate} next to nothing"
    spread_words = points_range(gain, curve.rows_judged)
    if gain.low < NOTHING and gain.value < NOTHING:
        return f"{what} may buy {curve.candidate} nothing ({spread_words} points of {metric})"
    return (
        f"{what} would buy {curve.candidate} about {points(gain.value, curve.rows_judged)} of"
        f" {metric} ({spread_words})"
    )


def _cost(noise: LabelNoise) -> str:
    """Return what wrong labels cost: 'labelling noise costs you about 0.6 points (0.1 to 1.1)'."""
    if not noise.found:
        return "no label looks wrong enough to cost anything"
    cost: Interval = noise.cost
    spread_words = points_range(cost, noise.judged)
    if cost.low <= 0:
        return (
            f"labelling noise costs you nothing that could be measured ({spread_words} points, by"
            f" {noise.found:,} labels that look wrong)"
        )
    return (
        f"labelling noise costs you about {points(cost.value, noise.judged)} ({spread_words}, by"
        f" {noise.found:,} labels that look wrong)"
    )
