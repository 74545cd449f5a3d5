"""Rows -> folds, so that each can be judged by rows that aren't it in other words.

Rows with the same text (small differences removed) or the same group share a fold, in chains. A
fold follows from a hash of the content, so rows that are added later move no row to another fold
unless they tie two units together. Knows nothing of what the folds are for.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewise.data.identity import lot
from tunewise.data.ties import Key, Ties
from tunewise.data.units import atom_of, text_of
from tunewise.records import Example


def folds_of(rows: Sequence[Example], count: int, seed: int = 0) -> list[int]:
    """Return the number of each row's fold, from 0 up to but not including `count`."""
    names = _units(rows)
    drawn = {name: int(count * lot("fold", seed, *name)) for name in set(names)}
    return [drawn[name] for name in names]


def _units(rows: Sequence[Example]) -> list[Key]:
    """Return the unit of each row, named by the smallest of its keys."""
    ties = Ties()
    for row in rows:
        ties.tie(atom_of(row), text_of(row))
    return [ties.root(text_of(row)) for row in rows]
