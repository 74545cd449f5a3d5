"""Ratings of the same items by several raters -> how far they agree.

Given which rater chose what for which item, gives back the plain share, Cohen's kappa and
Krippendorff's alpha, each with its interval. Knows nothing of what was rated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np

from tunewise.evaluation.mean import mean_interval
from tunewise.records import Interval

RESAMPLES = 2_000
METHOD = f"percentile bootstrap, {RESAMPLES:,} resamples of the items"
Choices = Mapping[str, Mapping[str, str]]  # item -> rater -> choice


def agreement(one: Mapping[str, str], other: Mapping[str, str]) -> Interval | None:
    """Return the share of the items that both rated on which they chose alike; None for no item."""
    shared = sorted(one.keys() & other.keys())
    if not shared:
        return None
    return mean_interval(np.array([float(one[item] == other[item]) for item in shared]))


def cohens_kappa(one: Mapping[str, str], other: Mapping[str, str], seed: int) -> Interval | None:
    """Return by how much two raters agree beyond chance, at most 1; None where it has no value.

    Source: J. Cohen (1960), A coefficient of agreement for nominal scales, Educational and
    Psychological Measurement 20(1), 37-46.
    """
    shared = sorted(one.keys() & other.keys())
    pairs = [(one[item], other[item]) for item in shared]
    return _resampled(pairs, _kappa, seed)


def krippendorffs_alpha(choices: Choices, seed: int) -> Interval | None:
    """Return how far any number of raters agree; items rated once don't count.

    Source: K. Krippendorff (2011), Computing Krippendorff's alpha-reliability, University of
    Pennsylvania, for nominal data with missing values.
    """
    units = [tuple(choices[item].values()) for item in sorted(choices) if len(choices[item]) > 1]
    return _resampled(units, _alpha, seed)


def majority(choices: Choices, raters: Sequence[str]) -> dict[str, str]:
    """Return for each item what most of these raters chose; those without a majority are not in."""
    found = {}
    for item, given in choices.items():
        counts = Counter(given[rater] for rater in raters if rater in given).most_common(2)
        if counts and (len(counts) == 1 or counts[0][1] > counts[1][1]):
            found[item] = counts[0][0]
    return found


def by_rater(choices: Choices) -> dict[str, dict[str, str]]:
    """Return the same by rater: rater -> item -> choice."""
    found: dict[str, dict[str, str]] = {}
    for item, given in choices.items():
        for rater, choice in given.items():
            found.setdefault(rater, {})[item] = choice
    return found


def _kappa(pairs: Sequence[tuple[str, ...]]) -> float | None:
    rows = len(pairs)
    same = sum(one == other for one, other in pairs) / rows
    firsts, seconds = Counter(p[0] for p in pairs), Counter(p[1] for p in pairs)
    chance = sum(firsts[word] * seconds[word] for word in firsts) / rows**2
    return None if chance == 1 else (same - chance) / (1 - chance)


def _alpha(units: Sequence[tuple[str, ...]]) -> float | None:
    apart, counts, values = 0.0, Counter[str](), 0
    for unit in units:
        unlike = sum(one != other for one, other in combinations(unit, 2))
        apart += 2 * unlike / (len(unit) - 1)
        counts.update(unit)
        values += len(unit)
    expected = values**2 - sum(count**2 for count in counts.values())
    if expected == 0:
        return None
    return 1 - (values - 1) * apart / expected


def _resampled(
    units: Sequence[tuple[str, ...]],
    figure: Callable[[Sequence[tuple[str, ...]]], float | None],
    seed: int,
) -> Interval | None:
    value = figure(units) if units else None
    if value is None:
        return None
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(units), size=(RESAMPLES, len(units)))
    values = [v for rows in drawn if (v := figure([units[n] for n in rows])) is not None]
    low, high = np.quantile(values, [0.025, 0.975]) if values else (value, value)
    return Interval(value, min(float(low), value), max(float(high), value), METHOD)
