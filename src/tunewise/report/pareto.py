"""Quality against time and against cost: what a drawing puts where, and who is outdone by whom.

A candidate is outdone (dominated, in Pareto's sense) by one that is no worse in quality, time and
cost and better in one of them, by the figures as measured. Knows nothing of SVG's syntax.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tunewise.report.figures import dollars, duration
from tunewise.report.gather import Judged, Role
from tunewise.report.plots import (
    FRAME,
    WIDTH,
    Tick,
    linear,
    logarithmic,
    share_axis,
    share_ticks,
)

TICK_ROOM = 52.0  # for the words at a mark of the logarithmic axis


@dataclass(frozen=True)
class Across:
    """What quality is drawn against.

    Attributes:
        key: of the drawing on the page.
        title: of the axis.
        value: of each candidate, above 0; None where it isn't known.
        reach: where the line from a candidate's value ends; None for no line.
        words: a value as it is written.
        tick: a mark's value as it is written.
        limit: that the task sets.
    """

    key: str
    title: str
    value: Mapping[str, float | None]
    reach: Mapping[str, float | None]
    words: Callable[[float], str]
    tick: Callable[[float], str]
    limit: float | None = None


@dataclass(frozen=True)
class Point:
    """One candidate; `far` ends the line to its right, `low` and `high` its quality's interval.

    `told` is its value across in words, `outdone` the candidate that dominates it.
    """

    one: Judged
    role: Role
    x: float
    y: float
    far: float | None
    low: float
    high: float
    text_x: float
    text_y: float
    told: str
    outdone: str | None


@dataclass(frozen=True)
class Scatter:
    """Quality against something. `limit` is the task's; of `absent` the value isn't known."""

    metric: str
    across: Across
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    points: tuple[Point, ...]
    limit: Tick | None
    absent: tuple[str, ...]


def across_time(judged: Sequence[Judged], limit_seconds: float | None) -> Across:
    """Return the median time of a single request, with a line to its 95th percentile."""
    return Across(
        "time",
        "time of a single request",
        {one.name: one.card.latency_p50 or None for one in judged},
        {one.name: one.card.latency_p95 for one in judged},
        duration,
        lambda v: f"{1000 * v:g} ms" if v < 0.999 else f"{v:,.0f} s",
        limit_seconds,
    )


def across_cost(costs: Mapping[str, float | None], limit: float | None) -> Across:
    """Return US dollars per 1,000 requests.

    Args:
        costs: of each candidate that has one.
        limit: the most that the task allows.
    """
    known = {name: value or None for name, value in costs.items()}
    return Across("cost", "US dollars for 1,000 requests", known, {}, dollars, _price, limit)


def _price(value: float) -> str:
    return f"${value:,.0f}" if value >= 0.999 else f"${value:.6g}"


def outdone(
    judged: Sequence[Judged], metric: str, across: Sequence[Across]
) -> dict[str, str | None]:
    """Return for each candidate the best one that dominates it, None where none does.

    What isn't known of one of the two counts neither way, so it is dominated by none on that.
    """
    found: dict[str, str | None] = {}
    for one in judged:
        others = [other for other in judged if _outdoes(other, one, metric, across)]
        best = max(others, key=lambda other: other.figure(metric).value, default=None)
        found[one.name] = best.name if best else None
    return found


def _outdoes(one: Judged, other: Judged, metric: str, across: Sequence[Across]) -> bool:
    pairs = [(-one.figure(metric).value, -other.figure(metric).value)]
    for axis in across:
        ours, theirs = axis.value.get(one.name), axis.value.get(other.name)
        if ours is None and theirs is None:
            continue
        if ours is None or theirs is None:
            return False
        pairs.append((ours, theirs))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def scatter(
    judged: Sequence[Judged],
    metric: str,
    across: Across,
    dominated: Mapping[str, str | None] | None = None,
) -> Scatter | None:
    """Return quality against a value (logarithmic); None when no candidate's value is known.

    Args:
        judged: the candidates; those without the value are named in `absent`.
        metric: of the quality.
        across: the value.
        dominated: by whom each candidate is outdone, if it is.
    """
    known = [one for one in judged if across.value.get(one.name)]
    if not known:
        return None
    left, top, right, bottom = FRAME
    at = [across.value[one.name] or 0.0 for one in known]
    ends = [across.reach.get(one.name) for one in known]
    first, last = _log_range([v for v in (*at, *ends, across.limit) if v])
    x = logarithmic(first, last, left, right)
    figures = [one.figure(metric) for one in known]
    low, high, step = share_axis([i.low for i in figures], [i.high for i in figures], most_ticks=6)
    y = linear(low, high, bottom, top)
    places = [(x(value), y(i.value)) for value, i in zip(at, figures, strict=True)]
    words = _words_beside(places)
    points = tuple(
        Point(
            one=one,
            role=one.role,
            x=px,
            y=py,
            far=x(end) if end else None,
            low=y(i.low),
            high=y(i.high),
            text_x=tx,
            text_y=ty,
            told=across.words(value),
            outdone=(dominated or {}).get(one.name),
        )
        for one, value, end, i, (px, py), (tx, ty) in zip(
            known, at, ends, figures, places, words, strict=True
        )
    )
    limit = across.limit
    return Scatter(
        metric=metric,
        across=across,
        x_ticks=_log_ticks(first, last, x, across.tick),
        y_ticks=share_ticks(low, high, step, y),
        points=points,
        limit=Tick(x(limit), f"limit {across.words(limit)}") if limit else None,
        absent=tuple(one.name for one in judged if one not in known),
    )


def _log_range(values: Sequence[float]) -> tuple[float, float]:
    """Return ends with room on both sides of the smallest and the largest value."""
    low, high = min(values), max(values)
    room = max(1.35, (high / low) ** 0.06)
    if high / low < 10:  # less than a decade would exaggerate small differences
        room = max(room, (10 / (high / low)) ** 0.5)
    return low / room, high * room


def _log_ticks(
    low: float, high: float, place: Callable[[float], float], words: Callable[[float], str]
) -> tuple[Tick, ...]:
    """Return marks at 1, 10, 100 ...; at 2 and 5 too, where there are few decades."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    leads = (1, 2, 5) if math.log10(high / low) < 2.2 else (1,)
    found = [lead * 10.0**d for d in decades for lead in leads]
    inside = [v for v in found if low <= v <= high]
    taken: list[float] = []
    for value in sorted(inside, key=lambda v: (round(math.log10(v), 9) % 1 != 0, v)):
        if all(abs(_middle(place(value)) - other) >= TICK_ROOM for other in taken):
            taken.append(_middle(place(value)))
    return tuple(Tick(place(v), words(v) if _middle(place(v)) in taken else "") for v in inside)


def _middle(at: float) -> float:
    """Return the middle of a mark's words, which must end inside the drawing."""
    return min(at, WIDTH - TICK_ROOM / 2)


def _words_beside(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return where each point's letter goes: the nearest spot that touches no other mark."""
    left, top, right, bottom = FRAME
    spots = [(11, -9), (-11, -9), (11, 16), (-11, 16), (20, 4), (-20, 4), (26, -20), (-26, -20)]
    taken: list[tuple[float, float]] = []
    for n, (x, y) in enumerate(places):
        others = [(ox, oy) for m, (ox, oy) in enumerate(places) if m != n]

        def room(spot: tuple[float, float], others: list[tuple[float, float]] = others) -> float:
            tx, ty = spot[0], spot[1] - 4
            marks = [*others, *((ax, ay - 4) for ax, ay in taken)]
            inside = left < tx - 5 and tx + 5 < right and top < ty - 5 and ty + 5 < bottom
            nearest = min((math.hypot(tx - mx, ty - my) for mx, my in marks), default=99.0)
            return min(nearest, 14.0) - (0 if inside else 20)

        best = max([(x + dx, y + dy) for dx, dy in spots], key=room)
        taken.append(best)
    return taken
