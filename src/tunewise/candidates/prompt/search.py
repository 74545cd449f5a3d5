"""A bounded search over prompts: successive halving on validation rows.

Given ways to prompt and a budget, tries all on a few rows, keeps the better half for more rows, and
so on; what is spent stays within the budget (Jamieson and Talwalkar 2016, arXiv 1502.07943). The
first way, the plain one, stays to the end, so that a way wins only by beating it. Knows nothing of
prompts, and sees no test row.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tunewise.candidates.prompt.showing import Way, WayTried
from tunewise.errors import CapReached
from tunewise.progress import Progress
from tunewise.task.settings import SearchSettings

LEAST = 8  # rows on which a way is tried at first; fewer tell nothing


class Search:
    """A search that a user wants, ready to be carried out.

    Args:
        settings: its budget, and how many random sets of examples.
        instructions: that there are, the user's own being number 0.
        seed: of which combinations are left out where there are too many.
        progress: gets a line at the start, and one where the budget ends early.
        each: requests that one row takes.
    """

    def __init__(
        self,
        settings: SearchSettings,
        instructions: int,
        seed: int,
        progress: Progress,
        each: int = 1,
    ) -> None:
        self.settings, self.instructions, self.seed = settings, instructions, seed
        self.progress, self.each = progress, each

    def __call__(
        self, ways: Sequence[Way], scores_of: Callable[[Way, int], np.ndarray], rows: int
    ) -> tuple[WayTried, tuple[WayTried, ...]]:
        """Return the best way and all that were tried; see `arms_of` and `halved`."""
        budget = self.settings.requests // self.each
        every = every_way(ways, self.instructions, self.settings.draws)
        arms = arms_of(every, len(ways), budget, self.seed)
        of_all = "" if len(arms) == len(every) else f" of {len(every)}"
        self.progress.line(
            f"Prompt search: {len(arms)}{of_all} ways with {self.instructions} instructions, within"
            f" {self.settings.requests:,} requests."
        )

        def within(way: Way, first: int) -> np.ndarray:
            try:
                return scores_of(way, first)
            except CapReached as reached:
                self.progress.line(f"Prompt search: ended early, since {reached.what}.")
                raise

        return halved(arms, within, rows, budget)


def every_way(ways: Sequence[Way], instructions: int, draws: int) -> list[Way]:
    """Return all ways that there are, those with the user's own instruction and examples first.

    Args:
        ways: with the user's own instruction and chosen examples.
        instructions: that there are, the user's own being number 0.
        draws: random sets of fixed examples, for each number of them.
    """
    sets = [
        replace(way, select="fixed", draw=draw)
        for way in ways
        if way.shots
        for draw in range(1, draws + 1)
    ]
    bases = list(dict.fromkeys([*ways, *sets]))
    return [replace(way, instruction=number) for number in range(instructions) for way in bases]


def arms_of(every: Sequence[Way], own: int, budget: int, seed: int) -> list[Way]:
    """Return the ways to search among, the plain one first, no more than the budget bears.

    The user's own stay where there are too many, then chance decides.

    Args:
        every: way there is, as every_way gives them.
        own: ways that the user named, at the head of `every`.
        budget: requests.
        seed: of which others are left out.
    """
    most = 1
    while most < len(every) and cost_of(most + 1) <= budget:
        most += 1
    others = [*every[own:]]
    random.Random(seed).shuffle(others)  # noqa: S311 - no secret hangs on it
    kept = {*[*every[:own], *others][:most]}
    return [way for way in every if way in kept]


def cost_of(arms: int) -> int:
    """Return the requests that so many ways take at least: LEAST rows for all in every round."""
    return LEAST * arms * rounds_of(arms)


def rounds_of(arms: int) -> int:
    """Return how often so many ways are halved, with the last round for those that are left."""
    return max(1, math.ceil(math.log2(arms)))


def halved(
    arms: Sequence[Way],
    scores_of: Callable[[Way, int], np.ndarray],
    rows: int,
    budget: int,
) -> tuple[WayTried, tuple[WayTried, ...]]:
    """Return the best way and all that were tried.

    Ties go to the way that stands first.

    Args:
        arms: ways to prompt, the plain one first.
        scores_of: gives the scores [rows] of a way on so many of the first rows; rows that were
            asked before cost nothing. It raises CapReached when the money for the search is spent.
        rows: that there are.
        budget: requests.
    """
    left, done = list(arms), 0
    tried: dict[Way, WayTried] = {}
    rounds = rounds_of(len(arms))
    for number in range(rounds):
        share = budget // rounds // len(left)
        done = min(rows, done + max(1, share))
        try:
            for way in left:
                tried[way] = WayTried(way, float(scores_of(way, done).mean()), done)
        except CapReached:
            break
        if number + 1 < rounds:
            ranked = sorted(left, key=lambda way: (-tried[way].score, arms.index(way)))
            kept = {arms[0], *ranked[: math.ceil(len(left) / 2)]}
            left = [way for way in left if way in kept]
    return _best(arms, tried), tuple(tried.values())


def _best(arms: Sequence[Way], tried: dict[Way, WayTried]) -> WayTried:
    """Return the best of the ways that were tried on most rows."""
    if not tried:
        raise CapReached(
            "the budget of the prompt search ended before one way was tried",
            mend="Raise the budget under `search`, or leave it out.",
        )
    most = max(one.rows for one in tried.values())
    finalists = [one for one in tried.values() if one.rows == most]
    return max(finalists, key=lambda one: (one.score, -arms.index(one.way)))
