"""Ways to prompt raced on validation rows: all on the first rows, those clearly behind no further.

Given ways and a function that scores rows, gives back every trial and the best. Knows nothing of
prompts, and sees no test row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import binomtest

from tunewise.candidates.prompt.showing import Way, WayTried

HEAT = 25  # rows on which every way is tried
BEHIND = 0.01  # one-sided p-value (exact sign test) below which one is tried no further


def raced(
    ways: Sequence[Way], scores_of: Callable[[Way, int], np.ndarray], rows: int
) -> tuple[WayTried, tuple[WayTried, ...]]:
    """Return the best way and all trials.

    Ties go to the way that stands first.

    Args:
        ways: the simplest first.
        scores_of: gives the scores [rows] of a way on so many of the first rows.
        rows: that there are.
    """
    heat = min(HEAT, rows)
    if len(ways) == 1:
        only = WayTried(ways[0], float(scores_of(ways[0], rows).mean()), rows)
        return only, (only,)
    first = [scores_of(way, heat) for way in ways]
    leader = max(range(len(ways)), key=lambda n: (first[n].mean(), -n))
    tried = []
    for n, way in enumerate(ways):
        if n != leader and is_behind(first[n], first[leader]):
            tried.append(WayTried(way, float(first[n].mean()), heat))
        else:
            tried.append(WayTried(way, float(scores_of(way, rows).mean()), rows))
    finalists = [n for n, trial in enumerate(tried) if trial.rows == rows]
    best = max(finalists, key=lambda n: (tried[n].score, -n))
    return tried[best], tuple(tried)


def is_behind(scores: np.ndarray, leader: np.ndarray) -> bool:
    """Whether scores are clearly lower than the leader's on the same rows (exact sign test)."""
    lost, won = int((leader > scores).sum()), int((scores > leader).sum())
    if lost + won == 0:
        return False
    return bool(binomtest(lost, lost + won, alternative="greater").pvalue < BEHIND)
