"""Two candidates' predictions on the same rows -> a Comparison.

Only rows that both have answered count, so a candidate judged on a part is compared on that part.
Knows nothing of what a difference is worth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewise.errors import BadInput, DataError, did_you_mean
from tunewise.evaluation.answers import Answers, answered_rows, matched
from tunewise.evaluation.differences import (
    Found,
    Pair,
    accuracy_difference,
    macro_f1_difference,
    mean_difference,
)
from tunewise.evaluation.groups import group_numbers
from tunewise.evaluation.texts import PLAIN, Asked, row_scores
from tunewise.records import Comparison, Example, Prediction
from tunewise.task.settings import LABEL_METRICS, TEXT_METRICS

METRICS = (*LABEL_METRICS, *TEXT_METRICS)


def compared(
    *,
    challenger: str,
    incumbent: str,
    challenger_predictions: Sequence[Prediction],
    incumbent_predictions: Sequence[Prediction],
    examples: Sequence[Example],
    labels: Sequence[str],
    metric: str,
    seed: int,
    asked: Asked = PLAIN,
) -> Comparison:
    """Return challenger minus incumbent on the rows that both have answered.

    differences.py has the methods. Where rows are grouped, groups are what is drawn and swapped.

    Args:
        challenger: name of the one.
        incumbent: name of the other.
        challenger_predictions: in any order, on all rows or a part of them.
        incumbent_predictions: likewise.
        examples: the rows, with their targets.
        labels: all legal labels.
        metric: 'accuracy' or 'macro_f1'; for written answers one of TEXT_METRICS.
        seed: of the resamples.
        asked: checks and encoder, for metrics of written answers that need them.

    Returns:
        The comparison; `p_adjusted` is `p_value` until `holm` has seen it.

    Raises:
        BadInput: no such metric.
        DataError: the two share no row, or predictions that don't fit the rows.
    """
    if metric not in METRICS:
        raise BadInput(f"there is no metric '{metric}'", mend=did_you_mean(metric, METRICS))
    if metric in TEXT_METRICS:
        both = {challenger: challenger_predictions, incumbent: incumbent_predictions}
        return _texts(both, examples, metric, seed, asked)
    one = matched(challenger, examples, challenger_predictions, labels, whole=False)
    other = matched(incumbent, examples, incumbent_predictions, labels, whole=False)
    shared, pair = _paired(one, other, examples)
    if not shared:
        raise _nothing_shared(challenger, incumbent)
    if metric == "accuracy":
        found = accuracy_difference(pair, seed)
    else:
        found = macro_f1_difference(pair, seed)
    return _comparison(challenger, incumbent, metric, len(shared), found)


def _comparison(
    challenger: str, incumbent: str, metric: str, rows: int, found: Found
) -> Comparison:
    return Comparison(
        challenger=challenger,
        incumbent=incumbent,
        metric=metric,
        rows=rows,
        difference=found.difference,
        p_value=found.p_value,
        p_adjusted=found.p_value,
        test=found.test,
        only_challenger=found.only_challenger,
        only_incumbent=found.only_incumbent,
        noticeable=found.noticeable,
        rows_needed=found.rows_needed,
    )


def _nothing_shared(challenger: str, incumbent: str) -> DataError:
    return DataError(
        f"'{challenger}' and '{incumbent}' have no row in common",
        mend="Judge both on the same rows, or one on a part of the other's.",
    )


def _paired(
    challenger: Answers, incumbent: Answers, examples: Sequence[Example]
) -> tuple[list[str], Pair]:
    """Return the rows both answered, and their answers under one numbering of words."""
    words = {word: i for i, word in enumerate(sorted({*challenger.words, *incumbent.words}))}
    shared, ours, theirs = np.intersect1d(
        challenger.ids, incumbent.ids, assume_unique=True, return_indices=True
    )
    number_ours = np.array([words[word] for word in challenger.words], dtype=np.int64)
    number_theirs = np.array([words[word] for word in incumbent.words], dtype=np.int64)
    ids = shared.tolist()
    pair = Pair(
        targets=number_ours[challenger.targets[ours]],
        challenger=number_ours[challenger.answers[ours]],
        incumbent=number_theirs[incumbent.answers[theirs]],
        words=len(words),
        groups=group_numbers(examples, ids),
    )
    return ids, pair


def _texts(
    predictions: dict[str, Sequence[Prediction]],
    examples: Sequence[Example],
    metric: str,
    seed: int,
    asked: Asked,
) -> Comparison:
    """Return the comparison of two candidates' written answers, the challenger's first."""
    challenger, incumbent = predictions
    scores: list[dict[str, float]] = []
    for name in (challenger, incumbent):
        ids, targets, kept = answered_rows(name, examples, predictions[name], (), whole=False)
        values = row_scores(metric, targets, [p.answer for p in kept], asked)
        scores.append(dict(zip(ids, values.tolist(), strict=True)))
    shared = sorted(scores[0].keys() & scores[1].keys())
    if not shared:
        raise _nothing_shared(challenger, incumbent)
    ahead = np.array([scores[0][i] - scores[1][i] for i in shared])
    found = mean_difference(ahead, seed, group_numbers(examples, shared))
    return _comparison(challenger, incumbent, metric, len(shared), found)
