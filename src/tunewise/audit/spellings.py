"""Spellings: labels that differ only in case, spaces or punctuation, probably one label."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from tunewise.audit.clusters import place
from tunewise.audit.sides import Sides
from tunewise.data.identity import normalised
from tunewise.records import Finding


def spellings(sides: Sides) -> list[Finding]:
    """Return one finding per set of labels that look like one; rows are those of the rarer ones."""
    alike: dict[str, list[str]] = defaultdict(list)
    for label in sides.dataset.labels:
        bare = re.sub(r"[\W_]+", "", normalised(label))
        alike[bare or label].append(label)
    counts = Counter(row.target for row in sides.used)
    findings = []
    for labels in alike.values():
        if len(labels) < 2:
            continue
        most, *rarer = sorted(labels, key=lambda label: (-counts[label], label))
        named = ", ".join(f"'{label}' ({counts[label]:,} rows)" for label in (most, *rarer))
        findings.append(
            Finding(
                check="spellings",
                severity="warning",
                reason=f"These labels differ only in case, spaces or punctuation: {named}.",
                mend=f"If they are one, write all as '{most}'.",
                rows=tuple(place(row) for row in sides.used if row.target in rarer),
            )
        )
    return findings
