"""From log P(label | prompt) to one score per label that can be compared between labels.

A longer label is less probable, and some are likelier than others whatever the text says. Which
remedy helps is a question to the validation rows; none costs a forward pass. Knows nothing of
prompts or models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Normalisation = Literal["sum", "mean", "calibrated"]
NORMALISATIONS: tuple[Normalisation, ...] = get_args(Normalisation)  # in order of simplicity


@dataclass(frozen=True)
class Normaliser:
    """One way to compare labels.

    Attributes:
        how: 'sum' takes log-probabilities as they are; 'mean' divides by each label's tokens;
            'calibrated' subtracts each label's mean log-probability over unlabelled rows (Batch
            Calibration: Zhou et al. 2023, arXiv 2309.17249, eq. 4, in the log domain).
        lengths: tokens of each label, its end included, [labels].
        offsets: each label's mean log-probability over the calibration rows, [labels].
    """

    how: Normalisation
    lengths: np.ndarray
    offsets: np.ndarray

    def scores(self, logps: np.ndarray) -> np.ndarray:
        """Return what is to be compared between labels, [rows, labels].

        Args:
            logps: log P(label | prompt) in nats, [rows, labels].
        """
        found: np.ndarray = logps
        if self.how == "mean":
            found = logps / self.lengths
        elif self.how == "calibrated":
            found = logps - self.offsets
        return found

    def probabilities(self, logps: np.ndarray) -> np.ndarray:
        """Return the softmax of the scores over the labels, [rows, labels]."""
        scores = self.scores(logps)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        found: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
        return found


def offsets_of(logps: np.ndarray) -> np.ndarray:
    """Return each label's mean log-probability over rows, [labels]. No label is looked at."""
    found: np.ndarray = logps.mean(axis=0)
    return found
