"""The verdict's metric of trained and exported answers to the same rows, and their difference.

Knows nothing of runtimes.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewise.evaluation.compare import compared
from tunewise.evaluation.score import scorecard
from tunewise.records import Interval, Prediction
from tunewise.shipping.subject import Subject


def metric_of(
    subject: Subject, trained: Sequence[Prediction], exported: Sequence[Prediction]
) -> tuple[tuple[float, float], Interval]:
    """Return the verdict's metric of two lists of predictions, and their paired difference."""
    labels, metric = subject.setup.labels, subject.metric
    values = []
    for predictions in (trained, exported):
        card = scorecard(
            candidate=subject.name,
            kind=subject.kind,
            family="tune",
            split=subject.side,
            examples=subject.rows,
            predictions=predictions,
            labels=labels,
            timing=None,
            part=None,
            fit_seconds=None,
            asked=subject.asked,
        )
        values.append(card.metrics[metric].value)
    found = compared(
        challenger="exported",
        incumbent="trained",
        challenger_predictions=exported,
        incumbent_predictions=trained,
        examples=subject.rows,
        labels=labels,
        metric=metric,
        seed=subject.setup.seed,
        asked=subject.asked,
    )
    return (values[0], values[1]), found.difference
