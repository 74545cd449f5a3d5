"""What wrong labels cost: a probe that learns with and without the rows whose labels look wrong.

Suspects are looked for among the rows that a fold doesn't judge, out of fold; both probes are
then judged on that fold, all its labels taken as they are. The difference is what the suspects do
harm by being learnt. Given embeddings, gives back a LabelNoise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tunewise.audit.suspicion import Floats, Numbers, suspicion
from tunewise.candidates.logistic import coefficients
from tunewise.curve.plan import FOLDS, Ground
from tunewise.evaluation.differences import paired_difference
from tunewise.records import Interval, LabelNoise

LOOKS_WRONG = 0.5  # probability of being wrong from which a row is left out


def label_noise(
    found: Ground,
    X: Floats,
    y: Numbers,
    *,
    labels: int,
    folds: Sequence[int],
    advance: Callable[[], None],
) -> LabelNoise:
    """Return what it costs to learn from the labels that look wrong.

    Args:
        found: the rows.
        X: their embeddings [rows, hidden] of unit length.
        y: numbers of their labels.
        labels: how many there are.
        folds: that judge, one after the other.
        advance: called after each piece of work; `steps(folds)` of them.
    """
    at = np.array(found.folds)
    only_without = only_with = judged = 0
    suspects: list[int] = []
    shares: list[float] = []
    for fold in folds:
        pool, test = at != fold, at == fold
        thought, judge = suspicion(X[pool], y[pool], labels, at[pool], advance)
        kept = thought.wrong < LOOKS_WRONG
        suspects.append(int((~kept).sum()))
        shares.append(float(thought.wrong.sum() / max(1, thought.judged.sum())))
        right = [
            coefficients(X[pool][rows], y[pool][rows], labels, judge.C).logits(X[test]).argmax(1)
            == y[test]
            for rows in (kept, np.ones_like(kept))
        ]
        only_without += int((right[0] & ~right[1]).sum())
        only_with += int((right[1] & ~right[0]).sum())
        judged += int(test.sum())
        advance()
    return LabelNoise(
        rows=round(len(y) * (1 - 1 / FOLDS)),
        found=round(sum(suspects) / len(suspects)),
        share=sum(shares) / len(shares),
        cost=_cost(only_without, only_with, judged),
        judged=judged,
    )


def steps(folds: Sequence[int]) -> int:
    """Return how often `label_noise` calls `advance`."""
    return len(folds) * (FOLDS - 1 + 3 + 1)


def _cost(only_without: int, only_with: int, judged: int) -> Interval:
    return paired_difference(only_without, only_with, judged)
