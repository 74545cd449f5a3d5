"""Spellings: labels that differ only in case, spaces or punctuation, probably one label."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from tunewise.audit.clusters import place
from tunewise.audit.sides import Sides
from tunewise.data.identity import normalised
from tunewise.records import Finding, Fix

RARER = 0.25  # times the rows of the most frequent spelling, up to which another is a slip
JOINTS = re.compile(r"[\s_.,;:!'’`\"/\\()-]+")  # signs that carry no meaning, unlike + or #


def spellings(sides: Sides) -> list[Finding]:
    """Return one finding per set of labels that look like one; rows are those of the rarer ones.

    Relabelling is proposed where a spelling is much rarer than another and no sign such as '+'
    tells them apart ('C' and 'C++' may well be two labels).
    """
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
        wrong = [row for row in sides.used if row.target in rarer]
        findings.append(
            Finding(
                check="spellings",
                severity="warning",
                reason=f"These labels differ only in case, spaces or punctuation: {named}.",
                mend=f"If they are one, write all as '{most}'.",
                rows=tuple(place(row) for row in wrong),
                fixes=tuple(
                    Fix(
                        place(row), "relabel", most, f"'{row.target}' is '{most}' spelled otherwise"
                    )
                    for row in wrong
                    if _is_slip(row.target, most, counts)
                ),
            )
        )
    return findings


def _is_slip(label: str, most: str, counts: Counter[str]) -> bool:
    return counts[label] <= RARER * counts[most] and _same_but_joints(label, most)


def _same_but_joints(one: str, other: str) -> bool:
    return JOINTS.sub("", normalised(one)) == JOINTS.sub("", normalised(other))
