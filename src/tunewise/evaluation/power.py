"""How much a comparison could have noticed, and how many rows would notice what was seen.

For accuracy the exact power of the exact McNemar test; for other metrics the normal
approximation with the spreads that resampling gave. Knows nothing of candidates.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy.special import bdtr, gammaln, ndtri, xlog1py, xlogy

from tunewise.evaluation.answers import Floats, Integers
from tunewise.evaluation.significance import ALPHA, POWER

MOST_ROWS = 100_000_000  # beyond this, a difference is as good as nil
_EXACT_UP_TO = (
    100_000  # rows; above, Connor's formula agrees with exact power to a few rows in 1,000
)


def mcnemar_power(rows: int, discordance: float, difference: float, alpha: float = ALPHA) -> float:
    """Return the probability that the exact McNemar test notices a true difference.

    The number of discordant rows is binomial; given it, the test is a sign test. Source:
    S. W. Duffy (1984), Asymptotic and exact power for the McNemar test and its analogue with R
    controls per case, Biometrics 40(4), 1005-1015.

    Args:
        rows: compared.
        discordance: true share of rows that just one of the two gets right, 0 to 1.
        difference: true difference of the two shares, at most `discordance` either way.
        alpha: two-sided level.
    """
    if discordance <= 0:
        return 0.0
    middle, reach = rows * discordance, 8 * math.sqrt(rows * discordance) + 10
    discordant = np.arange(
        max(0, math.floor(middle - reach)), min(rows, math.ceil(middle + reach)) + 1
    )
    critical = _critical(discordant, alpha)
    one_way = (1 + min(abs(difference) / discordance, 1.0)) / 2
    # at least discordant - critical the one way is at most critical the other
    noticed = _at_most(critical, discordant, one_way) + _at_most(critical, discordant, 1 - one_way)
    return float(np.sum(_chances(discordant, rows, discordance) * noticed))


def _critical(discordant: Integers, alpha: float) -> Integers:
    """Return the largest smaller count at which the sign test still rejects; -1 for none.

    Begins at the normal approximation, which is wrong by one at most but for few rows.
    """
    reach = float(ndtri(1 - alpha / 2)) * np.sqrt(discordant)
    near: Integers = np.floor((discordant - reach - 1) / 2).clip(-1).astype(np.int64)
    while (more := _at_most(near + 1, discordant, 0.5) <= alpha / 2).any():
        near = near + more
    while (less := _at_most(near, discordant, 0.5) > alpha / 2).any():
        near = near - less
    return near


def _at_most(count: Integers, of: Integers, share: float) -> Floats:
    """Return the binomial probability of at most so many; 0 where the count is negative."""
    found = bdtr(np.clip(count, 0, of).astype(np.float64), of, share)
    kept: Floats = np.where(count < 0, 0.0, found)
    return kept


def _chances(count: Integers, of: int, share: float) -> Floats:
    """Return the binomial probability of each count."""
    if share >= 1:
        sure: Floats = np.asarray(count == of, dtype=np.float64)
        return sure
    ways = gammaln(of + 1) - gammaln(count + 1) - gammaln(of - count + 1)
    found: Floats = np.exp(ways + xlogy(count, share) + xlog1py(of - count, -share))
    return found


@functools.lru_cache(maxsize=4096)
def noticeable_difference(rows: int, discordance: float, alpha: float = ALPHA) -> float | None:
    """Return the smallest true difference that McNemar's test notices with 80% power.

    Two candidates can't differ by more than the share of rows on which they disagree, so for
    larger differences the discordance is taken to be as large.

    Returns:
        A share; None where these rows couldn't reveal any difference (five or fewer).
    """
    from scipy.optimize import brentq

    def excess(difference: float) -> float:
        return mcnemar_power(rows, max(discordance, difference), difference, alpha) - POWER

    if excess(1.0) < 0:
        return None
    return float(brentq(excess, 0.0, 1.0, xtol=1e-6))


@functools.lru_cache(maxsize=4096)
def rows_to_notice(discordance: float, difference: float, alpha: float = ALPHA) -> int | None:
    """Return the rows on which McNemar's test notices a true difference with 80% power.

    Starts from R. J. Connor (1987), Sample size for testing differences in proportions for the
    paired-sample design, Biometrics 43(1), 207-211, and corrects it by the exact power.

    Returns:
        None where the difference is nil.
    """
    if difference == 0:
        return None
    near = connor_rows(discordance, difference, alpha)
    if near > _EXACT_UP_TO:
        return min(math.ceil(near), MOST_ROWS)

    def enough(rows: int) -> bool:
        return mcnemar_power(rows, discordance, difference, alpha) >= POWER

    low, high = 0, math.ceil(near)
    while not enough(high):
        low, high = high, math.ceil(1.1 * high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def connor_rows(discordance: float, difference: float, alpha: float = ALPHA) -> float:
    """Return Connor's approximation of `rows_to_notice`; `difference` isn't nil."""
    spread = math.sqrt(max(discordance - difference**2, 0.0))
    needed = ndtri(1 - alpha / 2) * math.sqrt(discordance) + ndtri(POWER) * spread
    return float(needed / difference) ** 2


def resampled_power(
    rows: int, difference: float, null_spread: float, spread: float, alpha: float = ALPHA
) -> tuple[float | None, int | None]:
    """Return what would be noticed, and the rows needed, for a metric without exact power.

    Args:
        rows: compared.
        difference: observed.
        null_spread: standard deviation of the difference when answers are swapped at random.
        spread: standard deviation of the difference over bootstrap samples.
        alpha: two-sided level.
    """
    needed = float(ndtri(1 - alpha / 2) * null_spread + ndtri(POWER) * spread)
    noticeable = min(needed, 1.0) if needed > 0 else None
    if abs(difference) < 1e-12 or needed == 0:
        return noticeable, None
    return noticeable, max(1, math.ceil(min(rows * (needed / difference) ** 2, MOST_ROWS)))
