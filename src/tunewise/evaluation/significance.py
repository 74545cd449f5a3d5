"""The level at which chance is ruled out, the power that is asked for, and Holm's correction.

Light, so that a verdict whose comparisons are known imports no statistics library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tunewise.records import Comparison

ALPHA = 0.05
POWER = 0.8


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted over all of them, in their order.

    Source: S. Holm (1979), A simple sequentially rejective multiple test procedure,
    Scandinavian Journal of Statistics 6(2), 65-70.
    """
    found = [0.0] * len(p_values)
    highest = 0.0
    for place, number in enumerate(sorted(range(len(p_values)), key=lambda n: p_values[n])):
        highest = max(highest, min(p_values[number] * (len(p_values) - place), 1.0))
        found[number] = highest
    return found


def holm(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons with `p_adjusted` set over all of them."""
    values = adjusted([comparison.p_value for comparison in comparisons])
    return [replace(c, p_adjusted=p) for c, p in zip(comparisons, values, strict=True)]
