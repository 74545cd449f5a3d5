"""Rows that belong together (a document, a customer) -> what that does to figures.

Rows of one group resemble each other, so they say less than as many rows on their own. Given the
rows' groups, gives back numbers for them, sums over them, and how many independent rows they are
worth. Knows nothing of metrics.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.special import stdtrit

from tunewise.evaluation.answers import Floats, Integers
from tunewise.records import Example

LEVEL = 0.975  # of the one-sided quantiles that few groups widen


def group_numbers(examples: Iterable[Example], ids: Sequence[str]) -> Integers | None:
    """Return the number of each row's group, [rows]; None where every row stands alone.

    Args:
        examples: the rows, in any order.
        ids: of those that are judged, in the order of the result.
    """
    group = {example.id: example.group for example in examples}
    place: dict[tuple[str, str], int] = {}
    numbers = []
    for row in ids:
        named = group[row]
        key = ("row", row) if named is None else ("group", named)
        numbers.append(place.setdefault(key, len(place)))
    return np.array(numbers, dtype=np.int64) if len(place) < len(ids) else None


def summed(values: Floats, groups: Integers | None) -> Floats:
    """Return the sum of each group's values, [groups]; the values where rows stand alone."""
    if groups is None:
        return values
    found: Floats = np.bincount(groups, weights=values).astype(np.float64)
    return found


def per_group(scores: Floats, groups: Integers) -> Floats:
    """Return one value per group whose mean is the rows' mean and whose spread is the groups'.

    They are the linearised values of the ratio of sums, mean + groups / rows * sum of residuals
    (C. J. Skinner, D. Holt and T. M. F. Smith 1989, Analysis of Complex Surveys, section 2.14).
    """
    mean, rows = scores.mean(), len(scores)
    residuals = np.bincount(groups, weights=scores - mean)
    found: Floats = mean + residuals * len(residuals) / rows
    return found


def effective_rows(hits: Floats, groups: Integers) -> float:
    """Return how many independent rows a share over grouped rows is worth; never above the rows.

    Source: E. L. Korn and B. I. Graubard (1998), Confidence intervals for proportions with small
    expected number of positive counts estimated from survey data, Survey Methodology 24(2),
    193-201: rows over the design effect, corrected for the few degrees of freedom of few groups.

    Args:
        hits: 1 or 0 for each row, [rows].
        groups: numbers of the rows' groups, [rows].
    """
    rows, share = len(hits), float(hits.mean())
    count = int(groups.max()) + 1
    if count < 2:
        return 1.0
    sizes = np.bincount(groups)
    alike = rows**2 / float((sizes**2).sum())  # worth of the rows if groups were all of a piece
    if share in (0.0, 1.0):
        return alike
    values = per_group(hits, groups)
    design = float(values.var(ddof=1)) / count / (share * (1 - share) / rows)
    few = float(stdtrit(rows - 1, LEVEL) / stdtrit(count - 1, LEVEL)) ** 2
    return float(np.clip(rows / max(design, 1e-12) * few, min(alike, rows * few), rows))
