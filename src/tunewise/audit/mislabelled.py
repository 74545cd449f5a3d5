"""Likely wrong labels: rows whose text speaks for another label than the one they were given.

The encoder's embeddings and the rules of suspicion.py tell how likely each label is wrong. Rows
to learn from and choose on are judged by each other, out of fold. Test rows are judged by those
as well, but teach them nothing and get no fix: to relabel a test row because a model disagrees
with it would favour whatever answers like that model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunewise.audit.clusters import place
from tunewise.audit.embedded import drawn
from tunewise.audit.sides import Sides
from tunewise.data.folds import folds_of
from tunewise.errors import Unreachable, one_line
from tunewise.progress import Progress, showing
from tunewise.records import Example, Finding, Fix

if TYPE_CHECKING:
    from tunewise.audit.suspicion import Floats, Suspicion

LISTED = 0.4  # least probability of being wrong with which a row is listed
SUREST = 0.9  # least probability of the other label with which a fix is proposed
FOLDS = 5
LEAST_TEXTS = 50  # different ones to learn from; fewer can't judge each other
MANY = 15_000  # rows up to which all are looked at
CHARACTERS = 300_000  # of a sample of more rows than that
MOST_CELLS = 2_000_000  # rows times labels that the probe fits in about half a minute
SHOWN = 5
LOW_SHARE = 0.01  # of wrong labels; above it they are a warning


@dataclass(frozen=True)
class Judged:
    """Rows of one kind with what is thought of their labels, and how many of them there are."""

    rows: tuple[Example, ...]
    thought: Suspicion
    there_are: int


def mislabelled(sides: Sides) -> list[Finding]:
    """Return findings on the rows to learn from and choose on, and one on the test rows."""
    labels = sides.dataset.labels
    if len(labels) < 2:
        return []
    learning, test = _sampled(sides)
    if len({row.input for row in learning}) < LEAST_TEXTS:
        return []
    try:
        X = sides.embedded.of([*learning, *test])
    except Unreachable as error:
        return [_not_made(error)]
    learnt, judged = _judged(learning, test, X, labels, sides.progress)
    return [
        *_learning_findings(Judged(learning, learnt, len(sides.learning)), labels),
        *_test_findings(Judged(test, judged, len(sides.test)), labels),
    ]


def _sampled(sides: Sides) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Return the rows to look at: all, or of very many those with the lowest lots."""
    most = MOST_CELLS // len(sides.dataset.labels)
    rows = sides.used
    if len(rows) <= min(MANY, most):
        return sides.learning, sides.test
    left = CHARACTERS if len(rows) > MANY else sum(len(row.input) for row in rows)
    chosen: set[str] = set()
    for row in drawn(rows):
        left -= len(row.input)
        if left < 0 or len(chosen) == min(MANY, most):
            break
        chosen.add(row.id)
    return (
        tuple(row for row in sides.learning if row.id in chosen),
        tuple(row for row in sides.test if row.id in chosen),
    )


def _judged(
    learning: Sequence[Example],
    test: Sequence[Example],
    X: Floats,
    labels: Sequence[str],
    progress: Progress,
) -> tuple[Suspicion, Suspicion]:
    """Return what is thought of the labels of the rows to learn from, and of the test rows."""
    import numpy as np

    from tunewise.audit.suspicion import steps, suspicion

    number = {label: n for n, label in enumerate(labels)}
    y = np.array([number[row.target] for row in (*learning, *test)], dtype=np.int64)
    cut = len(learning)
    folds = np.array(folds_of(learning, FOLDS), dtype=np.int64)
    with showing(progress, "Judging labels", steps(folds), "steps") as bar:
        found, judge = suspicion(X[:cut], y[:cut], len(labels), folds, bar.advance)
    return found, judge.of(X[cut:], y[cut:])


def _learning_findings(judged: Judged, labels: Sequence[str]) -> list[Finding]:
    """Return one finding on the surest rows, with fixes, and one on those worth a look."""
    order = _worst_first(judged.thought)
    sure = [n for n in order if judged.thought.sureness[n] >= SUREST]
    rest = [n for n in order if judged.thought.sureness[n] < SUREST]
    share = float(judged.thought.wrong.sum()) / max(1, int(judged.thought.judged.sum()))
    of = f"of the {_of_how_many(judged)} rows to learn from and choose on"
    findings = []
    if sure:
        findings.append(
            Finding(
                check="mislabelled",
                severity="warning",
                reason=f"{len(sure):,} {of} have a label that is almost surely wrong (another is"
                f" at least {SUREST:.0%} probable): {_named(sure, judged, labels)}. By this"
                f" estimate about {_percent(share)} of all their labels are wrong.",
                mend="Look at them and relabel or delete the wrong ones; a relabelling is"
                " proposed for each.",
                rows=_places(sure, judged),
                fixes=tuple(_fix(n, judged, labels) for n in sure),
            )
        )
    if rest:
        findings.append(
            Finding(
                check="mislabelled",
                severity="warning" if share > LOW_SHARE else "note",
                reason=f"{len(rest):,} {of} may have a wrong label (at least {LISTED:.0%}"
                f" probable, no other label {SUREST:.0%}): {_named(rest, judged, labels)}.",
                mend="Look at them, the likeliest first; where many rows of two labels are here,"
                " the labels may overlap.",
                rows=_places(rest, judged),
            )
        )
    return findings


def _test_findings(judged: Judged, labels: Sequence[str]) -> list[Finding]:
    order = _worst_first(judged.thought)
    if not order:
        return []
    likely = float(judged.thought.wrong.sum())
    share = likely / max(1, int(judged.thought.judged.sum()))
    return [
        Finding(
            check="mislabelled",
            severity="warning" if share > LOW_SHARE else "note",
            reason=f"{len(order):,} of the {_of_how_many(judged)} test rows may have a wrong label"
            f" (at least {LISTED:.0%} probable): {_named(order, judged, labels)}. By this estimate"
            f" about {_percent(share)} of the test labels are wrong; right answers to such rows"
            " are counted as errors.",
            mend="Have a person who doesn't see the suggestions label them anew. None is proposed"
            " as a fix: test rows corrected towards a model's answers favour models like it. They"
            " taught the check nothing and nothing is chosen by them, so this counts as no look at"
            " the test set.",
            rows=_places(order, judged),
        )
    ]


def _worst_first(thought: Suspicion) -> list[int]:
    """Return the numbers of the rows to list, the likeliest wrong first."""
    listed = [n for n in range(len(thought.wrong)) if thought.wrong[n] >= LISTED]
    return sorted(listed, key=lambda n: (-thought.wrong[n], n))


def _named(found: Sequence[int], judged: Judged, labels: Sequence[str]) -> str:
    """Return the first rows in words: "a.csv:3 'card' looks like 'cash' (97%)"."""
    words = []
    for n in found[:SHOWN]:
        row, other = judged.rows[n], labels[int(judged.thought.suggested[n])]
        words.append(
            f"{place(row)} '{one_line(row.target, 40)}' looks like '{one_line(other, 40)}'"
            f" ({_percent(float(judged.thought.sureness[n]))})"
        )
    more = f"; and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return "; ".join(words) + more


def _fix(n: int, judged: Judged, labels: Sequence[str]) -> Fix:
    row, other = judged.rows[n], labels[int(judged.thought.suggested[n])]
    sure = _percent(float(judged.thought.sureness[n]))
    return Fix(
        row=place(row),
        action="relabel",
        value=other,
        reason=f"'{one_line(other, 40)}' is {sure} probable for this text, '"
        f"{one_line(row.target, 40)}' {_percent(float(1 - judged.thought.wrong[n]))}",
    )


def _places(found: Sequence[int], judged: Judged) -> tuple[str, ...]:
    return tuple(place(judged.rows[n]) for n in found)


def _of_how_many(judged: Judged) -> str:
    """Return '5,000', or '1,600 looked at (drawn by hash from 100,000)'."""
    if len(judged.rows) == judged.there_are:
        return f"{judged.there_are:,}"
    return f"{len(judged.rows):,} looked at (drawn by hash from {judged.there_are:,})"


def _percent(share: float) -> str:
    """Return a share in words that never make a little nothing or almost all of it all."""
    if 0 < share < 0.005:
        return "under 0.1%" if share < 0.0005 else f"{share:.1%}"
    return "over 99%" if 0.995 <= share < 1 else f"{share:.0%}"


def _not_made(error: Unreachable) -> Finding:
    return Finding(
        check="mislabelled",
        severity="note",
        reason=f"Labels weren't checked, as the encoder couldn't be fetched: {error.what}.",
        mend=error.mend or "Try again with a connection.",
    )
