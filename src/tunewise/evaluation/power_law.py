"""Errors at several numbers of labelled rows -> a power law, and what it says of other numbers.

error(n) = floor + scale * n ** -exponent, all three at least 0. Given the errors of each fit on the
rows it was judged on, gives back the law with the spread that the luck of the rows judged and of
the rows learnt gives it. Knows nothing of candidates or of how a fit was made.

Sources: Hestness et al. 2017 (arXiv 1712.00409) for the form; Viering and Loog 2021 (arXiv
2103.10948), sections 4 and 6, for how far it can be trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tunewise.records import Interval

Floats: TypeAlias = npt.NDArray[np.float64]

RESAMPLES = 1000
FEWEST_SIZES = 3  # from which a floor, a scale and an exponent can be told
EXPONENTS = (0.05, 2.0)  # slowest and fastest that is believed
GRID = 40  # exponents tried at a time
ZOOMS = 6  # each time in the gaps beside the best
LEVEL = 0.95


@dataclass(frozen=True)
class Measured:
    """One fit.

    Attributes:
        size: rows that it was given.
        fold: number of the rows that it was judged on; equal folds are equal rows.
        errors: [rows of the fold], between 0 and 1; 0 or 1 where a row is right or wrong. Where
            rows come in groups, one value for each group, as per_group gives them.
    """

    size: int
    fold: int
    errors: Floats


@dataclass(frozen=True)
class Laws:
    """Power laws, one per resample: error(n) = floor + scale * n ** -exponent; each [laws]."""

    floor: Floats
    scale: Floats
    exponent: Floats

    def at(self, sizes: Sequence[float]) -> Floats:
        """Return the errors [laws, sizes]."""
        n = np.asarray(sizes, dtype=np.float64)
        powers = np.exp(-self.exponent[:, None] * np.log(n))
        return self.floor[:, None] + self.scale[:, None] * powers


@dataclass(frozen=True)
class Spread:
    """The law of the measurements, and those of their resamples."""

    law: Laws
    resampled: Laws

    def error_at(self, size: float) -> Interval:
        """Return the error at `size` rows with its 95% interval."""
        return self._interval(self.law.at([size])[:, 0], self.resampled.at([size])[:, 0])

    def gain(self, size: float, more: float) -> Interval:
        """Return by how much `more` rows beyond `size` lower the error."""
        sizes = [size, size + more]
        value, spread = self.law.at(sizes), self.resampled.at(sizes)
        return self._interval(value[:, 0] - value[:, 1], spread[:, 0] - spread[:, 1])

    def _interval(self, value: Floats, spread: Floats) -> Interval:
        low, high = np.quantile(spread, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        middle = float(value[0])
        return Interval(
            value=middle,
            low=min(float(low), middle),
            high=max(float(high), middle),
            method="power law, bootstrap over rows judged and rows learnt",
        )


def spread(measured: Sequence[Measured], seed: int) -> Spread:
    """Return the power law of some fits and its resamples.

    Args:
        measured: of at least three sizes.
        seed: of the resampling.

    Raises:
        ValueError: fewer than three sizes; three unknowns could be anything.
    """
    sizes = np.array(sorted({one.size for one in measured}), dtype=np.float64)
    if len(sizes) < FEWEST_SIZES:
        raise ValueError(f"a power law needs {FEWEST_SIZES} sizes, there are {len(sizes)}")
    of_size = [[one for one in measured if one.size == size] for size in sizes]
    errors = np.array([np.mean([one.errors.mean() for one in same]) for same in of_size])
    luck = errors * _draw_spread(of_size) / np.sqrt([len(same) for same in of_size])
    weights = 1 / (_sampling_variance(of_size, errors) + luck**2)
    rng = np.random.default_rng(seed)
    resampled = _resampled(of_size, rng) + rng.normal(size=(RESAMPLES, len(sizes))) * luck
    law = fitted(sizes, errors[None, :], weights)
    return Spread(law, fitted(sizes, np.clip(resampled, 0, 1), weights))


def fitted(sizes: Floats, errors: Floats, weights: Floats) -> Laws:
    """Return the law nearest to each line of errors, by weighted least squares.

    For a given exponent the best floor and scale follow in closed form, so only the exponent is
    searched: on a grid, then on ever finer ones beside the best.

    Args:
        sizes: [sizes], rising.
        errors: [laws, sizes], between 0 and 1.
        weights: [sizes], inverse variances.
    """
    lines = np.arange(len(errors))
    log_sizes = np.log(sizes / sizes[0])
    low, high = np.full(len(errors), EXPONENTS[0]), np.full(len(errors), EXPONENTS[1])
    for _ in range(ZOOMS):
        steps = np.linspace(0, 1, GRID)
        tried = low[:, None] + (high - low)[:, None] * steps  # [laws, exponents]
        floor, scale, loss = _best_given(tried, log_sizes, errors, weights / weights.sum())
        best = loss.argmin(axis=1)
        gap = (high - low) / (GRID - 1)
        middle = tried[lines, best]
        low, high = np.maximum(low, middle - gap), np.minimum(high, middle + gap)
    found_scale = scale[lines, best] * sizes[0] ** middle
    return Laws(floor[lines, best], found_scale, middle)


def _best_given(
    exponents: Floats, log_sizes: Floats, errors: Floats, weights: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return floor, scale and loss [laws, exponents] of the best law with each exponent.

    Two unknowns, both at least 0: the free optimum if it is legal, else the better of the two
    edges.
    """
    x = np.exp(-exponents[..., None] * log_sizes)  # [laws, exponents, sizes]
    y = errors[:, None, :]
    mean_x, mean_y = (x * weights).sum(-1), (y * weights).sum(-1)
    xx, xy, yy = ((a * b * weights).sum(-1) for a, b in ((x, x), (x, y), (y, y)))
    scale = (xy - mean_x * mean_y) / np.maximum(xx - mean_x**2, 1e-15)
    floor = mean_y - scale * mean_x
    legal = (scale >= 0) & (floor >= 0)
    only_scale = xy / xx
    loss_floor, loss_scale = yy - mean_y**2, yy - xy * only_scale
    flat = ~legal & (loss_floor < loss_scale)
    steep = ~legal & ~flat
    floor = np.where(legal, floor, np.where(flat, mean_y, 0.0))
    scale = np.where(legal, scale, np.where(steep, only_scale, 0.0))
    rest = y - floor[..., None] - scale[..., None] * x
    return floor, scale, (rest**2 * weights).sum(-1)


def _resampled(of_size: Sequence[Sequence[Measured]], rng: np.random.Generator) -> Floats:
    """Return mean errors [resamples, sizes] on rows drawn anew, the same rows for every fit."""
    rows = {one.fold: len(one.errors) for same in of_size for one in same}
    shares = {
        fold: rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES) / count
        for fold, count in rows.items()
    }
    return np.stack(
        [np.mean([shares[one.fold] @ one.errors for one in same], axis=0) for same in of_size],
        axis=1,
    )


def _draw_spread(of_size: Sequence[Sequence[Measured]]) -> float:
    """Return the standard deviation between draws as a share of the error, over all sizes.

    Where draws were judged on rows of their own, what chance gives those is taken off first.
    """
    total, freedom = 0.0, 0
    for same in of_size:
        errors = np.array([one.errors.mean() for one in same])
        if len(same) < 2 or not errors.any():
            continue
        mean = errors.mean()
        own_rows = len({one.fold for one in same}) > 1
        rows = np.mean([len(one.errors) for one in same])
        chance = np.concatenate([one.errors for one in same]).var() / rows if own_rows else 0
        total += (len(same) - 1) * (errors.var(ddof=1) - chance) / mean**2
        freedom += len(same) - 1
    return float(np.sqrt(max(0.0, total / freedom))) if freedom else 0.0


def _sampling_variance(of_size: Sequence[Sequence[Measured]], errors: Floats) -> Floats:
    """Return the variance of each size's error by the number of rows judged, never quite 0.

    Errors between 0 and 1 vary less than right and wrong rows of the same mean would, and groups
    more.
    """
    rows = np.array([sum({o.fold: len(o.errors) for o in same}.values()) for same in of_size])
    careful = np.clip(errors, 0.5 / rows, 0.5)
    all_or_none = np.maximum(errors * (1 - errors), 1e-12)
    of_rows = [np.concatenate([one.errors for one in same]).var() for same in of_size]
    design = np.where(errors * (1 - errors) > 0, of_rows / all_or_none, 1)
    variance: Floats = design * careful * (1 - careful) / rows
    return variance
