"""Leakage: texts, near copies or groups both learnt from (or chosen on) and judged on."""

from __future__ import annotations

from tunewise.audit.clusters import Pair, clusters, near_pairs, place, places, quoted, quoted_pairs
from tunewise.audit.sides import Sides
from tunewise.data.copies import compared
from tunewise.records import Example, Finding, Fix, Severity

TOO_MUCH = 0.01  # share of leaked test rows above which the verdict itself is in doubt


def leakage(sides: Sides) -> list[Finding]:
    """Return findings on texts, near copies and groups that stand on both sides."""
    return [*_texts(sides), *_near(sides), *_groups(sides)]


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
            mend="Delete them from train or validation, so that the test rows stay as they are;"
            " what was learnt by heart is no evidence.",
            rows=places(found),
            fixes=tuple(
                Fix(place(row), "delete", None, f"its text stands in test too: {judged}")
                for same in found
                for judged in [place(next(row for row in same if row.id in test))]
                for row in same
                if row.id not in test
            ),
        )
    ]


def _near(sides: Sides) -> list[Finding]:
    test = {row.id for row in sides.test}
    copied = {compared(row) for row in sides.learning}
    pairs: list[Pair] = []
    for cluster in sides.near:
        learnt = [row for row in cluster if row.id not in test]
        judged = [row for row in cluster if row.id in test and compared(row) not in copied]
        pairs += [(other, row) for row, other in near_pairs(judged, learnt, lambda *_: True)]
    if not pairs:
        return []
    return [
        Finding(
            check="near_leakage",
            severity="warning",
            reason=f"{len(pairs):,} of the {len(sides.test):,} test rows have nearly the text of a"
            f" row in train or validation: {quoted_pairs(pairs)}.",
            mend="Delete the rows in train or validation that say the same; answers to their copies"
            " prove little.",
            rows=places(pairs),
            fixes=tuple(
                {
                    learnt.id: Fix(
                        place(learnt), "delete", None, f"nearly the text of {place(judged)} in test"
                    )
                    for learnt, judged in pairs
                }.values()
            ),
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
