"""Figures -> words for people who decide: shares, points, ranges, times.

As many decimals as the rows bear. Rounding never turns a little into nothing or almost into all.
Knows nothing of candidates.
"""

from __future__ import annotations

import math

from tunewise.records import Interval

ONE_DECIMAL_FROM = 200  # rows; with fewer, a tenth of a point means nothing


def decimals(rows: int) -> int:
    """Return how many decimals of a percentage so many rows bear."""
    return 1 if rows >= ONE_DECIMAL_FROM else 0


def percent(value: float, rows: int) -> str:
    """Return a share as a percentage without its sign: '92.4', '100', '99.97'."""
    if value in (0, 1):
        return f"{100 * value:.0f}"
    for places in range(decimals(rows), 4):
        text = f"{100 * value:.{places}f}"
        if 0 < float(text) < 100:
            return text
    return "under 0.001" if value < 0.5 else "over 99.999"


def percent_range(interval: Interval, rows: int) -> str:
    """Return an interval of shares: '91.4 to 93.3%'."""
    return f"{percent(interval.low, rows)} to {percent(interval.high, rows)}%"


def points(value: float, rows: int) -> str:
    """Return the size of a difference: '29.5 points', '1 point', '0.04 points'."""
    text = _size(abs(value), rows)
    return f"{text} {'point' if text == '1' else 'points'}"


def points_range(interval: Interval, rows: int, sign: int = 1, apart: float | None = None) -> str:
    """Return an interval of differences: '25.1 to 33.8', '−1.5 to 0.9'.

    Args:
        interval: of the difference.
        rows: that were compared.
        sign: −1 turns it round.
        apart: a difference that no end may be rounded to: '1.98' where 2 points are asked for.
    """
    ends = (interval.low, interval.high) if sign > 0 else (-interval.high, -interval.low)
    low, high = (f"{'−' if end < 0 else ''}{_apart(end, rows, apart)}" for end in ends)
    return f"{low} to {high}"


def _apart(end: float, rows: int, apart: float | None) -> str:
    text = _size(abs(end), rows)
    if not apart or end == apart or float(text) != round(100 * apart, decimals(rows)):
        return text
    more = (f"{100 * abs(end):.{places}f}" for places in range(decimals(rows) + 1, 5))
    return next((finer for finer in more if float(finer) != 100 * apart), text)


def asked(gain: float) -> str:
    """Return the gain that was asked for: '2 points', '0.5 points'."""
    text = f"{100 * gain:.6g}"
    return f"{text} {'point' if text == '1' else 'points'}"


def _size(value: float, rows: int) -> str:
    if value == 0:
        return "0"
    text = f"{100 * value:.{decimals(rows)}f}"
    return text if float(text) else f"{100 * value:.2g}"


def chance(p: float) -> str:
    """Return a p-value: 'p < 0.001', 'p = 0.012', 'p = 0.24'."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: '1 row', '3,080 rows'."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def time(milliseconds: float) -> str:
    """Return a time per request: '0.4 ms', '38 ms', '2.1 seconds'."""
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.1f} seconds"
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.2g} ms"


def dollars(value: float) -> str:
    """Return US dollars: '$0.42', '$1,234', '$0.0031', 'under $0.0001'."""
    if value >= 100:
        return f"${value:,.0f}"
    if 0 < value < 0.0001:
        return "under $0.0001"
    return f"${value:,.2f}" if value >= 0.1 or value == 0 else f"${value:.2g}"


def rounded_up(rows: int) -> int:
    """Return a number of rows with two digits that mean something, never too small."""
    step = 10 ** max(0, math.floor(math.log10(rows)) - 1) if rows > 0 else 1
    return math.ceil(rows / step) * step
