"""Figures -> places on a drawing: what the SVG templates put where, in their own units.

A drawing is 420 units wide, so that its text stays readable on a phone. Colours and fonts are the
style sheet's. Knows nothing of SVG's syntax.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunewise.report.figures import duration
from tunewise.report.gather import Judged, Role
from tunewise.report.text import middle_cut, one_line

WIDTH = 420.0
LEFT, RIGHT = 12.0, 408.0  # of the dot plot
FRAME = (48.0, 14.0, 404.0, 262.0)  # left, top, right, bottom of the scatter
BARS = (10.0, 12.0, 410.0, 132.0)  # left, top, right, bottom of the histograms
ROW = 44.0  # height of a candidate in the dot plot
NAME_LETTERS = 36  # of a candidate's name that fit beside its figure
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25)
TICK_ROOM = 52.0  # for the words at a mark of the time axis
FAR_BELOW = 0.1  # of accuracy or F1
MOST_BINS = 24
MOST_BARS = 200  # labels drawn one by one in the balance


@dataclass(frozen=True)
class Tick:
    """A mark on an axis, with its words; '' where the words would touch the neighbour's."""

    at: float
    text: str


@dataclass(frozen=True)
class Whisker:
    """One candidate in the dot plot: its name, the dot and the ends of its interval."""

    one: Judged
    name: str
    y: float
    dot: float
    low: float
    high: float


@dataclass(frozen=True)
class DotPlot:
    """Quality with intervals, a row per candidate."""

    metric: str
    height: float
    ticks: tuple[Tick, ...]
    rows: tuple[Whisker, ...]


@dataclass(frozen=True)
class Point:
    """One candidate in the scatter; `far` is its p95, `low` and `high` its quality's interval."""

    one: Judged
    role: Role
    x: float
    y: float
    far: float | None
    low: float
    high: float
    text_x: float
    text_y: float


@dataclass(frozen=True)
class Scatter:
    """Quality against latency. `limit` is the task's latency limit; `absent` have no latency."""

    metric: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    points: tuple[Point, ...]
    limit: Tick | None
    absent: tuple[str, ...]


@dataclass(frozen=True)
class Bar:
    """One bar, with what it stands for."""

    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True)
class Bars:
    """A histogram or a ranking."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    most: int


def worth_drawing(judged: Sequence[Judged], metric: str) -> list[Judged]:
    """Return the candidates without a floor that lies far below, which would squeeze the rest."""
    others = [one for one in judged if one.card.family != "floor"]
    if not others:
        return list(judged)
    bottom = min(one.figure(metric).low for one in others) - FAR_BELOW
    return [one for one in judged if one in others or one.figure(metric).high > bottom]


def dot_plot(judged: Sequence[Judged], metric: str) -> DotPlot:
    """Return quality with 95% intervals, in the order given."""
    intervals = [one.figure(metric) for one in judged]
    low, high, step = share_axis(
        [i.low for i in intervals], [i.high for i in intervals], most_ticks=6
    )
    place = linear(low, high, LEFT, RIGHT)
    rows = tuple(
        Whisker(
            one=one,
            name=middle_cut(one.name, NAME_LETTERS),
            y=30.0 + n * ROW,
            dot=place(i.value),
            low=place(i.low),
            high=place(i.high),
        )
        for n, (one, i) in enumerate(zip(judged, intervals, strict=True))
    )
    height = 30.0 + ROW * (len(judged) - 1) + 46.0
    return DotPlot(metric, height, share_ticks(low, high, step, place), rows)


def scatter(judged: Sequence[Judged], metric: str, limit_seconds: float | None) -> Scatter | None:
    """Return quality against latency (logarithmic); None when no candidate's latency is known.

    Args:
        judged: the candidates; those without latency are named in `absent`.
        metric: of the quality.
        limit_seconds: the slowest p95 that the task allows, if it says so.
    """
    timed = [one for one in judged if one.card.latency_p50]
    if not timed:
        return None
    left, top, right, bottom = FRAME
    times = [t for one in timed for t in (one.card.latency_p50, one.card.latency_p95) if t]
    first, last = _log_range([*times, *([limit_seconds] if limit_seconds else [])])
    x = logarithmic(first, last, left, right)
    figures = [one.figure(metric) for one in timed]
    low, high, step = share_axis([i.low for i in figures], [i.high for i in figures], most_ticks=6)
    y = linear(low, high, bottom, top)
    places = [
        (x(one.card.latency_p50 or 0), y(i.value)) for one, i in zip(timed, figures, strict=True)
    ]
    words = _words_beside(places)
    points = tuple(
        Point(
            one=one,
            role=one.role,
            x=px,
            y=py,
            far=x(one.card.latency_p95) if one.card.latency_p95 else None,
            low=y(i.low),
            high=y(i.high),
            text_x=tx,
            text_y=ty,
        )
        for one, i, (px, py), (tx, ty) in zip(timed, figures, places, words, strict=True)
    )
    return Scatter(
        metric=metric,
        x_ticks=_log_ticks(first, last, x),
        y_ticks=share_ticks(low, high, step, y),
        points=points,
        limit=_limit(limit_seconds, x),
        absent=tuple(one.name for one in judged if not one.card.latency_p50),
    )


def _limit(seconds: float | None, place: Callable[[float], float]) -> Tick | None:
    return Tick(place(seconds), f"limit {duration(seconds)}") if seconds else None


def length_bars(lengths: Sequence[int]) -> Bars:
    """Return a histogram of texts' lengths in characters; the last bin takes the longest 1%."""
    ordered = sorted(lengths)
    reach = ordered[min(len(ordered) - 1, math.ceil(0.99 * len(ordered)) - 1)]
    step = _whole_step(max(1, reach) / MOST_BINS)
    bins = reach // step + 1
    edges = [n * step for n in range(bins + 1)]
    counts = [0] * bins
    for length in ordered:
        counts[min(length // step, bins - 1)] += 1
    longest = ordered[-1]
    texts = [
        f"{edges[n]:,} to {max(edges[n + 1] - 1, longest if n == bins - 1 else 0):,} characters:"
        f" {value:,} rows"
        for n, value in enumerate(counts)
    ]
    left, _, right, _ = BARS
    width = (right - left) / bins
    every = max(1, math.ceil(bins / 6))
    ticks = tuple(Tick(left + n * width, f"{edges[n]:,}") for n in range(0, bins, every))
    return Bars(_bars(counts, texts), ticks, max(counts))


def balance_bars(counts: Sequence[int], labels: Sequence[str]) -> Bars | None:
    """Return the rows of each label, the largest first; None when there are too many to draw."""
    if len(counts) > MOST_BARS:
        return None
    ranked = sorted(zip(counts, labels, strict=True), key=lambda pair: (-pair[0], pair[1]))
    texts = [f"{one_line(label)}: {value:,} rows" for value, label in ranked]
    return Bars(_bars([value for value, _ in ranked], texts), (), max(counts))


def _bars(counts: Sequence[int], texts: Sequence[str]) -> tuple[Bar, ...]:
    left, top, right, bottom = BARS
    slot = (right - left) / len(counts)
    gap = min(2.0, slot / 4)
    most = max(counts) or 1
    return tuple(
        Bar(
            x=left + n * slot + gap / 2,
            y=bottom - (bottom - top) * value / most,
            width=slot - gap,
            height=(bottom - top) * value / most,
            text=text,
        )
        for n, (value, text) in enumerate(zip(counts, texts, strict=True))
    )


def linear(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Return where on a line from `start` to `end` a value lies."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def logarithmic(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Return where a value lies by its logarithm."""
    inner = linear(math.log10(low), math.log10(high), start, end)
    return lambda value: inner(math.log10(value))


def share_axis(
    lows: Sequence[float], highs: Sequence[float], most_ticks: int
) -> tuple[float, float, float]:
    """Return the ends and the step of an axis of shares that holds all intervals."""
    low, high = max(0.0, min(lows)), min(1.0, max(highs))
    for step in STEPS:
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        last = max(last, first + 2)
        if last * step > 1:
            first, last = min(first, round(1 / step) - 2), round(1 / step)
        if last - first < most_ticks:
            return first * step, last * step, step
    return 0.0, 1.0, STEPS[-1]


def share_ticks(
    low: float, high: float, step: float, place: Callable[[float], float]
) -> tuple[Tick, ...]:
    """Return the marks of an axis of shares."""
    number = round((high - low) / step)
    return tuple(
        Tick(place(low + n * step), f"{100 * (low + n * step):.0f}%") for n in range(number + 1)
    )


def _log_range(times: Sequence[float]) -> tuple[float, float]:
    """Return ends with room on both sides of the smallest and the largest time."""
    low, high = min(times), max(times)
    room = max(1.35, (high / low) ** 0.06)
    if high / low < 10:  # less than a decade would exaggerate small differences
        room = max(room, (10 / (high / low)) ** 0.5)
    return low / room, high * room


def _log_ticks(low: float, high: float, place: Callable[[float], float]) -> tuple[Tick, ...]:
    """Return marks at 1, 10, 100 ...; at 2 and 5 too, where there are few decades."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    leads = (1, 2, 5) if math.log10(high / low) < 2.2 else (1,)
    found = [lead * 10.0**d for d in decades for lead in leads]
    inside = [v for v in found if low <= v <= high]
    taken: list[float] = []
    for value in sorted(inside, key=lambda v: (round(math.log10(v), 9) % 1 != 0, v)):
        if all(abs(_middle(place(value)) - other) >= TICK_ROOM for other in taken):
            taken.append(_middle(place(value)))
    return tuple(
        Tick(place(v), _tick_time(v) if _middle(place(v)) in taken else "") for v in inside
    )


def _middle(at: float) -> float:
    """Return the middle of a mark's words, which must end inside the drawing."""
    return min(at, WIDTH - TICK_ROOM / 2)


def _tick_time(seconds: float) -> str:
    return f"{1000 * seconds:g} ms" if seconds < 0.999 else f"{seconds:,.0f} s"


def _whole_step(least: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50 ... that is at least `least`."""
    series = [lead * 10**d for d in range(9) for lead in (1, 2, 5)]
    return int(series[bisect.bisect_left(series, least)])


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
