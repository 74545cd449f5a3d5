"""Rows that were left out on reading, so that every one of them is counted and listed."""

from __future__ import annotations

from collections import defaultdict

from tunewise.audit.sides import Sides
from tunewise.records import Finding, LeftOut


def left_out(sides: Sides) -> list[Finding]:
    """Return one finding per reason for leaving rows out."""
    by_reason: dict[str, list[LeftOut]] = defaultdict(list)
    for row in sides.dataset.left_out:
        by_reason[row.reason].append(row)
    return [
        Finding(
            check="left_out",
            severity="note",
            reason=f"{len(rows):,} rows were left out: {reason}.",
            mend="Delete them or fill them in.",
            rows=tuple(f"{row.source}:{row.row}" for row in rows),
        )
        for reason, rows in by_reason.items()
    ]
