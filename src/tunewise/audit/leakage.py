"""Leakage: texts or groups that were learnt from or chosen on, and are judged on as well."""

from __future__ import annotations

from tunewise.audit.clusters import clusters, place, places, quoted
from tunewise.audit.sides import Sides
from tunewise.records import Example, Finding, Severity

TOO_MUCH = 0.01  # share of leaked test rows above which the verdict itself is in doubt


def leakage(sides: Sides) -> list[Finding]:
    """Return findings on texts, and on groups, that stand on both sides."""
    return [*_texts(sides), *_groups(sides)]


def _texts(sides: Sides) -> list[Finding]:
    test = {row.id for row in sides.test}
    found = [
        same for same in clusters(sides.used) if 0 < sum(row.id in test for row in same) < len(same)
    ]
    if not found:
        return []
    leaked = sum(row.id in test for same in found for row in same)
    return [
        Finding(
            check="leakage",
            severity=_severity(leaked, sides),
            reason=f"{leaked:,} of the {len(sides.test):,} test rows have a text that also stands"
            f" in train or validation: {quoted(found)}.",
            mend="Delete them from test; what was learnt by heart is no evidence.",
            rows=places(found),
        )
    ]


def _groups(sides: Sides) -> list[Finding]:
    learnt = {row.group for row in sides.learning if row.group is not None}
    found: list[Example] = [row for row in sides.test if row.group in learnt]
    if not found:
        return []
    names = sorted({str(row.group) for row in found})
    return [
        Finding(
            check="leakage",
            severity=_severity(len(found), sides),
            reason=f"{len(found):,} of the {len(sides.test):,} test rows belong to a group that is"
            f" also learnt from, such as '{names[0]}'.",
            mend="Move each group to one file, or leave out data.test to have it done.",
            rows=tuple(place(row) for row in found),
        )
    ]


def _severity(leaked: int, sides: Sides) -> Severity:
    return "error" if leaked > TOO_MUCH * len(sides.test) else "warning"
