"""Embeddings and labels -> how likely each label is wrong, and which other one it should be.

Given rows as vectors, the numbers of their labels and their folds, gives back probabilities. Two
rounds: neighbours in other folds vote and point out the plainly wrong labels; without those, a
probe answers each row out of fold. Its probabilities and the noise that they imply (the confident
joint of confident learning) give, by Bayes' rule, the probability of each label being the true
one. Knows nothing of texts, files or findings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tunewise.candidates.logistic import coefficients, probabilities

Floats: TypeAlias = npt.NDArray[np.floating]
Numbers: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

NEIGHBOURS = 10
NEARNESS = 0.05  # by which cosine distance a vote falls to 1/e
STRENGTHS = (3.0, 10.0, 30.0, 100.0)  # of the probe, to choose C from
TRIED_ON = 4000  # rows, at most, that the choice of C learns from; half as many judge it
PRIOR_ROWS = 10.0  # weight of 'noise falls on all labels alike' in a label's noise
LEAST_ROWS = 3  # of a label in the other folds; with fewer nothing is said of a row
MAX_ITER = 100  # of the solver: enough to rank rows, where labels say little of texts too
CHUNK = 1000  # rows compared with all others at a time


@dataclass(frozen=True)
class Noise:
    """How labels go wrong.

    Attributes:
        given: [labels, labels]: the chance that a row of the true label (column) was given
            that label (line); each column sums to 1.
    """

    given: Floats


@dataclass(frozen=True)
class Suspicion:
    """What is thought of each row's label.

    Attributes:
        wrong: [rows], probability that the label is wrong; 0 where nothing can be said.
        suggested: [rows], the label that is likeliest if it is another one.
        sureness: [rows], that label's probability.
        judged: [rows], whether anything can be said of the row.
    """

    wrong: Floats
    suggested: Numbers
    sureness: Floats
    judged: Mask


@dataclass(frozen=True)
class Judge:
    """A probe and the noise among the rows it was fitted on, for rows that taught it nothing.

    Attributes:
        C: inverse strength of its penalty, as chosen.
        logits: of embeddings [rows, hidden]: [rows, labels].
        joint: [given, true], the confident joint of the rows it was fitted on.
        known: [labels], whether it has learnt enough of a label to judge it.
    """

    C: float
    logits: Callable[[Floats], Floats]
    joint: Floats
    known: Mask

    def of(self, X: Floats, y: Numbers) -> Suspicion:
        """Return what is thought of the labels `y` of the embeddings `X`.

        These rows tell of the noise as well: they may have been labelled by someone else.
        """
        answers = probabilities(self.logits(X))
        noise = noise_of(self.joint + confident_joint(answers, y))
        return _suspicion(answers, y, noise, self.known[y])


def suspicion(
    X: Floats, y: Numbers, labels: int, folds: Numbers, advance: Callable[[], None]
) -> tuple[Suspicion, Judge]:
    """Return what is thought of each label, and what can judge further rows.

    Args:
        X: embeddings [rows, hidden] of unit length.
        y: number of each row's label.
        labels: how many there are.
        folds: number of each row's fold; a row is judged by rows of other folds alone, so rows
            that say the same must share one.
        advance: called after each of `steps(folds)` pieces of work.
    """
    votes = _votes(X, y, labels, folds)
    first = _suspicion(votes, y, noise_of(confident_joint(votes, y)), _enough(y, labels, folds))
    kept = first.wrong < 0.5
    if kept.mean() < 0.5:  # votes that find most labels wrong are no guide
        kept[:] = True
    advance()
    C = strength(X, y, labels, folds, kept)
    advance()
    answers = np.zeros((len(y), labels))
    for fold in np.unique(folds):
        learnt, judged = kept & (folds != fold), folds == fold
        made = coefficients(X[learnt], y[learnt], labels, C, MAX_ITER)
        answers[judged] = probabilities(made.logits(X[judged]))
        advance()
    joint = confident_joint(answers, y)
    found = _suspicion(answers, y, noise_of(joint), _enough(y, labels, folds))
    last = coefficients(X[kept], y[kept], labels, C, MAX_ITER)
    advance()
    known = np.bincount(y[kept], minlength=labels) >= LEAST_ROWS
    return found, Judge(C, last.logits, joint, known)


def steps(folds: Numbers) -> int:
    """Return how often `suspicion` calls `advance`."""
    return len(np.unique(folds)) + 3


def confident_joint(answers: Floats, y: Numbers) -> Floats:
    """Return how many rows were given which label and truly have which: [given, true].

    A row counts as truly of the label whose probability is the highest among those that reach
    the mean probability of the rows given that label; a row that reaches none isn't counted.
    Each line is then scaled to the rows that were given its label. (Northcutt, Jiang and Chuang
    2021, arXiv 1911.00068, equations 1 to 3.)

    Args:
        answers: out-of-fold probabilities [rows, labels].
        y: number of the label that each row was given.
    """
    labels = answers.shape[1]
    counts = np.bincount(y, minlength=labels)
    own = answers[np.arange(len(y)), y]
    with np.errstate(invalid="ignore"):
        least = np.bincount(y, weights=own, minlength=labels) / counts
    reached = answers >= np.where(counts > 0, least, np.inf) - 1e-6
    counted = reached.any(axis=1)
    truly = np.where(reached, answers, -1.0).argmax(axis=1)
    joint = np.zeros((labels, labels))
    np.add.at(joint, (y[counted], truly[counted]), 1)
    found = joint.sum(axis=1)
    scaled: Floats = (
        joint * np.divide(counts, found, out=np.zeros(labels), where=found > 0)[:, None]
    )
    return scaled


def noise_of(joint: Floats) -> Noise:
    """Return how labels go wrong by a confident joint [given, true].

    Few rows of a label say little of its noise, so each label's noise is drawn towards the whole
    data's: PRIOR_ROWS rows with its share of wrong labels, spread over all labels alike. That
    share is never nothing: one more row counts as wrong, and one more as right.
    """
    labels, rows = len(joint), joint.sum()
    share = (rows - np.trace(joint) + 1) / (rows + 2)
    usual = np.full((labels, labels), share / max(1, labels - 1))
    np.fill_diagonal(usual, 1 - share)
    return Noise((joint + PRIOR_ROWS * usual) / (joint.sum(axis=0) + PRIOR_ROWS))


def strength(X: Floats, y: Numbers, labels: int, folds: Numbers, kept: Mask) -> float:
    """Return the C whose probabilities have the lowest log loss on the first fold.

    The rows left out of learning are judged on all the same: where labels are wrong, a probe that
    is too sure of itself loses by it. Rows come in no order that matters, so the first will do.
    """
    first = folds == folds.min()
    learnt = np.flatnonzero(~first & kept)[:TRIED_ON]
    judged = np.flatnonzero(first)[: TRIED_ON // 2]

    losses: dict[float, float] = {}
    made = None
    for C in STRENGTHS:
        made = coefficients(X[learnt], y[learnt], labels, C, MAX_ITER, start=made)
        answers = probabilities(made.logits(X[judged]))
        own = answers[np.arange(len(judged)), y[judged]]
        losses[C] = float(-np.log(np.maximum(own, 1e-6)).mean())
    return min(losses, key=lambda C: losses[C])


def _votes(X: Floats, y: Numbers, labels: int, folds: Numbers) -> Floats:
    """Return the shares [rows, labels] of the votes of each row's nearest in other folds."""
    votes = np.full((len(y), labels), 1e-9)
    for fold in np.unique(folds):
        asked, others = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        most = min(NEIGHBOURS, len(others))
        for start in range(0, len(asked), CHUNK):
            rows = asked[start : start + CHUNK]
            cosines = X[rows] @ X[others].T
            nearest = np.argpartition(-cosines, most - 1, axis=1)[:, :most]
            weights = np.exp((np.take_along_axis(cosines, nearest, axis=1) - 1) / NEARNESS)
            for place in range(most):
                np.add.at(votes, (rows, y[others[nearest[:, place]]]), weights[:, place])
    shares: Floats = votes / votes.sum(axis=1, keepdims=True)
    return shares


def _suspicion(answers: Floats, y: Numbers, noise: Noise, judged: Mask) -> Suspicion:
    """Return the posterior of the true label: P(true | text) P(given | true), over its sum."""
    rows = np.arange(len(y))
    true = answers * noise.given[y]
    true /= np.maximum(true.sum(axis=1, keepdims=True), 1e-300)
    wrong = np.where(judged, 1 - true[rows, y], 0.0)
    true[rows, y] = -1.0
    suggested = true.argmax(axis=1)
    return Suspicion(wrong, suggested, np.where(judged, true[rows, suggested], 0.0), judged)


def _enough(y: Numbers, labels: int, folds: Numbers) -> Mask:
    """Return [rows]: whether the other folds have enough rows of the row's label."""
    of = np.zeros((int(folds.max()) + 1, labels), dtype=np.int64)
    np.add.at(of, (folds, y), 1)
    enough: Mask = of.sum(axis=0)[y] - of[folds, y] >= LEAST_ROWS
    return enough
