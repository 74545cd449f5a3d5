"""Copies: the same text, or nearly the same, with the same target, twice on one side."""

from __future__ import annotations

from collections.abc import Sequence

from tunewise.audit.clusters import Pair, clusters, near_pairs, place, places, quoted, quoted_pairs
from tunewise.audit.sides import Sides
from tunewise.data.copies import told
from tunewise.records import Example, Finding, Fix, Severity

MANY = 0.01  # share of rows above which copies cost quality


def duplicates(sides: Sides) -> list[Finding]:
    """Return findings for train with validation and for test: one on copies, one on near copies."""
    return [
        finding
        for name, rows in (("train and validation", sides.learning), ("test", sides.test))
        for finding in (*_copies(name, rows, sides), *_near(name, rows, sides))
    ]


def _copies(name: str, rows: Sequence[Example], sides: Sides) -> list[Finding]:
    found = [
        same for same in clusters(rows, told_alike=True) if len({row.target for row in same}) == 1
    ]
    if not found:
        return []
    extra = sum(len(same) - 1 for same in found)
    return [
        Finding(
            check="duplicates",
            severity=_severity(extra, rows),
            reason=f"{extra:,} of the {len(rows):,} rows of {name} repeat another row's text"
            f" and {sides.target_word}: {quoted(found)}.",
            mend="Keep one of each; a copy counts double without teaching or proving more.",
            rows=places(found),
            fixes=tuple(
                Fix(place(row), "delete", None, f"repeats {place(same[0])}")
                for same in found
                for row in same[1:]
            ),
        )
    ]


def _near(name: str, rows: Sequence[Example], sides: Sides) -> list[Finding]:
    side = {row.id for row in rows}
    found: dict[frozenset[str], Pair] = {}
    for cluster in sides.near:
        here = [row for row in cluster if row.id in side]
        for pair in near_pairs(here, here, _agree):
            found.setdefault(frozenset(row.id for row in pair), pair)
    if not found:
        return []
    pairs = list(found.values())
    every = places(pairs)
    return [
        Finding(
            check="near_duplicates",
            severity=_severity(len(every) / 2, rows),
            reason=f"{len(every):,} of the {len(rows):,} rows of {name} have nearly the text of"
            f" another, with the same {sides.target_word}: {quoted_pairs(pairs)}.",
            mend="Keep one of each unless the difference matters; near copies count nearly double.",
            rows=every,
        )
    ]


def _agree(row: Example, other: Example) -> bool:
    """Whether two rows are answered alike by the same system prompt."""
    return row.target == other.target and told(row) == told(other)


def _severity(extra: float, rows: Sequence[Example]) -> Severity:
    return "warning" if extra > MANY * len(rows) else "note"
