"""Ways to prompt raced on validation rows: all on the first rows, those clearly behind no further.

Given ways and a function that scores rows, gives back every trial and the best. Knows nothing of
prompts, and sees no test row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from scipy.stats import binomtest

from tunewise.candidates.prompt.choose import BEHIND, HEAT

W = TypeVar("W")


@dataclass(frozen=True, slots=True)
class Raced(Generic[W]):
    """A way and how it did: its mean score on so many validation rows."""

    way: W
    score: float
    rows: int


def raced(
    ways: Sequence[W], scores_of: Callable[[W, int], np.ndarray], rows: int
) -> tuple[Raced[W], tuple[Raced[W], ...]]:
    """Return the best way and all trials.

    Ties go to the way that stands first.

    Args:
        ways: the simplest first.
        scores_of: gives the scores [rows] of a way on so many of the first rows.
        rows: that there are.
    """
    heat = min(HEAT, rows)
    if len(ways) == 1:
        only = Raced(ways[0], float(scores_of(ways[0], rows).mean()), rows)
        return only, (only,)
    first = [scores_of(way, heat) for way in ways]
    leader = max(range(len(ways)), key=lambda n: (first[n].mean(), -n))
    tried = []
    for n, way in enumerate(ways):
        if n != leader and is_behind(first[n], first[leader]):
            tried.append(Raced(way, float(first[n].mean()), heat))
        else:
            tried.append(Raced(way, float(scores_of(way, rows).mean()), rows))
    finalists = [n for n, trial in enumerate(tried) if trial.rows == rows]
    best = max(finalists, key=lambda n: (tried[n].score, -n))
    return tried[best], tuple(tried)


def is_behind(scores: np.ndarray, leader: np.ndarray) -> bool:
    """Whether scores are clearly lower than the leader's on the same rows (exact sign test)."""
    lost, won = int((leader > scores).sum()), int((scores > leader).sum())
    if lost + won == 0:
        return False
    return bool(binomtest(lost, lost + won, alternative="greater").pvalue < BEHIND)
