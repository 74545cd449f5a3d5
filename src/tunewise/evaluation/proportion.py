"""Hits out of rows -> the share with an exact 95% interval.

Blaker's interval: never covers less than it says, and unlike Clopper and Pearson's, of which it
is a part, hardly more. docs/verdict.md has the comparison, tests/evaluation the enumeration.
"""

from __future__ import annotations

from functools import lru_cache

from scipy.special import bdtr, bdtrc, betaincinv

from tunewise.evaluation.significance import ALPHA
from tunewise.records import Interval

METHOD = "Blaker, exact"
GROUPED = "Korn-Graubard, over groups of rows"
_TOLERANCE = 1e-13


def share(hits: int, rows: int) -> Interval:
    """Return hits / rows with its 95% interval.

    Source: H. Blaker (2000), Confidence curves and improved exact confidence intervals for
    discrete distributions, Canadian Journal of Statistics 28(4), 783-798.

    Args:
        hits: 0 to rows.
        rows: at least 1.

    Raises:
        ValueError: the numbers are outside these ranges.
    """
    if rows < 1 or not 0 <= hits <= rows:
        raise ValueError(f"{hits} hits of {rows} rows can't be")
    return Interval(hits / rows, _low(hits, rows), 1 - _low(rows - hits, rows), METHOD)


def share_of(value: float, rows: float) -> Interval:
    """Return a share with its 95% interval where the rows are worth a number that isn't whole.

    Source: C. J. Clopper and E. S. Pearson (1934) with an effective number of rows, as E. L. Korn
    and B. I. Graubard (1998) use it for grouped rows.

    Args:
        value: 0 to 1.
        rows: that it is worth, above 0.
    """
    hits = value * rows
    low = float(betaincinv(hits, rows - hits + 1, ALPHA / 2)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, rows - hits, 1 - ALPHA / 2)) if hits < rows else 1.0
    return Interval(value, min(low, value), max(high, value), GROUPED)


@lru_cache(maxsize=4096)
def _low(hits: int, rows: int) -> float:
    """Return the smallest p that `hits` doesn't speak against at the level ALPHA.

    Against p speaks P(X >= hits), plus the largest lower tail P(X <= j) that isn't above it. As p
    rises from Clopper and Pearson's bound (upper tail ALPHA / 2), that sum crosses ALPHA either
    while j stays, or in the jump to j + 1, where the two tails are equal (so the sum is at least
    ALPHA there). Hence at most two roots are to be found, each bracketed.
    """
    from scipy.optimize import brentq
    from scipy.stats import binom

    if hits == 0:
        return 0.0
    start = float(betaincinv(hits, rows - hits + 1, ALPHA / 2))

    def upper(p: float) -> float:
        return float(bdtrc(hits - 1, rows, p))

    def lower(j: int, p: float) -> float:
        return float(bdtr(j, rows, p)) if j >= 0 else 0.0

    j = int(binom.ppf(ALPHA / 2, rows, start))
    while lower(j, start) > upper(start):
        j -= 1
    # at p = hits / rows the median is `hits`, so the tails have crossed by then
    jump = float(brentq(lambda p: lower(j + 1, p) - upper(p), start, hits / rows, xtol=_TOLERANCE))

    def excess(p: float) -> float:
        return upper(p) + lower(j, p) - ALPHA

    if excess(jump) <= 0:
        return jump
    if excess(start) >= 0:
        return start
    return float(brentq(excess, start, jump, xtol=_TOLERANCE))
