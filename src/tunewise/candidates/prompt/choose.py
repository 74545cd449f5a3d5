"""Validation decides: how many shots to show, which and how, and how to compare labels.

Given each way's log-probabilities, has the ways tried by a race or a search, each way at its best
normalisation. Gives back every trial and the best. Knows nothing of how prompts are written or
models loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tunewise.candidates.prompt.normalise import (
    NORMALISATIONS,
    Normalisation,
    Normaliser,
    offsets_of,
)
from tunewise.candidates.prompt.race import raced
from tunewise.candidates.prompt.settings_file import Trial
from tunewise.candidates.prompt.showing import Way, WayTried
from tunewise.records import Example

Tries = Callable[
    [Sequence[Way], Callable[[Way, int], np.ndarray], int], tuple[WayTried, tuple[WayTried, ...]]
]


@dataclass(frozen=True)
class Outcome:
    """The best trial and its way, all trials, each label's mean log-probability in its rows."""

    best: Trial
    way: Way
    tried: tuple[Trial, ...]
    offsets: np.ndarray


def rows_to_try(validation: Sequence[Example], most: int, seed: int) -> list[Example]:
    """Return at most so many rows, those with the lowest hashes, so that each run takes the same.

    The order is by hash too, so that any first part of them is a random part.
    """

    def lot(row: Example) -> str:
        return hashlib.sha256(f"validation {seed} {row.id}".encode()).hexdigest()

    return sorted(validation, key=lot)[:most]


def chosen(
    ways: Sequence[Way],
    logps_of: Callable[[Way, int], np.ndarray],
    targets: np.ndarray,
    lengths: np.ndarray,
    tries: Tries = raced,
) -> Outcome:
    """Return the way to show examples and the normalisation with the best accuracy.

    Ties go to the way that stands first, then to the simpler normalisation.

    Args:
        ways: to show examples, those with fewer first.
        logps_of: gives log-probabilities [rows, labels] for a way on so many rows.
        targets: number of each row's true label, [rows].
        lengths: tokens of each label, [labels].
        tries: decides which way is scored on how many rows.
    """
    logps = dict[Way, np.ndarray]()

    def scores_of(way: Way, first: int) -> np.ndarray:
        found = logps_of(way, first)
        logps[way] = found
        right = _right(found, targets[:first], lengths)
        best: np.ndarray = right[right.mean(axis=1).argmax()].astype(float)
        return best

    best, tried = tries(ways, scores_of, len(targets))
    trials = {
        (one.way, how): _trial(one.way, how, float(right.mean()), one.rows)
        for one in tried
        for how, right in zip(
            NORMALISATIONS,
            _right(logps[one.way][: one.rows], targets[: one.rows], lengths),
            strict=True,
        )
    }
    of_best = [trials[best.way, how] for how in NORMALISATIONS]
    trial = max(of_best, key=lambda t: (t.accuracy, -NORMALISATIONS.index(t.normalisation)))
    offsets = offsets_of(logps[best.way][: best.rows])
    return Outcome(trial, best.way, tuple(trials.values()), offsets)


def _trial(way: Way, how: Normalisation, accuracy: float, rows: int) -> Trial:
    return Trial(
        way.shots, how, accuracy, rows, way.select, way.order, way.passages, way.instruction,
        way.draw,
    )  # fmt: skip


def _right(logps: np.ndarray, targets: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return which rows are answered rightly under each normalisation, [normalisations, rows]."""
    offsets = offsets_of(logps)
    answers = [
        Normaliser(how, lengths, offsets).scores(logps).argmax(axis=1) for how in NORMALISATIONS
    ]
    right: np.ndarray = np.stack(answers) == targets
    return right
