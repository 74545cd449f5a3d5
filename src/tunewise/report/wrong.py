"""The leader's mistakes as rows of a table that one can filter and sort, and its slices.

For labels every wrong answer; for written answers the rows with the lowest scores. Knows nothing of
how they are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewise.evaluation.slices import slices
from tunewise.evaluation.texts import PLAIN_METRIC, Asked, row_scores
from tunewise.records import Example, Slice
from tunewise.report.gather import Evidence, Judged

MOST_ROWS = 500


@dataclass(frozen=True)
class Mistake:
    """A row answered wrong, or badly.

    Attributes:
        score: of a written answer, 0 to 1; None for labels.
        sure: probability that the candidate gave to its answer, if it has one.
    """

    example: Example
    answer: str
    score: float | None
    sure: float | None


@dataclass(frozen=True)
class Mistakes:
    """The rows shown, of how many there are, and the slices of all rows judged."""

    shown: tuple[Mistake, ...]
    there_are: int
    slices: tuple[Slice, ...]
    metric: str


def mistakes_of(evidence: Evidence, one: Judged) -> Mistakes:
    """Return the mistakes of one candidate on the test rows, and its slices."""
    rows = [row for row in evidence.rows("test") if row.id in one.answers]
    labelled = bool(evidence.dataset.labels)
    metric, scores = _scores(evidence, one, rows)
    wrong = [n for n in range(len(rows)) if scores[n] < 1]
    order = sorted(wrong, key=lambda n: (scores[n], rows[n].source, rows[n].row))
    shown = tuple(
        Mistake(
            example=rows[n],
            answer=one.answers[rows[n].id].answer,
            score=None if labelled else float(scores[n]),
            sure=max(given) if (given := one.answers[rows[n].id].scores) else None,
        )
        for n in order[:MOST_ROWS]
    )
    return Mistakes(shown, len(wrong), slices(rows, scores, labelled=labelled), metric)


def _scores(
    evidence: Evidence, one: Judged, rows: Sequence[Example]
) -> tuple[str, np.ndarray]:  # [rows]
    answers = [one.answers[row.id].answer for row in rows]
    if evidence.dataset.labels:
        right = [float(row.target == a) for row, a in zip(rows, answers, strict=True)]
        return "accuracy", np.array(right)
    metric = evidence.verdict.metric
    metric = PLAIN_METRIC if metric == "similarity" else metric
    asked = Asked(tuple(evidence.task.checks))
    return metric, row_scores(metric, [row.target for row in rows], answers, asked)
