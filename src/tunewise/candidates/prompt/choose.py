"""Validation decides: how many shots to show, and how to compare labels.

Given each number of shots' prompts, tries them on the rows in a race: all on the first rows, and
those that are clearly behind no further. Gives back every trial and the best. Knows nothing of
how prompts are written or models loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from tunewise.candidates.prompt.normalise import NORMALISATIONS, Normaliser, offsets_of
from tunewise.candidates.prompt.settings_file import Trial
from tunewise.records import Example

HEAT = 25  # rows on which every number of shots is tried
BEHIND = 0.01  # one-sided p-value (exact McNemar) below which it is tried no further


@dataclass(frozen=True)
class Outcome:
    """The best trial, all of them, and each label's mean log-probability in the best's rows."""

    best: Trial
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
    counts: Sequence[int],
    logps_of: Callable[[int, int], np.ndarray],
    targets: np.ndarray,
    lengths: np.ndarray,
) -> Outcome:
    """Return the number of shots and the normalisation with the best accuracy.

    Ties go to fewer shots, then to the simpler normalisation.

    Args:
        counts: numbers of shots to try.
        logps_of: gives log-probabilities [rows, labels] for a number of shots on so many rows.
        targets: number of each row's true label, [rows].
        lengths: tokens of each label, [labels].
    """
    heat = min(HEAT, len(targets))
    first = {count: _right(logps_of(count, heat), targets[:heat], lengths) for count in counts}
    leader = max(counts, key=lambda count: (max(first[count].mean(axis=1)), -count))
    rows = {
        count: heat if count != leader and _is_behind(first[count], first[leader]) else len(targets)
        for count in counts
    }
    logps = {count: logps_of(count, rows[count]) for count in counts}
    tried = [
        Trial(count, how, float(right.mean()), rows[count])
        for count in counts
        for how, right in zip(
            NORMALISATIONS, _right(logps[count], targets[: rows[count]], lengths), strict=True
        )
    ]
    finalists = [trial for trial in tried if trial.rows == len(targets)]
    best = max(
        finalists,
        key=lambda t: (t.accuracy, -t.shots, -NORMALISATIONS.index(t.normalisation)),
    )
    return Outcome(best, tuple(tried), offsets_of(logps[best.shots]))


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
