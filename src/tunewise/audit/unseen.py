"""Unseen labels: to be answered in validation or test, but never met in train."""

from __future__ import annotations

from tunewise.audit.clusters import place
from tunewise.audit.sides import Sides
from tunewise.records import Finding

NAMED = 8


def unseen(sides: Sides) -> list[Finding]:
    """Return a finding for validation and one for test; none where there are no labels."""
    if not sides.dataset.labels:
        return []
    known = {row.target for row in sides.train}
    findings = []
    for name, rows in (("validation", sides.validation), ("test", sides.test)):
        found = [row for row in rows if row.target not in known]
        if not found:
            continue
        labels = sorted({row.target for row in found})
        named = ", ".join(f"'{label}'" for label in labels[:NAMED])
        more = f" and {len(labels) - NAMED:,} more" if len(labels) > NAMED else ""
        findings.append(
            Finding(
                check="unseen",
                severity="warning",
                reason=f"{len(found):,} of the {len(rows):,} {name} rows have a label that no"
                f" training row has: {named}{more}. Of those labels candidates have names alone"
                " to learn from, if that.",
                mend="Label rows of them for training, or raise data.train_rows.",
                rows=tuple(place(row) for row in found),
            )
        )
    return findings
