"""LearningCurves -> places on a drawing: the metric against rows, and the law beyond them.

Measured points are dots, the law is a line, broken where it is a forecast, its 95% interval a
band. Knows nothing of SVG's syntax.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunewise.records import CurveForecast, LearningCurve, LearningCurves
from tunewise.report import figures
from tunewise.report.plots import FRAME, Tick, linear, logarithmic, share_axis, share_ticks

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LEADS = (1, 2, 5)
WORD_ROOM = 40.0  # for the words at a mark of the axis of rows


@dataclass(frozen=True)
class Dot:
    """One fit, with what it stands for."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class DrawnCurve:
    """One candidate: its dots, its law's line up to the rows there are and beyond, its band.

    `line`, `ahead` and `band` are points as SVG writes them.
    """

    curve: LearningCurve
    letter: str
    is_first: bool
    dots: tuple[Dot, ...]
    line: str
    ahead: str
    band: str
    text_y: float


@dataclass(frozen=True)
class CurveDrawing:
    """All curves in one frame; `now` is where the rows there are end."""

    found: LearningCurves
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    now: float
    curves: tuple[DrawnCurve, ...]


def drawing(found: LearningCurves) -> CurveDrawing:
    """Return where everything goes."""
    left, top, right, bottom = FRAME
    sizes = [forecast.size for curve in found.curves for forecast in curve.line]
    x = logarithmic(min(sizes), max(sizes), left + 8, right - 16)
    low, high, step = share_axis(*_shares(found.curves), most_ticks=7)
    y = linear(low, high, bottom, top)
    drawn = [
        _curve(curve, letter, found, x, lambda e: y(min(high, max(low, 1 - e))))
        for curve, letter in zip(found.curves, LETTERS, strict=False)
    ]
    return CurveDrawing(
        found=found,
        x_ticks=_row_ticks(min(sizes), max(sizes), x),
        y_ticks=share_ticks(low, high, step, y),
        now=x(found.rows),
        curves=tuple(drawn),
    )


def _shares(curves: Sequence[LearningCurve]) -> tuple[list[float], list[float]]:
    """Return the shares that the axis must hold: of all dots and of the law's line."""
    found = [1 - p.error for curve in curves for p in curve.points]
    found += [1 - forecast.error.value for curve in curves for forecast in curve.line]
    found += [1 - curve.line[-1].error.low for curve in curves]
    return [min(1.0, max(0.0, value)) for value in found], [min(1.0, value) for value in found]


def _curve(
    curve: LearningCurve,
    letter: str,
    found: LearningCurves,
    x: Callable[[float], float],
    y: Callable[[float], float],
) -> DrawnCurve:
    def path(part: Sequence[CurveForecast]) -> str:
        return _points([(x(one.size), y(one.error.value)) for one in part])

    rows, metric = found.rows, figures.metric_name(found.metric)
    upper = [(x(one.size), y(one.error.low)) for one in curve.line]
    lower = [(x(one.size), y(one.error.high)) for one in reversed(curve.line)]
    dots = tuple(
        Dot(
            x(p.size),
            y(p.error),
            f"{curve.candidate}: {metric} {1 - p.error:.1%} with {p.size:,} rows,"
            f" draw {p.draw + 1}, judged on {p.judged:,}",
        )
        for p in curve.points
    )
    return DrawnCurve(
        curve=curve,
        letter=letter,
        is_first=letter == LETTERS[0],
        dots=dots,
        line=path([one for one in curve.line if one.size <= rows]),
        ahead=path([one for one in curve.line if one.size >= rows]),
        band=_points(upper + lower),
        text_y=y(curve.line[-1].error.value) + 4,
    )


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{px:.1f},{py:.1f}" for px, py in places)


def _row_ticks(low: int, high: int, x: Callable[[float], float]) -> tuple[Tick, ...]:
    """Return marks at 10, 20, 50, 100 ...; words where there is room for them."""
    marks = [lead * 10**power for power in range(9) for lead in LEADS]
    ticks: list[Tick] = []
    last = -WORD_ROOM
    for mark in marks:
        if low <= mark <= high:
            has_room = x(mark) - last >= WORD_ROOM
            ticks.append(Tick(x(mark), f"{mark:,}" if has_room else ""))
            last = x(mark) if has_room else last
    return tuple(ticks)
