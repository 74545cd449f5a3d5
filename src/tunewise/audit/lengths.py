"""Lengths: texts far longer or far shorter than the others, often a slip of an export.

Looked at are inputs and, where texts are written, targets by themselves and for their input's
length: an answer of two words is odd after a page of text, where the others have a paragraph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from tunewise.audit.clusters import place
from tunewise.audit.personal_data import quote
from tunewise.audit.sides import Sides
from tunewise.audit.texts import SHOWN, writes_texts
from tunewise.records import Example, Finding

if TYPE_CHECKING:
    import numpy as np

FAR = 5.0  # robust standard deviations of the logarithm of the length
LEAST_SPREAD = (
    0.35  # of the logarithm: below it, texts of one and a half times the length are usual
)
ENOUGH = 20  # rows from which the length of an answer is told by that of its input
QUOTED = 40  # characters of a text in a reason
How = Literal["longer", "shorter"]
MENDS: dict[How, str] = {
    "longer": "Look whether several texts ran into one, or cut them.",
    "shorter": "Look whether the text is whole, or delete the rows.",
}


def lengths(sides: Sides) -> list[Finding]:
    """Return findings on very long and very short inputs, and targets where they are texts.

    Far is told by the median and the median absolute deviation of log characters (Iglewicz and
    Hoaglin 1993, modified z-scores), which the outliers themselves don't shift.
    """
    rows = sides.used
    found = _alone(rows, [row.input for row in rows], "texts")
    if writes_texts(sides):
        found += _alone(rows, [row.target for row in rows], "targets")
        found += _for_input(rows)
    return found


def _logs(texts: Sequence[str]) -> np.ndarray:
    import numpy as np

    return np.log([len(text.strip()) or 1 for text in texts])


def _scores(values: np.ndarray) -> np.ndarray:
    """Return by how many robust standard deviations each value lies above the median."""
    import numpy as np

    off = values - np.median(values)
    spread = 1.4826 * float(np.median(np.abs(off)))
    scores: np.ndarray = off / max(spread, LEAST_SPREAD)
    return scores


def _alone(rows: Sequence[Example], texts: Sequence[str], what: str) -> list[Finding]:
    """Return findings on texts that are long or short by themselves."""
    import numpy as np

    logs = _logs(texts)
    scores = _scores(logs)
    usual = f"the usual {round(float(np.exp(np.median(logs)))):,} characters"
    long = [at for at in range(len(rows)) if scores[at] > FAR]
    short = [
        at
        for at in range(len(rows))
        if scores[at] < -FAR or not any(c.isalnum() for c in texts[at])
    ]
    return [
        *_finding(rows, texts, long, f"{what} are far longer than {usual}", "longer"),
        *_finding(
            rows, texts, short, f"{what} are far shorter than {usual}, or hold no letter", "shorter"
        ),
    ]


def _for_input(rows: Sequence[Example]) -> list[Finding]:
    """Return findings on targets that are long or short for their input's length.

    What is usual is a straight line through log characters of targets over those of inputs; the
    distance from it is scored as lengths are.
    """
    import numpy as np

    if len(rows) < ENOUGH:
        return []
    inputs, targets = _logs([row.input for row in rows]), _logs([row.target for row in rows])
    alone = _scores(targets)
    if float(np.ptp(inputs)) > 0:
        targets = targets - np.polyval(np.polyfit(inputs, targets, 1), inputs)
    scores = _scores(targets)
    texts = [row.target for row in rows]
    # Those that are odd by themselves have been told.
    long = [at for at in range(len(rows)) if scores[at] > FAR >= alone[at]]
    short = [at for at in range(len(rows)) if scores[at] < -FAR <= alone[at]]
    what = "for the length of their input, given how long the others' are"
    return [
        *_finding(rows, texts, long, f"targets are far longer than usual {what}", "longer"),
        *_finding(rows, texts, short, f"targets are far shorter than usual {what}", "shorter"),
    ]


def _finding(
    rows: Sequence[Example], texts: Sequence[str], found: Sequence[int], what: str, how: How
) -> list[Finding]:
    if not found:
        return []
    shown = "; ".join(
        f"{place(rows[at])} ({len(texts[at]):,}: '{quote(texts[at][:2000], QUOTED)}')"
        for at in found[:SHOWN]
    )
    more = f"; and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return [
        Finding(
            check="lengths",
            severity="note",
            reason=f"{len(found):,} {what}: {shown}{more}.",
            mend=MENDS[how],
            rows=tuple(place(rows[at]) for at in found),
        )
    ]
