"""Comparisons that were made before aren't made again: nor are the statistics loaded for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from tunewise.records import Comparison, Prediction

Comparisons: TypeAlias = dict[tuple[str, str, str], Comparison]


def remembered(
    known: Comparisons | None,
    *,
    challenger: str,
    incumbent: str,
    answers: Mapping[str, Sequence[Prediction]],
    metric: str,
    **asked: Any,
) -> Comparison:
    """Return what compare.compared does, from what is known where it was made before.

    Args:
        known: comparisons by challenger, incumbent and metric; gets the new one.
        challenger: name of the one.
        incumbent: name of the other.
        answers: predictions by candidate, which are looked at only where nothing is known.
        metric: what the two are compared by.
        asked: what else `compared` takes.
    """
    key = (challenger, incumbent, metric)
    if known is not None and key in known:
        return known[key]
    from tunewise.evaluation.compare import compared

    found = compared(
        challenger=challenger,
        incumbent=incumbent,
        challenger_predictions=answers[challenger],
        incumbent_predictions=answers[incumbent],
        metric=metric,
        **asked,
    )
    if known is not None:
        known[key] = found
    return found
