"""Written answers beside the right ones -> a score for each row. Knows nothing of intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewise.evaluation.answers import Floats
from tunewise.overlap import MEASURES


def row_scores(metric: str, targets: Sequence[str], answers: Sequence[str]) -> Floats:
    """Return a score between 0 and 1 for each row, [rows].

    Args:
        metric: of task.settings.TEXT_METRICS.
        targets: what is right.
        answers: what was written, in the same order.
    """
    measure = MEASURES[metric]
    pairs = zip(targets, answers, strict=True)
    return np.array([measure(target, answer) for target, answer in pairs], dtype=np.float64)
