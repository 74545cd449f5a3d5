"""Copies: the same text with the same label, twice on one side of the split."""

from __future__ import annotations

from tunewise.audit.clusters import clusters, places, quoted
from tunewise.audit.sides import Sides
from tunewise.records import Finding


def duplicates(sides: Sides) -> list[Finding]:
    """Return one finding for train with validation, and one for test."""
    findings = []
    for name, rows in (("train and validation", sides.learning), ("test", sides.test)):
        found = [same for same in clusters(rows) if len({row.target for row in same}) == 1]
        if not found:
            continue
        extra = sum(len(same) - 1 for same in found)
        findings.append(
            Finding(
                check="duplicates",
                severity="warning" if extra > len(rows) / 100 else "note",
                reason=f"{extra:,} of the {len(rows):,} rows of {name} repeat another row's text"
                f" and label: {quoted(found)}.",
                mend="Keep one of each; a copy counts double without teaching or proving more.",
                rows=places(found),
            )
        )
    return findings
