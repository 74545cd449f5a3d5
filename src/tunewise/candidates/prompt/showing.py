"""The ways to prompt, and which training examples a way shows with a row.

Given similarities, gives back numbers of pool rows: the nearest, near ones unlike each other, those
that words find as well as meaning, or the same few for all. Knows nothing of prompts or models.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from tunewise.task.settings import Order, PromptSettings, Select

RELEVANCE = 0.5  # weight of nearness to the row; the rest is for being unlike those shown already
NEAR = 10  # times the wanted number: how many of the nearest the diverse ones are picked from
FUSION = 60  # constant of reciprocal rank fusion, as its authors chose it
MOST_COVERED = 2_000  # rows that fixed examples are picked to stand for, by the pool's order


@dataclass(frozen=True, slots=True)
class Way:
    """One way to prompt.

    Attributes:
        shots: training examples shown.
        select, order: which they are, and how they stand.
        passages: looked up in the user's documents and shown.
        think: whether the model is asked to think before it answers.
        instruction: number of the instruction, the user's own being 0.
        draw: number of the random set of fixed examples; 0 for those that stand for all.
    """

    shots: int
    select: Select = "nearest"
    order: Order = "nearest_last"
    passages: int = 0
    think: bool = False
    instruction: int = 0
    draw: int = 0

    @property
    def words(self) -> str:
        """The way in words."""
        which = f"{self.select}, draw {self.draw}" if self.draw else self.select
        parts = [f"{self.shots} shots" + (f" ({which})" if self.shots else "")]
        parts += [f"instruction {self.instruction}"] if self.instruction else []
        parts += [f"{self.passages} passages"] if self.passages else []
        return ", ".join([*parts, "thinking first"] if self.think else parts)


@dataclass(frozen=True, slots=True)
class WayTried:
    """A way and how it did: accuracy, or mean ROUGE-L, on so many validation rows."""

    way: Way
    score: float
    rows: int


def ways_of(settings: PromptSettings, examples: int) -> list[Way]:
    """Return the ways to prompt that a user wants tried, the cheapest first.

    Args:
        settings: of the candidate.
        examples: that there are to show.
    """
    shots = sorted({min(count, examples) for count in settings.shots})
    passages = sorted(set(settings.passages)) if settings.documents else [0]
    found = product(sorted(set(settings.think)), passages, shots, settings.select, settings.order)
    ways = [
        Way(count, select, order, shown, think) if count else Way(0, passages=shown, think=think)
        for think, shown, count, select, order in found
    ]
    return list(dict.fromkeys(ways))


def nearest(similar: np.ndarray, count: int) -> list[int]:
    """Return the rows of the highest similarity, [count]; equals in their order."""
    return [int(n) for n in np.argsort(-similar, kind="stable")[:count]]


def diverse(similar: np.ndarray, embeddings: np.ndarray, count: int) -> list[int]:
    """Return rows that are near and unlike each other, the first picked first.

    Maximal marginal relevance: Carbonell and Goldstein 1998, with both weights equal.

    Args:
        similar: of each row to the text, [rows].
        embeddings: of the rows, of unit length, [rows, hidden].
        count: rows wanted.
    """
    pool = nearest(similar, NEAR * count)
    alike = embeddings[pool] @ embeddings[pool].T  # [pool, pool]
    near = similar[pool]
    picked = [0] if pool else []
    while len(picked) < min(count, len(pool)):
        worth = RELEVANCE * near - (1 - RELEVANCE) * alike[:, picked].max(axis=1)
        worth[picked] = -np.inf
        picked.append(int(worth.argmax()))
    return [pool[n] for n in picked]


def fused(rankings: Sequence[Sequence[int]], count: int) -> list[int]:
    """Return the rows that several rankings agree on, the best first.

    Reciprocal rank fusion: Cormack, Clarke and Buettcher 2009.
    """
    worth: dict[int, float] = {}
    for ranking in rankings:
        for place, row in enumerate(ranking, start=1):
            worth[row] = worth.get(row, 0.0) + 1.0 / (FUSION + place)
    return sorted(worth, key=lambda row: (-worth[row], row))[:count]


def fixed(labels: Sequence[str], embeddings: np.ndarray, count: int) -> list[int]:
    """Return rows that stand for all of them, whatever the text.

    Labels take turns, the most frequent first; of each, the row is next that brings its rows'
    nearest example nearest on the whole (greedy facility location).

    Args:
        labels: of the rows; where answers are texts, all the same.
        embeddings: of the rows, of unit length, [rows, hidden].
        count: rows wanted.
    """
    of_label: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        of_label.setdefault(label, []).append(row)
    turns = sorted(of_label, key=lambda label: (-len(of_label[label]), label))
    ranked = {label: _covering(of_label[label], embeddings, count) for label in turns[:count]}
    found: list[int] = []
    for place in range(count):
        found += [ranked[label][place] for label in ranked if place < len(ranked[label])]
        if len(found) >= count:
            break
    return found[:count]


def drawn(labels: Sequence[str], count: int, draw: int) -> list[int]:
    """Return rows at random, labels in turn; each draw gives others.

    Args:
        labels: of the rows; where answers are texts, all the same.
        count: rows wanted.
        draw: number of the draw.
    """
    chance = random.Random(draw)  # noqa: S311 - no secret hangs on it
    of_label: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        of_label.setdefault(label, []).append(row)
    piles = [chance.sample(rows, len(rows)) for rows in of_label.values()]
    chance.shuffle(piles)
    turns = [pile[place] for place in range(count) for pile in piles if place < len(pile)]
    return turns[:count]


def _covering(rows: Sequence[int], embeddings: np.ndarray, count: int) -> list[int]:
    some = list(rows[:MOST_COVERED])
    alike = embeddings[some] @ embeddings[some].T
    covered = np.full(len(some), -1.0)
    picked: list[int] = []
    while len(picked) < min(count, len(some)):
        gain = np.maximum(alike, covered[None, :]).sum(axis=1)
        gain[picked] = -np.inf
        best = int(gain.argmax())
        picked.append(best)
        covered = np.maximum(covered, alike[best])
    return [some[n] for n in picked]
