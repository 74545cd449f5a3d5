"""The texts that the checks of content look at, and how findings speak of their rows.

Given rows on their sides, gives back each text with its row and its part: the input, and where
texts are written rather than labels chosen, the target too. Quotes are masked. Knows nothing of
what a check looks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tunewise.audit.clusters import place
from tunewise.audit.personal_data import quote
from tunewise.audit.sides import Sides
from tunewise.records import Action, Example

Part = Literal["input", "target"]
SHOWN = 3  # rows named in a reason
QUOTED = 60  # characters of a text in a reason


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a row."""

    row: Example
    part: Part
    text: str

    @property
    def action(self) -> Action:
        """What a fix that writes this text anew does."""
        return "rewrite" if self.part == "input" else "relabel"


def writes_texts(sides: Sides) -> bool:
    """Tell whether targets are texts; labels are looked at by other checks."""
    return not sides.dataset.labels


def texts(sides: Sides) -> Iterator[Text]:
    """Yield the texts of all rows on any side."""
    with_targets = writes_texts(sides)
    for row in sides.used:
        yield Text(row, "input", row.input)
        if with_targets:
            yield Text(row, "target", row.target)


def rows_of(found: Iterable[Text]) -> tuple[str, ...]:
    """Return 'file:row' of each row once, in their order."""
    return tuple(dict.fromkeys(place(one.row) for one in found))


def shown(first: Sequence[str], count: int) -> str:
    """Return the first few of `count`, and how many more there are: 'a; b; c; and 9 more'."""
    named = first[:SHOWN]
    more = f"; and {count - len(named):,} more" if count > len(named) else ""
    return "; ".join(named) + more


def quoted(found: Sequence[Text], most: int = QUOTED) -> str:
    """Return the first few texts in words: "'text' (a.csv:3); …", personal data masked."""
    first = [f"'{quote(one.text, most)}' ({place(one.row)})" for one in found[:SHOWN]]
    return shown(first, len(found))


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return '1 row', '2 rows', '1,234 rows'."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
