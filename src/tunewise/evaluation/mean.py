"""Scores of rows -> their mean with a 95% interval, or whether a mean difference is chance.

Student's t with the skewness taken out by Hall's transformation, on the rows and two made-up ones
at the ends of the scale: what few rows haven't shown yet isn't taken to be impossible. Interval
and p-value are one method read in two directions, so they never disagree. docs/verdict.md has the
reasons, benchmarks/statistical_truth.py the coverage. Knows nothing of metrics or candidates.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import stdtr, stdtrit

from tunewise.evaluation.answers import Floats, Integers
from tunewise.evaluation.groups import effective_rows, per_group
from tunewise.evaluation.proportion import share, share_of
from tunewise.records import Interval

SAME = 1e-12  # spread of scores below which they are all the same
METHOD = "Student's t, corrected for skewness (Hall)"
GROUPED = ", over groups of rows"


def mean_interval(scores: Floats, groups: Integers | None = None) -> Interval:
    """Return the mean of rows' scores between 0 and 1 with its 95% interval.

    Scores that are all 0 or 1 are a share and have the exact interval. Where all are alike but in
    between, an exact interval for the share of rows that do otherwise, of which none was seen.

    Args:
        scores: [rows], at least one.
        groups: numbers of the rows' groups, [rows]; None where rows stand alone.
    """
    value, rows = float(scores.mean()), len(scores)
    if np.isin(scores, (0.0, 1.0)).all():
        return grouped_share(scores, groups)
    if np.ptp(scores) < SAME:
        unseen = share(0, rows).high
        low, high = value * (1 - unseen), value + (1 - value) * unseen
        return Interval(value, low, high, "exact, for rows of a kind that wasn't seen")
    low, high = Skewed(_with_ends(scores, groups, 0.0, 1.0)).interval()
    method = METHOD + (GROUPED if groups is not None else "")
    return Interval(value, max(0.0, min(low, value)), min(1.0, max(high, value)), method)


def grouped_share(hits: Floats, groups: Integers | None) -> Interval:
    """Return the share of hits (1 or 0 for each row) with an exact interval.

    Of grouped rows so many count as they are worth: Korn and Graubard's interval.
    """
    rows, right = len(hits), int(hits.sum())
    if groups is None:
        return share(right, rows)
    worth = effective_rows(hits, groups)
    return share_of(right / rows, worth)


def difference_interval(ahead: Floats, groups: Integers | None = None) -> tuple[Interval, float]:
    """Return the mean of rows' differences, -1 to 1, with its interval and two-sided p-value.

    Args:
        ahead: [rows], not all the same.
        groups: numbers of the rows' groups, [rows]; None where rows stand alone.
    """
    value = float(ahead.mean())
    end = float(np.abs(ahead).max())
    skewed = Skewed(_with_ends(ahead, groups, -end, end))
    low, high = skewed.interval()
    method = METHOD + (GROUPED if groups is not None else "")
    found = Interval(value, max(-1.0, min(low, value)), min(1.0, max(high, value)), method)
    return found, skewed.p_value()


def least_apart(ahead: Floats, mean: float, groups: Integers | None = None) -> float:
    """Return how far from nil a mean must be for its interval to leave out nil.

    Args:
        ahead: differences of rows, [rows], not all the same.
        mean: that they are moved to first, as the ends of the scale move with them.
        groups: numbers of the rows' groups, [rows]; None where rows stand alone.
    """
    moved = np.clip(ahead - ahead.mean() + mean, -1.0, 1.0)
    end, rows = float(np.abs(moved).max()), len(moved)
    return Skewed(_with_ends(moved, groups, -end, end)).reach() * (rows + 2) / rows


def _with_ends(scores: Floats, groups: Integers | None, low: float, high: float) -> Floats:
    """Return the scores, one value per group, with two rows more at the ends of the scale."""
    more = np.concatenate([scores, [low, high]])
    if groups is None:
        return more
    count = int(groups.max()) + 1
    return per_group(more, np.concatenate([groups, [count, count + 1]]))


class Skewed:
    """The mean of some values by Student's t, corrected for their skewness.

    Source: P. Hall (1992), On the removal of skewness by transformation, Journal of the Royal
    Statistical Society B 54(1), 221-228: T + g T^2 / 3 + g^2 T^3 / 27 + g / 6n, which rises with T
    and so can be turned round. The quantiles are Student's, as with few rows they must be wider.

    Args:
        values: at least two, not all the same.
    """

    def __init__(self, values: Floats) -> None:
        self.rows, self.mean = len(values), float(values.mean())
        self.spread = float(values.std())
        self.skewness = float(((values - self.mean) ** 3).mean() / self.spread**3)

    def interval(self) -> tuple[float, float]:
        """Return the ends of the two-sided 95% interval."""
        far = self.reach() / self.spread
        return self.mean - self.spread * self._back(far), self.mean - self.spread * self._back(-far)

    def reach(self) -> float:
        """Return half the length that the interval would have without skewness."""
        return self.spread * float(stdtrit(self.rows - 1, 0.975)) / math.sqrt(self.rows)

    def p_value(self, mean: float = 0.0) -> float:
        """Return how far the values speak against a true mean, two-sided; 0.05 at the ends."""
        t, g = (self.mean - mean) / self.spread, self.skewness
        u = t + g * t**2 / 3 + g**2 * t**3 / 27 + g / (6 * self.rows)
        return float(2 * stdtr(self.rows - 1, -abs(u) * math.sqrt(self.rows)))

    def _back(self, u: float) -> float:
        """Return the T whose transformation is `u`."""
        third = self.skewness / 3
        u -= self.skewness / (6 * self.rows)
        return u if abs(third) < 1e-9 else float(np.cbrt(1 + 3 * third * u) - 1) / third
