"""Examples and predictions, matched by id -> targets and answers as numbers.

Given rows, a candidate's predictions and the legal labels, refuses what doesn't fit together.
An answer that is no legal label stays in, under a number of its own, so that it counts as wrong
and can be shown. Knows nothing of metrics.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tunewise.errors import DataError, did_you_mean
from tunewise.records import Example, Prediction

Integers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """One candidate's answers beside what was right, sorted by the rows' ids.

    Attributes:
        ids: of the rows, `[rows]`.
        targets: index in `words` of what is right, `[rows]`.
        answers: index in `words` of what was answered, `[rows]`.
        words: the legal labels in the given order, then every other answer, sorted.
        legal: how many of `words` are legal labels.
        predictions: as given, `[rows]`.
    """

    ids: tuple[str, ...]
    targets: Integers
    answers: Integers
    words: tuple[str, ...]
    legal: int
    predictions: tuple[Prediction, ...]

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether each row was answered right, `[rows]`."""
        return np.equal(self.targets, self.answers)


def matched(
    candidate: str,
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    labels: Sequence[str],
    *,
    whole: bool = True,
) -> Answers:
    """Return a candidate's answers beside the targets.

    Args:
        candidate: its name, for messages.
        examples: the rows to be judged on.
        predictions: in any order.
        labels: all legal labels.
        whole: every row must be answered; false takes the rows that are.

    Raises:
        DataError: no rows, a row answered twice or not at all, an answer to a row that isn't
            there, a target that is no label, or a cost that can't be one.
    """
    ids, right, kept = answered_rows(candidate, examples, predictions, labels, whole=whole)
    odd = sorted({p.answer for p in kept} - set(labels))
    words = (*labels, *odd)
    index = {word: number for number, word in enumerate(words)}
    return Answers(
        ids=ids,
        targets=np.array([index[target] for target in right], dtype=np.int64),
        answers=np.array([index[p.answer] for p in kept], dtype=np.int64),
        words=words,
        legal=len(labels),
        predictions=kept,
    )


def answered_rows(
    candidate: str,
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    labels: Sequence[str],
    *,
    whole: bool = True,
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Prediction, ...]]:
    """Return the ids of the rows answered, their targets and the predictions, in order of ids.

    Args and errors are those of `matched`; without labels any target is legal.
    """
    targets = _by_id(examples, labels)
    answered = _one_each(candidate, predictions)
    if strangers := [i for i in answered if i not in targets]:
        raise DataError(
            f"{len(strangers):,} of {len(answered):,} predictions answer rows that aren't judged",
            where=f"{candidate}, row id {strangers[0]}",
            mend="The predictions belong to other rows; predict these rows again.",
        )
    missing = [i for i in targets if i not in answered]
    if missing and (whole or not answered):
        raise DataError(
            f"{len(missing):,} of {len(targets):,} rows have no prediction",
            where=f"{candidate}, row id {missing[0]}",
            mend="Predict every row; a row that can't be answered gets an empty answer.",
        )
    ids = tuple(sorted(answered))
    return ids, tuple(targets[i] for i in ids), tuple(answered[i] for i in ids)


def _by_id(examples: Sequence[Example], labels: Sequence[str]) -> dict[str, str]:
    """Return each row's target, refusing rows that can't be judged on."""
    if not examples:
        raise DataError("there is no row to judge on", mend="Give at least one labelled row.")
    legal = set(labels)
    for example in examples:
        if legal and example.target not in legal:
            raise DataError(
                f"the target '{example.target}' is none of the task's labels",
                where=f"{example.source}, row {example.row:,}",
                mend=did_you_mean(example.target, labels),
            )
    found = {example.id: example.target for example in examples}
    if len(found) < len(examples):
        twice = next(i for i, n in Counter(e.id for e in examples).items() if n > 1)
        raise DataError("two rows have the same id", where=f"row id {twice}")
    return found


def _one_each(candidate: str, predictions: Sequence[Prediction]) -> dict[str, Prediction]:
    """Return predictions by id, refusing two for one row and impossible costs."""
    found: dict[str, Prediction] = {}
    for prediction in predictions:
        where = f"{candidate}, row id {prediction.id}"
        if prediction.id in found:
            raise DataError(
                "a row is answered twice", where=where, mend="Give one prediction for each row."
            )
        if prediction.cost is not None and not (
            math.isfinite(prediction.cost) and prediction.cost >= 0
        ):
            raise DataError(
                f"a cost of {prediction.cost} US dollars can't be",
                where=where,
                mend="Give a number of zero or more, or none at all where no price is known.",
            )
        found[prediction.id] = prediction
    return found
