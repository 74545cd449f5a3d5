"""Counts of what was answered where -> F1 per label and macro F1, for many resamples at once.

Macro F1 is the plain mean over the labels that occur among the targets of the rows in hand. A
label that none of them has is left out, also of a resample, since nothing is known of its recall.
Knows nothing of rows or candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tunewise.evaluation.answers import Floats, Integers


@dataclass(frozen=True)
class Cells:
    """Rows that can't be told apart, counted: each cell is a target and the answers to it.

    Attributes:
        codes: the target, then each candidate's answer, `[cells, 1 + candidates]`, sorted.
        counts: rows in each cell, `[cells]`; not whole numbers once `smoothed`.
        words: how many different targets and answers there can be.
    """

    codes: Integers
    counts: Integers | Floats
    words: int


def cells(targets: Integers, *answers: Integers, words: int) -> Cells:
    """Return the rows as cells; their order doesn't matter afterwards."""
    rows = np.stack([targets, *answers], axis=1)
    codes, counts = np.unique(rows, axis=0, return_counts=True)
    return Cells(codes.astype(np.int64), counts.astype(np.int64), words)


def cell_numbers(of: Cells, targets: Integers, *answers: Integers) -> Integers:
    """Return the number of the cell that each row is in, `[rows]`; each must be in one."""
    place = {tuple(code): number for number, code in enumerate(of.codes.tolist())}
    rows = np.stack([targets, *answers], axis=1).tolist()
    return np.array([place[tuple(row)] for row in rows], dtype=np.int64)


def smoothed(found: Cells) -> Cells:
    """Return the cells with a row more for each candidate right and one more for it wrong.

    A resample of rows without a mistake has none either, and would claim certainty. The rows added
    are spread over the labels as those are; a wrong one is answered with the label that its own is
    taken for most often. With two candidates one of the rows is right by the first alone, the other
    by the second alone, as in Bonett and Price's interval for shares.
    """
    support = np.bincount(found.codes[:, 0], weights=found.counts, minlength=found.words)
    candidates = found.codes.shape[1] - 1
    codes, counts = [found.codes], [found.counts.astype(np.float64)]
    for target in np.flatnonzero(support):
        wrong = _taken_for(found, int(target))
        if candidates == 1:
            rows = [[target, target], [target, wrong]]
        else:
            rows = [[target, target, wrong], [target, wrong, target]]
        codes.append(np.array(rows, dtype=np.int64))
        counts.append(np.full(2, support[target] / found.counts.sum()))
    unique, place = np.unique(np.concatenate(codes), axis=0, return_inverse=True)
    summed = np.bincount(place.ravel(), weights=np.concatenate(counts), minlength=len(unique))
    return Cells(unique, summed, found.words)


def _taken_for(found: Cells, target: int) -> int:
    """Return the answer that a label's rows get most often when it is wrong, by any candidate."""
    answers = np.zeros(found.words)
    everywhere = np.bincount(found.codes[:, 0], weights=found.counts, minlength=found.words)
    for column in range(1, found.codes.shape[1]):
        here = found.codes[:, 0] == target
        answers += np.bincount(
            found.codes[here, column], weights=found.counts[here], minlength=found.words
        )
    answers += everywhere / (2 * everywhere.sum())  # decides where the label was never mistaken
    answers[target] = -1
    return int(answers.argmax())


class MacroF1:
    """Macro F1 of one candidate as a function of the cells' counts.

    Args:
        of: the cells.
        candidate: which of the cells' answers, the first being 0.
    """

    def __init__(self, of: Cells, candidate: int = 0) -> None:
        number = np.arange(len(of.counts))
        target, answer = of.codes[:, 0], of.codes[:, 1 + candidate]
        self.support = np.zeros((len(number), of.words))  # [cells, words]
        self.support[number, target] = 1
        self.size = self.support.copy()
        self.size[number, answer] += 1
        self.hits = self.support * (target == answer)[:, None]

    def __call__(self, counts: Floats) -> Floats:
        """Return macro F1 for each row of `counts`, `[resamples, cells]` -> `[resamples]`."""
        support = counts @ self.support
        return macro_f1(counts @ self.hits, support, counts @ self.size - support)


def macro_f1(hits: Floats, support: Floats, predicted: Floats) -> Floats:
    """Return the mean F1 over the words with support, `[..., words]` -> `[...]`."""
    present = support > 0
    f1 = np.divide(2 * hits, support + predicted, out=np.zeros_like(hits), where=present)
    mean: Floats = f1.sum(axis=-1) / np.maximum(present.sum(axis=-1), 1)
    return mean
