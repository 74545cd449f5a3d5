"""Answers with probabilities -> how far the probabilities can be believed, and what refusing buys.

Given which rows were right and how sure the candidate was, gives back the reliability diagram, the
expected calibration error beside what chance alone would give, and accuracy against coverage. Knows
nothing of labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tunewise.evaluation.answers import Floats
from tunewise.evaluation.proportion import share
from tunewise.records import Calibration, Prediction, RejectPoint, ReliabilityBin

BINS = 10
COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
DRAWS = 400  # of answers as right as they claim, for the error that chance gives
Rights = npt.NDArray[np.bool_]


def sureness(predictions: Sequence[Prediction]) -> Floats | None:
    """Return the probability that each answer was given, [rows]; None if any has none."""
    found = [max(p.scores) for p in predictions if p.scores]
    return np.array(found, dtype=np.float64) if found and len(found) == len(predictions) else None


def calibration(right: Rights, sure: Floats, seed: int = 0) -> Calibration:
    """Return how far probabilities can be believed.

    Source: C. Guo et al. (2017), On calibration of modern neural networks, ICML (arXiv 1706.04599),
    with bins of equal width.

    Args:
        right: whether each row was answered right, [rows].
        sure: the probability of the answer, [rows], 0 to 1.
        seed: of the draws for what chance gives.
    """
    place = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    rows = np.bincount(place, minlength=BINS)
    hits = np.bincount(place, weights=right, minlength=BINS)
    claimed = np.bincount(place, weights=sure, minlength=BINS)
    drawn = np.random.default_rng(seed).random((DRAWS, len(sure))) < sure
    chance = [np.abs(np.bincount(place, weights=d, minlength=BINS) - claimed).sum() for d in drawn]
    bins = tuple(
        ReliabilityBin(
            low=n / BINS,
            high=(n + 1) / BINS,
            rows=int(rows[n]),
            claimed=float(claimed[n] / rows[n]),
            accuracy=share(round(hits[n]), int(rows[n])),
        )
        for n in range(BINS)
        if rows[n]
    )
    return Calibration(
        ece=float(np.abs(hits - claimed).sum() / len(sure)),
        ece_by_chance=float(np.mean(chance) / len(sure)),
        bins=bins,
        reject=_reject(right, sure),
    )


def _reject(right: Rights, sure: Floats) -> tuple[RejectPoint, ...]:
    """Return accuracy on the rows that a candidate is surest of; the equally sure stay together."""
    order = np.argsort(-sure, kind="stable")
    found: dict[int, RejectPoint] = {}
    for coverage in COVERAGES:
        least = sure[order[max(1, round(coverage * len(sure))) - 1]]
        kept = sure >= least
        count = int(kept.sum())
        found[count] = RejectPoint(
            count / len(sure), float(least), share(int(right[kept].sum()), count)
        )
    return tuple(found.values())
