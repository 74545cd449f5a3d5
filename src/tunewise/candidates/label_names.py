"""A label's name as one more example of it: 'card arrival' stands for card_arrival.

With few rows per label its name says as much as its rows do, and it is all there is of a label
that no row has. Whether names help is asked of the training rows alone, by cross-validation of a
logistic regression on their embeddings. Given rows, labels and an embedder, gives back a
decision. Knows nothing of test rows or of what is done with the names. Measured in
docs/encoder.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tunewise.candidates.logistic import coefficients
from tunewise.rendering.label_texts import label_texts

FEW = 20  # rows per label, on average, from which on names change nothing that can be measured
WEIGHT = 2  # rows that a name counts as
FOLDS = 3
C = 100.0  # inverse regularisation of the regressions that are compared


@dataclass(frozen=True, slots=True)
class LabelNames:
    """Names of labels as texts, and whether they are to be learnt from.

    Attributes:
        texts: one for each label, in the labels' order.
        used: whether they count as examples.
        why: in words.
        accuracy: out of fold on the training rows, without names and with them; None where it
            wasn't asked.
    """

    texts: tuple[str, ...]
    used: bool
    why: str
    accuracy: tuple[float, float] | None = None

    @property
    def examples(self) -> tuple[tuple[str, int], ...]:
        """Return what is added to the training rows: texts with the numbers of their labels."""
        if not self.used:
            return ()
        return tuple((text, n) for n, text in enumerate(self.texts) for _ in range(WEIGHT))


def label_names(
    wanted: bool | Literal["auto"],
    labels: Sequence[str],
    y: Sequence[int],
    embedded: Callable[[Sequence[str]], tuple[np.ndarray, np.ndarray]],
) -> LabelNames:
    """Decide whether labels' names count as examples.

    Args:
        wanted: as the user says; 'auto' asks the training rows.
        labels: all of them.
        y: number of each training row's label.
        embedded: gives the embeddings [rows, hidden] of the training rows and of these texts.
    """
    texts = label_texts(labels)
    if isinstance(wanted, bool):
        return LabelNames(texts, wanted, "as the task file says")
    if len(y) >= FEW * len(labels):
        why = f"there are {len(y) / len(labels):.0f} rows per label, enough without names"
        return LabelNames(texts, used=False, why=why)
    if len(y) < FOLDS:
        return LabelNames(texts, used=False, why="there are too few rows to ask")
    X, names = embedded(texts)
    without, with_ = (_accuracy(X, np.asarray(y), names, on) for on in (False, True))
    why = (
        f"by {FOLDS}-fold cross-validation on the training rows, {without:.1%} are answered rightly"
        f" without names and {with_:.1%} with them"
    )
    return LabelNames(texts, with_ > without, why, (without, with_))


def with_names(
    X: np.ndarray, y: np.ndarray, names: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return embeddings [rows, hidden] and labels [rows], followed by those of the names."""
    if names is None:
        return X, y
    return (
        np.vstack([X, *[names] * WEIGHT]),
        np.concatenate([y, *[np.arange(len(names))] * WEIGHT]),
    )


def _accuracy(X: np.ndarray, y: np.ndarray, names: np.ndarray, used: bool) -> float:
    """Return the share of rows that regressions on the other folds answer rightly."""
    folds = np.arange(len(y)) % FOLDS
    right = 0
    for fold in range(FOLDS):
        judged = folds == fold
        rows, targets = with_names(X[~judged], y[~judged], names if used else None)
        made = coefficients(rows, targets, len(names), C)
        right += int((made.logits(X[judged]).argmax(axis=1) == y[judged]).sum())
    return right / len(y)
