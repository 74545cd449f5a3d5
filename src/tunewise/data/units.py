"""Rows -> units: what must stay on one side of a split together.

Rows of one group, rows with the same text and rows whose texts are near copies are one unit, and
so on in a chain. Rows that are added can only merge units, never part them. Knows nothing of sides.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewise.data.copies import asked
from tunewise.data.identity import normalised
from tunewise.data.near import near_texts
from tunewise.records import Example

Key = tuple[str, str]  # of an atom: ("group", its value) or ("text", normalised)


def atom_of(row: Example) -> Key:
    """Return what is drawn: one group, or one text of rows without a group."""
    if row.group is not None:
        return ("group", row.group)
    return text_of(row)


def text_of(row: Example) -> Key:
    """Return the key of what a row asks."""
    return ("text", normalised(asked(row)))


def units_of(rows: Sequence[Example]) -> dict[Key, Key]:
    """Return the unit of every atom and text, named by one of its keys."""
    parent: dict[Key, Key] = {}

    def root(key: Key) -> Key:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for row in rows:
        parent[root(atom_of(row))] = root(text_of(row))
    for same in near_texts(text for _, text in map(text_of, rows)):
        for text in same[1:]:
            parent[root(("text", text))] = root(("text", same[0]))
    return {key: root(key) for key in list(parent)}
