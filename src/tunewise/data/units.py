"""Rows -> units: what must stay on one side of a split together.

Rows of one group, rows with the same text and rows whose texts are near copies are one unit, and
so on in a chain. Rows that are added can only merge units, never part them. Knows nothing of sides.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewise.data.copies import compared
from tunewise.data.near import near_texts
from tunewise.data.ties import Key, Ties
from tunewise.records import Example


def atom_of(row: Example) -> Key:
    """Return what is drawn: ("group", its value), or of rows without a group their text."""
    if row.group is not None:
        return ("group", row.group)
    return text_of(row)


def text_of(row: Example) -> Key:
    """Return the key of what a row asks: ("text", normalised)."""
    return ("text", compared(row))


def units_of(rows: Sequence[Example]) -> dict[Key, Key]:
    """Return the unit of every atom and text, named by one of its keys."""
    ties = Ties()
    for row in rows:
        ties.tie(atom_of(row), text_of(row))
    for same in near_texts(text for _, text in map(text_of, rows)):
        for text in same[1:]:
            ties.tie(("text", text), ("text", same[0]))
    return ties.groups()
