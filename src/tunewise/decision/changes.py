"""A decided case -> what would change the verdict, in sentences.

Volumes at which the cost turns, gains and limits that would let another candidate win. Knows
nothing of how the verdict was reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from tunewise.decision.case import Case, advantage
from tunewise.decision.finalists import least_alike, milliseconds
from tunewise.decision.money import break_even
from tunewise.decision.words import asked, counted, dollars, percent, time
from tunewise.evaluation.significance import ALPHA
from tunewise.records import BreakEven

MOST = 5


def turning_points(case: Case, seed: int) -> tuple[BreakEven, ...]:
    """Return the volumes at which the cost of two finalists is the same."""
    pairs = combinations(case.contenders, 2)
    found = (break_even(case.test[a], case.test[b], case.settings, seed) for a, b in pairs)
    return tuple(one for one in found if one is not None)


def changes(case: Case, points: tuple[BreakEven, ...]) -> tuple[str, ...]:
    """Return what would change the verdict, what is likeliest first."""
    told = [*_volumes(case, points), *_gain(case), *_limits(case)]
    return tuple(dict.fromkeys(told))[:MOST]


def _volumes(case: Case, points: tuple[BreakEven, ...]) -> Iterator[str]:
    """Tell the volumes, where the two would do about as well."""
    for point in points:
        if not _as_good(case, point.cheaper, point.than):
            continue
        volume = case.settings.requests_per_month
        high = "no limit" if point.high is None else f"{_rounded(point.high):,}"
        span = f"{_rounded(point.low):,} to {high}"
        now = ""
        if volume is not None:
            above = volume >= point.requests_per_month
            now = f"; at your {volume:,} it is {'the cheaper' if above else 'the dearer'}"
        yield (
            f"Above {_rounded(point.requests_per_month):,} requests a month ({span})"
            f" {point.cheaper} costs less than {point.than}, over"
            f" {counted(point.months, 'month')}{now}."
        )


def _as_good(case: Case, one: str, other: str) -> bool:
    """Tell whether neither is shown to be better by the gain asked for."""
    comparison = case.between(one, other)
    return not (
        comparison.p_adjusted < ALPHA
        and abs(comparison.difference.value) >= case.settings.minimum_gain
    )


def _gain(case: Case) -> Iterator[str]:
    """Tell of a finalist that is ahead by less than the gain asked for."""
    if case.winner is None:
        return
    for name in case.contenders:
        if name == case.winner:
            continue
        comparison = case.between(case.winner, name)
        ahead = advantage(comparison, name)
        if comparison.p_adjusted < ALPHA and 0 < ahead < case.settings.minimum_gain:
            yield f"If a gain of {asked(_floor(ahead))} were enough, {name} would win."


def _floor(ahead: float) -> float:
    return int(1000 * ahead) / 1000 or ahead


def _limits(case: Case) -> Iterator[str]:
    """Tell of better candidates that a limit of the user's set aside."""
    best = case.value(case.winner) if case.winner is not None else 0.0
    for name in case.final.slow:
        if case.value(name) >= best + case.settings.minimum_gain:
            took = time(milliseconds(case.test[name]) or 0.0)
            yield f"If {took} a request were allowed, {name} would be looked at."
    for name in case.final.dear:
        price = case.costs[name].per_1000
        if case.value(name) >= best + case.settings.minimum_gain and price is not None:
            allowed = f"{dollars(price.value)} for 1,000 requests"
            yield f"If {allowed} were allowed, {name} would be looked at."
    for name in case.final.fickle:
        if case.value(name) >= best + case.settings.minimum_gain:
            worst = least_alike(case.test[name])
            share = percent(worst.figure.value, worst.requests)
            yield f"If {share}% alike were enough, {name} would be looked at."
    for name in case.final.outside:
        if case.value(name) >= best + case.settings.minimum_gain:
            yield f"If rows might leave the machine, {name} would be looked at."


def _rounded(volume: float) -> int:
    """Return a volume with two digits that mean something."""
    whole = max(1, round(volume))
    step: int = 10 ** max(0, len(str(whole)) - 2)
    return round(whole / step) * step
