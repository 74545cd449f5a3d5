"""Rows and predictions made for tests."""

from __future__ import annotations

from collections.abc import Sequence

from tunewise.evaluation.score import scorecard
from tunewise.records import Example, Prediction, Scorecard, Timing


def rows(targets: Sequence[str]) -> list[Example]:
    return [Example(f"r{i:05d}", f"text {i}", t, i + 1, "rows.csv") for i, t in enumerate(targets)]


def answered(answers: Sequence[str]) -> list[Prediction]:
    return [Prediction(f"r{i:05d}", answer) for i, answer in enumerate(answers)]


def judged(
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    labels: Sequence[str],
    timing: Timing | None = None,
) -> Scorecard:
    return scorecard(
        candidate="one",
        kind="encoder",
        family="tune",
        split="test",
        examples=examples,
        predictions=predictions,
        labels=labels,
        timing=timing,
        part=None,
        fit_seconds=None,
    )
