"""Scorecards and the user's prices -> what each candidate costs, and from which volume on.

A request costs what its endpoint charged, or what the hardware costs for as long as it was busy
with it. Tuning is paid once. Unknown stays unknown: a candidate whose speed or price nobody
measured has no cost. Knows nothing of quality.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tunewise.records import BreakEven, Costs, Interval, Scorecard
from tunewise.task.settings import DecideSettings

HOUR = 3600.0  # seconds
DRAWS = 10_000
REACH = 1.96  # standard errors of a 95% interval


def costs(cards: Mapping[str, Scorecard], settings: DecideSettings) -> dict[str, Costs]:
    """Return what every candidate costs.

    Args:
        cards: scorecards on the test rows, by the candidate's name.
        settings: prices and volume.
    """
    return {name: _costs(card, settings) for name, card in cards.items()}


def _costs(card: Scorecard, settings: DecideSettings) -> Costs:
    per_1000, once = per_thousand(card, settings), _once(card, settings)
    volume = settings.requests_per_month
    a_month = in_all = None
    if per_1000 is not None and volume is not None:
        a_month = per_1000.value * volume / 1000 + _upkeep(card, settings)
        in_all = None if once is None else a_month * settings.months + once
    return Costs(card.candidate, per_1000, once, a_month, in_all)


def per_thousand(card: Scorecard, settings: DecideSettings) -> Interval | None:
    """Return US dollars per 1,000 requests; None where neither a price nor a time is known.

    The hardware's price is spread over what it answers in batches, as when it is kept busy; where
    that wasn't measured, over requests one at a time.
    """
    if card.cost_per_1000 is not None:
        value = card.cost_per_1000
        return card.cost_range or Interval(value, value, value, "prices, without their spread")
    seconds = card.seconds_per_request
    if card.rows_per_second:
        each = 1 / card.rows_per_second
    elif seconds is not None:
        each = seconds.value
    else:
        return None
    if not card.local or settings.price_per_hour is None:
        return None
    value = 1000 * each * settings.price_per_hour / HOUR
    if seconds is None or not seconds.value:
        return Interval(value, value, value, "one measurement of the speed in batches")
    low, high = (value * end / seconds.value for end in (seconds.low, seconds.high))
    return Interval(value, low, high, "speed in batches, spread of single requests")


def _once(card: Scorecard, settings: DecideSettings) -> float | None:
    if card.family != "tune":
        return 0.0
    if card.fit_seconds is None or settings.price_per_hour is None:
        return None
    return card.fit_seconds * settings.price_per_hour / HOUR


def _upkeep(card: Scorecard, settings: DecideSettings) -> float:
    return settings.upkeep_per_month if card.family == "tune" else 0.0


def break_even(
    one: Scorecard, other: Scorecard, settings: DecideSettings, seed: int
) -> BreakEven | None:
    """Return from which volume on one of two candidates is the cheaper, if there is such a volume.

    It is where what the one saves with each request pays for what it costs once and in upkeep.

    Args:
        one: a scorecard on the test rows.
        other: another's.
        settings: prices and months.
        seed: of the draws behind the interval.

    Returns:
        None where a cost isn't known, or one is the cheaper at every volume.
    """
    sides = [_side(card, settings) for card in (one, other)]
    known = sorted((side for side in sides if side is not None), key=lambda side: -side.fixed)
    if len(known) < 2:
        return None
    dearer, cheaper = known
    more = dearer.fixed - cheaper.fixed
    saved = (cheaper.each.value - dearer.each.value) / 1000
    if saved <= 0 or more <= 0:
        return None
    rng = np.random.default_rng(seed)
    drawn = [
        side.each.value + _error(side.each) * rng.standard_normal(DRAWS)
        for side in (cheaper, dearer)
    ]
    spared = (drawn[0] - drawn[1]) / 1000
    volumes = np.where(spared > 0, more / np.where(spared > 0, spared, 1), np.inf)
    low, high = np.quantile(volumes, [0.025, 0.975], method="nearest")
    return BreakEven(
        cheaper=dearer.name,
        than=cheaper.name,
        requests_per_month=more / saved,
        low=min(float(low), more / saved),
        high=max(float(high), more / saved) if math.isfinite(high) else None,
        months=settings.months,
    )


@dataclass(frozen=True)
class _Side:
    """A candidate's cost: US dollars a month whether it is asked or not, and per 1,000 requests."""

    name: str
    fixed: float
    each: Interval


def _side(card: Scorecard, settings: DecideSettings) -> _Side | None:
    once, each = _once(card, settings), per_thousand(card, settings)
    if once is None or each is None:
        return None
    return _Side(card.candidate, once / settings.months + _upkeep(card, settings), each)


def _error(interval: Interval) -> float:
    return (interval.high - interval.low) / (2 * REACH)
