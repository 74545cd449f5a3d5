"""Conflicts: the same text with different labels, of which at most one can be right."""

from __future__ import annotations

from tunewise.audit.clusters import clusters, places, quoted
from tunewise.audit.sides import Sides
from tunewise.records import Finding


def conflicts(sides: Sides) -> list[Finding]:
    """Return one finding for all texts that have several labels, whatever side they are on."""
    found = [same for same in clusters(sides.used) if len({row.target for row in same}) > 1]
    if not found:
        return []
    count = sum(len(same) for same in found)
    return [
        Finding(
            check="conflicts",
            severity="warning",
            reason=f"{len(found):,} texts have more than one label ({count:,} rows):"
            f" {quoted(found, with_labels=True)}.",
            mend="Decide on one label for each; no candidate can answer both rightly.",
            rows=places(found),
        )
    ]
