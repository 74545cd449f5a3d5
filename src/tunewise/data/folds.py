"""Rows -> folds, so that each can be judged by rows that aren't it in other words.

Rows with the same text (small differences removed) or the same group share a fold, in chains. A
fold follows from a hash of the content, so rows that are added later move no row to another fold
unless they tie two units together. Knows nothing of what the folds are for.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewise.data.copies import asked
from tunewise.data.identity import lot, normalised
from tunewise.records import Example

Key = tuple[str, str]  # ("text", normalised) or ("group", its value)


def folds_of(rows: Sequence[Example], count: int, seed: int = 0) -> list[int]:
    """Return the number of each row's fold, from 0 up to but not including `count`."""
    names = _units(rows)
    drawn = {name: int(count * lot("fold", seed, *name)) for name in set(names)}
    return [drawn[name] for name in names]


def _units(rows: Sequence[Example]) -> list[Key]:
    """Return the unit of each row, named by the smallest of its keys."""
    parent: dict[Key, Key] = {}

    def root(key: Key) -> Key:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    keys: list[Key] = [("text", normalised(asked(row))) for row in rows]
    for row, text in zip(rows, keys, strict=True):
        if row.group is not None:
            one, other = sorted((root(text), root(("group", row.group))))
            parent[other] = one
    return [root(key) for key in keys]
