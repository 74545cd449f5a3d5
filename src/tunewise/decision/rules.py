"""Comparisons of the finalists -> which one to use, and which questions are open.

The rules, which docs/verdict.md tells in words. Start from the least laborious. Go on to a more
laborious one only if it is better by the gain asked for and that isn't chance. Stay if it is shown
not to be. What is neither is open. Knows nothing of words, files or families' names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tunewise.evaluation.significance import ALPHA, POWER
from tunewise.records import Comparison

Relation: TypeAlias = Literal["better", "worse", "less", "no more", "open"]
Pair: TypeAlias = tuple[str, str]  # the less laborious, the more laborious

MOST_FURTHER_ROWS = 1_000_000  # more than this is no advice


@dataclass(frozen=True)
class Outcome:
    """Where the rules lead.

    Attributes:
        standing: candidates that nothing speaks against, the least laborious first.
        reached: the one that the rules led to; the only one standing if all is settled.
        questions: pairs of which it is open whether the second is worth its labour.
    """

    standing: tuple[str, ...]
    reached: str
    questions: tuple[Pair, ...]


def relation(comparison: Comparison, gain: float, margin: float | None = None) -> Relation:
    """Return how the more laborious candidate (the challenger) stands to the simpler one.

    Args:
        comparison: of the two.
        gain: by which the challenger must be better.
        margin: by which it must not be shown to be no better, for the simpler one to be as good;
            left out, the gain.

    Returns:
        'better': by at least `gain`, and chance is ruled out (p after Holm below 0.05).
        'worse': and chance is ruled out.
        'less': better, chance is ruled out, but by less than `gain`.
        'no more': the interval ends below `margin`, so a gain as large is ruled out; the simpler
            one isn't inferior.
        'open': none of these.
    """
    difference = comparison.difference
    if comparison.p_adjusted < ALPHA and difference.value != 0:
        if difference.value < 0:
            return "worse"
        return "better" if difference.value >= gain - 1e-12 else "less"
    return "no more" if difference.high < (gain if margin is None else margin) else "open"


def outcome(order: Sequence[str], relations: Mapping[Pair, Relation]) -> Outcome:
    """Return where the rules lead.

    Args:
        order: the finalists, the least laborious first; at least one.
        relations: for every pair of them.
    """
    reached, pending = order[0], list[str]()
    asked_of: dict[str, str] = {}  # pending -> the one from which going on to it was open
    for name in order[1:]:
        found = relations[reached, name]
        if found == "better":
            pending = [p for p in pending if relations[p, name] != "better"]
            reached = name
        elif found == "open":
            asked_of[name] = reached
            pending.append(name)
    place = {name: number for number, name in enumerate(order)}
    questions = []
    for name in pending:
        if place[name] > place[reached]:
            questions.append((reached, name))
        elif relations[name, reached] == "open":
            questions.append((name, reached))
        else:
            questions.append((asked_of[name], name))
    standing = tuple(sorted({reached, *pending}, key=place.__getitem__))
    return Outcome(standing, reached, tuple(questions))


def rows_to_settle(comparison: Comparison, gain: float, undecided: int) -> int | None:
    """Return how many rows in all would probably settle an open comparison.

    It is settled once chance is ruled out for the difference, or the gain is ruled out. If what
    was observed is true, the estimate on n rows is about normal around it; open are the estimates
    between the gain less the interval's half width and what the test would reject. The returned n
    leaves these a probability of at most one in five.

    Args:
        comparison: an open one.
        gain: asked for.
        undecided: comparisons whose p after Holm isn't below 0.05, among which this one is.

    Returns:
        None where no number of rows would, or none that anyone could collect.
    """
    from scipy.special import ndtr, ndtri

    difference, variance = _observed(comparison)
    half = float(ndtri(1 - ALPHA / 2))
    critical = float(ndtri(1 - ALPHA / max(undecided, 1) / 2))

    def settles(rows: int) -> bool:
        error = math.sqrt(variance / rows)
        rejected = critical * error + 1 / rows  # the exact test is later by about one row
        excluded = gain - half * error
        still_open = ndtr((rejected - difference) / error) - ndtr((excluded - difference) / error)
        return float(still_open) <= 1 - POWER

    low, high = comparison.rows, comparison.rows + MOST_FURTHER_ROWS
    if not settles(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settles(middle) else (middle, high)
    return high


def _observed(comparison: Comparison) -> tuple[float, float]:
    """Return the difference, and its variance times the rows.

    For accuracy one row is added on either side, as in Bonett and Price's interval, so that a
    handful of rows doesn't pass for sure knowledge.
    """
    from scipy.special import ndtri

    difference = comparison.difference
    if comparison.metric == "accuracy":
        ours, theirs = comparison.only_challenger + 1, comparison.only_incumbent + 1
        rows = comparison.rows + 2
        return (ours - theirs) / rows, (ours + theirs) / rows
    spread = (difference.high - difference.low) / (2 * float(ndtri(1 - ALPHA / 2)))
    return difference.value, comparison.rows * spread**2
