"""Lengths: texts far longer or far shorter than the others, often a slip of an export."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from tunewise.audit.clusters import place
from tunewise.audit.masking import excerpt
from tunewise.audit.sides import Sides
from tunewise.errors import one_line
from tunewise.records import Example, Finding

FAR = 5.0  # robust standard deviations of the logarithm of the length
LEAST_SPREAD = (
    0.35  # of the logarithm: below it, texts of one and a half times the length are usual
)
SHOWN = 3


def lengths(sides: Sides) -> list[Finding]:
    """Return a finding on very long texts and one on very short ones.

    Far is told by the median and the median absolute deviation of log characters (Iglewicz and
    Hoaglin 1993, modified z-scores), which the outliers themselves don't shift.
    """
    rows = sides.used
    logs = [math.log(len(row.input.strip()) or 1) for row in rows]
    middle = statistics.median(logs)
    spread = 1.4826 * statistics.median(abs(value - middle) for value in logs)
    spread = max(spread, LEAST_SPREAD)
    scores = [(value - middle) / spread for value in logs]
    usual = round(math.exp(middle))
    long = [row for row, score in zip(rows, scores, strict=True) if score > FAR]
    short = [
        row
        for row, score in zip(rows, scores, strict=True)
        if score < -FAR or not any(c.isalnum() for c in row.input)
    ]
    return [
        *_finding(long, "longer", usual, "Look whether several texts ran into one, or cut them."),
        *_finding(short, "shorter", usual, "Look whether the text is whole, or delete the rows."),
    ]


def _finding(rows: Sequence[Example], how: str, usual: int, mend: str) -> list[Finding]:
    if not rows:
        return []
    shown = "; ".join(
        f"{place(row)} ({len(row.input):,}: '{one_line(excerpt(row.input, 40), 41)}')"
        for row in rows[:SHOWN]
    )
    more = f"; and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
    return [
        Finding(
            check="lengths",
            severity="note",
            reason=f"{len(rows):,} texts are far {how} than the usual {usual:,} characters, or"
            f" hold no letter: {shown}{more}."
            if how == "shorter"
            else f"{len(rows):,} texts are far {how} than the usual {usual:,} characters:"
            f" {shown}{more}.",
            mend=mend,
            rows=tuple(place(row) for row in rows),
        )
    ]
