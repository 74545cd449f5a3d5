"""Figures -> places on a drawing: what the SVG templates put where, in their own units.

A drawing is 420 units wide, so that its text stays readable on a phone. Colours and fonts are the
style sheet's. Knows nothing of SVG's syntax.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunewise.report.gather import Judged
from tunewise.report.text import middle_cut, one_line

WIDTH = 420.0
LEFT, RIGHT = 12.0, 408.0  # of the dot plot
FRAME = (48.0, 14.0, 404.0, 262.0)  # left, top, right, bottom of drawings with two axes
BARS = (10.0, 12.0, 410.0, 132.0)  # left, top, right, bottom of the histograms
ROW = 44.0  # height of a candidate in the dot plot
NAME_LETTERS = 36  # of a candidate's name that fit beside its figure
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25)
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


def _whole_step(least: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50 ... that is at least `least`."""
    series = [lead * 10**d for d in range(9) for lead in (1, 2, 5)]
    return int(series[bisect.bisect_left(series, least)])
