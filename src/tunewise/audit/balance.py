"""Balance: labels with few rows to learn from, and labels that crowd out the others."""

from __future__ import annotations

import statistics
from collections import Counter

from tunewise.audit.clusters import place
from tunewise.audit.sides import Sides
from tunewise.records import Finding

FEW = 5  # training rows below which a label is rare
CROWDING = 20  # times the median label
NAMED = 8  # labels named in a reason


def balance(sides: Sides) -> list[Finding]:
    """Return a finding on rare labels and one on those far more frequent; none without labels."""
    if not sides.dataset.labels:
        return []
    counts = Counter(row.target for row in sides.train)
    return [*_rare(sides, counts), *_crowding(counts)]


def _rare(sides: Sides, counts: Counter[str]) -> list[Finding]:
    rare = sorted((label for label in counts if counts[label] < FEW), key=lambda s: (counts[s], s))
    if not rare:
        return []
    named = ", ".join(f"'{label}' ({counts[label]})" for label in rare[:NAMED])
    more = f" and {len(rare) - NAMED:,} more" if len(rare) > NAMED else ""
    return [
        Finding(
            check="balance",
            severity="warning",
            reason=f"{len(rare):,} of {len(counts):,} labels have fewer than {FEW} training rows:"
            f" {named}{more}.",
            mend="Label more rows of them, or merge them into others.",
            rows=tuple(place(row) for row in sides.train if row.target in set(rare)),
        )
    ]


def _crowding(counts: Counter[str]) -> list[Finding]:
    middle = statistics.median(counts.values())
    many = [label for label, count in counts.most_common() if count > CROWDING * middle]
    share = max(counts.values()) / counts.total()
    if not many and (share <= 0.9 or len(counts) < 2):
        return []
    label, count = counts.most_common(1)[0]
    return [
        Finding(
            check="balance",
            severity="note",
            reason=f"The label '{label}' has {count:,} of the {counts.total():,} training rows"
            f" ({share:.0%}), the median label {middle:,.0f}.",
            mend="Look at macro F1 beside accuracy: always answering the frequent label already"
            " looks good in the latter.",
        )
    ]
