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
        counts: rows in each cell, `[cells]`.
        words: how many different targets and answers there can be.
    """

    codes: Integers
    counts: Integers
    words: int


def cells(targets: Integers, *answers: Integers, words: int) -> Cells:
    """Return the rows as cells; their order doesn't matter afterwards."""
    rows = np.stack([targets, *answers], axis=1)
    codes, counts = np.unique(rows, axis=0, return_counts=True)
    return Cells(codes.astype(np.int64), counts.astype(np.int64), words)


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
