"""Written answers beside the right ones -> a score for each row. Knows nothing of intervals."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunewise.evaluation.answers import Floats
from tunewise.evaluation.checks import passed
from tunewise.evaluation.similarity import similarities
from tunewise.overlap import MEASURES
from tunewise.progress import Progress
from tunewise.task.settings import CheckSettings, Task


@dataclass(frozen=True)
class Asked:
    """What written answers are judged by beside their likeness to the right ones.

    Attributes:
        checks: that the user declared.
        encoder: folder of the model whose embeddings tell how near two texts are in meaning; None
            for no such metric.
    """

    checks: tuple[CheckSettings, ...] = ()
    encoder: str | None = None

    @property
    def metrics(self) -> tuple[str, ...]:
        """All metrics of written answers that can be computed."""
        more = (["similarity"] if self.encoder else []) + (["checks"] if self.checks else [])
        return (*MEASURES, *more)


PLAIN = Asked()  # no checks, no encoder
PLAIN_METRIC = "rouge_l"  # of rows, where the wanted metric needs more than two texts


def asked_of(task: Task, task_folder: Path, progress: Progress) -> Asked:
    """Return what a task wants written answers to be judged by."""
    encoder = task.encoder_of_similarity
    if encoder is None:
        return Asked(tuple(task.checks))
    from tunewise.models.resolve import resolve

    found = resolve(encoder, progress, task_folder=task_folder)
    return Asked(tuple(task.checks), str(found.path))


def row_scores(
    metric: str, targets: Sequence[str], answers: Sequence[str], asked: Asked = PLAIN
) -> Floats:
    """Return a score between 0 and 1 for each row, [rows].

    Args:
        metric: of `asked.metrics`.
        targets: what is right.
        answers: what was written, in the same order.
        asked: checks and encoder; 1 in the metric 'checks' is an answer that passes all of them.
    """
    if metric == "checks":
        whole: Floats = np.asarray(passed(asked.checks, answers).all(axis=1), dtype=np.float64)
        return whole
    if metric == "similarity":
        assert asked.encoder is not None, "the task names an encoder where it asks for the metric"
        return similarities(asked.encoder, targets, answers)
    pairs = zip(targets, answers, strict=True)
    return np.array([_score(metric, target, answer) for target, answer in pairs], dtype=np.float64)


@functools.lru_cache(maxsize=50_000)  # a verdict compares the same answers with several others
def _score(metric: str, target: str, answer: str) -> float:
    return MEASURES[metric](target, answer)
