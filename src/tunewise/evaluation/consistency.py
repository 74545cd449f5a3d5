"""Several answers to the same request -> how far they are alike.

A request is asked in other words, in several rows, or of the candidate fitted with other seeds.
What is right doesn't count: one can be wrong throughout and consistent. Knows nothing of how
answers came about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from tunewise.evaluation.mean import mean_interval
from tunewise.evaluation.proportion import share
from tunewise.overlap import normal, rouge_l
from tunewise.records import Consistency, Example, Prediction, Ways


def consistency(
    over: Ways, answers: Mapping[str, Sequence[str]], *, labelled: bool
) -> Consistency | None:
    """Return how alike the answers to each request are; None where none has two of them.

    Labels are alike where they are the same; written answers too, case, punctuation and articles
    apart.

    Args:
        over: what the requests' answers differ in.
        answers: to each request.
        labelled: whether answers are labels.
    """
    several = [given for given in answers.values() if len(given) > 1]
    if not several:
        return None
    same = [len({a if labelled else normal(a) for a in given}) == 1 for given in several]
    near = None
    if not labelled:
        near = mean_interval(np.array([_likeness(given) for given in several]))
    return Consistency(
        over=over,
        requests=len(several),
        answers=sum(len(given) for given in several),
        alike=share(sum(same), len(same)),
        likeness=near,
    )


def by_column(
    column: str, rows: Sequence[Example], predictions: Sequence[Prediction]
) -> dict[str, list[str]]:
    """Return the answers to rows that a column of the user's says are the same request."""
    said = {p.id: p.answer for p in predictions}
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.id in said and row.columns.get(column):
            found[row.columns[column]].append(said[row.id])
    return dict(found)


def by_request(*answers: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the answers to each request that is in the first of several sets of answers."""
    return {request: [a[request] for a in answers if request in a] for request in answers[0]}


def _likeness(given: Sequence[str]) -> float:
    """Return the mean ROUGE-L of each two answers; 1 for two that are the same, empty or not."""
    pairs = [1.0 if a == b else rouge_l(a, b) for a, b in combinations(given, 2)]
    return float(np.mean(pairs))
