"""Validation decides: how many shots to show, which and how, and how to compare labels.

Given each way's prompts, tries them on the rows in a race: all on the first rows, and
those that are clearly behind no further. Gives back every trial and the best. Knows nothing of
how prompts are written or models loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from tunewise.candidates.prompt.normalise import (
    NORMALISATIONS,
    Normalisation,
    Normaliser,
    offsets_of,
)
from tunewise.candidates.prompt.settings_file import Trial
from tunewise.candidates.prompt.showing import Way
from tunewise.records import Example

HEAT = 25  # rows on which every number of shots is tried
BEHIND = 0.01  # one-sided p-value (exact McNemar) below which it is tried no further


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
) -> Outcome:
    """Return the way to show examples and the normalisation with the best accuracy.

    Ties go to the way that stands first, then to the simpler normalisation.

    Args:
        ways: to show examples, those with fewer first.
        logps_of: gives log-probabilities [rows, labels] for a way on so many rows.
        targets: number of each row's true label, [rows].
        lengths: tokens of each label, [labels].
    """
    heat = min(HEAT, len(targets))
    first = {way: _right(logps_of(way, heat), targets[:heat], lengths) for way in ways}
    leader = max(ways, key=lambda way: (max(first[way].mean(axis=1)), -ways.index(way)))
    rows = {
        way: heat if way != leader and _is_behind(first[way], first[leader]) else len(targets)
        for way in ways
    }
    logps = {way: logps_of(way, rows[way]) for way in ways}
    tried = [
        (way, how, float(right.mean()))
        for way in ways
        for how, right in zip(
            NORMALISATIONS, _right(logps[way], targets[: rows[way]], lengths), strict=True
        )
    ]
    finalists = [trial for trial in tried if rows[trial[0]] == len(targets)]
    best = max(
        finalists,
        key=lambda t: (t[2], -ways.index(t[0]), -NORMALISATIONS.index(t[1])),
    )
    trials = {trial: _trial(*trial, rows[trial[0]]) for trial in tried}
    return Outcome(trials[best], best[0], tuple(trials.values()), offsets_of(logps[best[0]]))


def _trial(way: Way, how: Normalisation, accuracy: float, rows: int) -> Trial:
    return Trial(way.shots, how, accuracy, rows, way.select, way.order, way.passages)


def _right(logps: np.ndarray, targets: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return which rows are answered rightly under each normalisation, [normalisations, rows]."""
    offsets = offsets_of(logps)
    answers = [
        Normaliser(how, lengths, offsets).scores(logps).argmax(axis=1) for how in NORMALISATIONS
    ]
    right: np.ndarray = np.stack(answers) == targets
    return right


def _is_behind(right: np.ndarray, leader: np.ndarray) -> bool:
    """Whether the best of one number of shots is clearly worse than the leader's best."""
    own, other = right[right.mean(axis=1).argmax()], leader[leader.mean(axis=1).argmax()]
    lost, won = int((other & ~own).sum()), int((own & ~other).sum())
    if lost + won == 0:
        return False
    return bool(binomtest(lost, lost + won, alternative="greater").pvalue < BEHIND)
