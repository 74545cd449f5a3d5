"""Rows that have the same text, small differences removed. The checks on copies share this."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from tunewise.audit.masking import excerpt
from tunewise.data.identity import normalised
from tunewise.errors import one_line
from tunewise.records import Example

QUOTED = 60  # characters of a text in a reason
SHOWN = 3  # clusters named in a reason


def clusters(rows: Iterable[Example]) -> list[list[Example]]:
    """Return the rows with equal normalised texts, two or more each, in the order of the first."""
    found: dict[str, list[Example]] = defaultdict(list)
    for row in rows:
        found[normalised(row.input)].append(row)
    return [same for same in found.values() if len(same) > 1]


def place(row: Example) -> str:
    """Return 'file:row'."""
    return f"{row.source}:{row.row}"


def places(found: Iterable[Sequence[Example]]) -> tuple[str, ...]:
    """Return 'file:row' of all rows, cluster after cluster."""
    return tuple(place(row) for same in found for row in same)


def quoted(found: Sequence[Sequence[Example]], *, with_labels: bool = False) -> str:
    """Return the first clusters' texts in words: "'text' (a.csv:3, a.csv:9)"."""
    words = []
    for same in found[:SHOWN]:
        rows = ", ".join(
            place(row) + (f" as '{row.target}'" if with_labels else "") for row in same[:SHOWN]
        )
        more = f" and {len(same) - SHOWN:,} more" if len(same) > SHOWN else ""
        words.append(f"'{one_line(excerpt(same[0].input, QUOTED), QUOTED + 1)}' ({rows}{more})")
    rest = f"; and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return "; ".join(words) + rest
