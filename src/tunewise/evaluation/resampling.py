"""A statistic of counted rows -> its bootstrap interval or its permutation p-value.

Rows are resampled as counts of cells (rows that can't be told apart), which gives the same
distribution as drawing row by row and is some hundred times faster. Knows nothing of metrics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy.stats import norm

from tunewise.evaluation.answers import Floats, Integers

Statistic: TypeAlias = Callable[[Floats], Floats]  # [resamples, cells] -> [resamples]

RESAMPLES = 2_000
SWAPS = 10_000
LEVEL = 0.95
_NUMBERS_AT_ONCE = 2_000_000  # counts held in memory at a time


def bootstrapped(
    statistic: Statistic, counts: Integers, seed: int, resamples: int = RESAMPLES
) -> Floats:
    """Return the statistic of `resamples` samples of as many rows, drawn with replacement."""
    rng = np.random.default_rng(seed)
    rows = int(counts.sum())
    share = counts / rows
    return np.concatenate(
        [
            statistic(rng.multinomial(rows, share, size=size).astype(np.float64))
            for size in _chunks(resamples, len(counts))
        ]
    )


def bca_interval(statistic: Statistic, counts: Integers, values: Floats) -> tuple[float, float]:
    """Return the bias-corrected and accelerated 95% interval from bootstrap values.

    Source: B. Efron (1987), Better bootstrap confidence intervals, JASA 82(397), 171-185; the
    acceleration is the jackknife's, with the cells' rows left out one at a time.

    Args:
        statistic: as resampled.
        counts: of the cells, `[cells]`.
        values: of the resamples, not all the same.
    """
    estimate = statistic(counts[None, :].astype(np.float64))[0]
    near = np.isclose(values, estimate, rtol=0, atol=1e-12)
    below = float(np.mean((values < estimate) & ~near) + np.mean(near) / 2)
    edge = 1 / (len(values) + 1)
    bias = norm.ppf(np.clip(below, edge, 1 - edge))
    z = bias + norm.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    skewed = bias + z / (1 - _acceleration(statistic, counts) * z)
    low, high = np.quantile(values, norm.cdf(skewed))
    return float(low), float(high)


def _acceleration(statistic: Statistic, counts: Integers) -> float:
    """Return a sixth of the skewness of the statistic's jackknife influences."""
    if counts.sum() < 2:
        return 0.0
    filled = np.flatnonzero(counts)
    without = np.concatenate(
        [_each_left_out(statistic, counts, part) for part in _parts(filled, len(counts))]
    )
    weights = counts[filled]
    pull = np.average(without, weights=weights) - without
    spread = float((weights * pull**2).sum())
    return float((weights * pull**3).sum() / (6 * spread**1.5)) if spread > 0 else 0.0


def _each_left_out(statistic: Statistic, counts: Integers, part: Integers) -> Floats:
    """Return the statistic without one row of each cell in `part`."""
    left = np.repeat(counts[None, :].astype(np.float64), len(part), axis=0)
    left[np.arange(len(part)), part] -= 1
    return statistic(left)


def swapped(
    difference: Statistic, counts: Integers, partner: Integers, seed: int, swaps: int = SWAPS
) -> Floats:
    """Return the difference between two candidates after swapping their answers at random.

    Each row's two answers change places with probability one half, as they might if the two
    candidates were equally good. Source: E. W. Noreen (1989), Computer-intensive methods for
    testing hypotheses, approximate randomisation; for F1, A. Yeh (2000), COLING, 947-953.

    Args:
        difference: of the two candidates, from the cells' counts.
        counts: of the cells, `[cells]`.
        partner: the cell with the same target and the answers exchanged, `[cells]`.
        seed: of the swaps.
        swaps: how often.
    """
    rng = np.random.default_rng(seed)
    unlike = np.where(partner == np.arange(len(counts)), 0, counts)  # swapping changes only these

    def one(size: int) -> Floats:
        moved = rng.binomial(unlike, 0.5, size=(size, len(counts)))
        return difference((counts - moved + moved[:, partner]).astype(np.float64))

    return np.concatenate([one(size) for size in _chunks(swaps, len(counts))])


def permutation_p(observed: float, values: Floats) -> float:
    """Return the two-sided p-value of `observed` among the values under no difference.

    The observed one counts as one of them, so that p is never nil and the test is exact
    (B. Phipson and G. K. Smyth, 2010).
    """
    extreme = np.count_nonzero(np.abs(values) >= abs(observed) - 1e-12)
    return (int(extreme) + 1) / (len(values) + 1)


def _chunks(total: int, width: int) -> list[int]:
    """Return sizes that add up to `total`, each small enough to hold `width` counts a piece."""
    most = max(1, _NUMBERS_AT_ONCE // max(1, width))
    return [min(most, total - start) for start in range(0, total, most)]


def _parts(numbers: Integers, width: int) -> list[Integers]:
    """Return `numbers` in pieces, each small enough to hold `width` counts a piece."""
    most = max(1, _NUMBERS_AT_ONCE // max(1, width))
    return [numbers[start : start + most] for start in range(0, len(numbers), most)]
