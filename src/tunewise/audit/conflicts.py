"""Conflicts: the same text, or nearly the same, with different targets: only one can be right."""

from __future__ import annotations

from tunewise.audit.clusters import Pair, clusters, near_pairs, places, quoted, quoted_pairs
from tunewise.audit.sides import Sides
from tunewise.data.copies import told
from tunewise.records import Example, Finding


def conflicts(sides: Sides) -> list[Finding]:
    """Return a finding on texts with several targets, and one on near copies, whatever the side."""
    return [*_same(sides), *_near(sides)]


def _same(sides: Sides) -> list[Finding]:
    found = [
        same
        for same in clusters(sides.used, told_alike=True)
        if len({row.target for row in same}) > 1
    ]
    if not found:
        return []
    count = sum(len(same) for same in found)
    written = not sides.dataset.labels
    return [
        Finding(
            check="conflicts",
            severity="note" if written else "warning",
            reason=f"{len(found):,} texts have more than one {sides.target_word} ({count:,} rows):"
            f" {quoted(found, with_labels=True)}.",
            mend="Keep the better answer of each, unless several are right."
            if written
            else "Decide on one label for each; no candidate can answer both rightly.",
            rows=places(found),
        )
    ]


def _near(sides: Sides) -> list[Finding]:
    found: dict[frozenset[str], Pair] = {}
    for cluster in sides.near:
        if len({row.target for row in cluster}) > 1:
            for pair in near_pairs(cluster, cluster, _differ):
                found.setdefault(frozenset(row.id for row in pair), pair)
    if not found:
        return []
    pairs = list(found.values())
    every = places(pairs)
    written = not sides.dataset.labels
    return [
        Finding(
            check="near_conflicts",
            severity="note" if written else "warning",
            reason=f"{len(every):,} rows have nearly the text of another and a different"
            f" {sides.target_word}: {quoted_pairs(pairs, with_labels=True)}.",
            mend="Look whether both answers are right; what differs in the texts may be the reason."
            if written
            else "Look whether what differs decides the label; where it doesn't, decide on one.",
            rows=every,
        )
    ]


def _differ(row: Example, other: Example) -> bool:
    """Whether two rows are answered differently by the same system prompt."""
    return row.target != other.target and told(row) == told(other)
