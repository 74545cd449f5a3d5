"""Planted worlds: candidates of known quality, judged by the real scorecard, decided for real."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import norm

from tunewise.decision.decide import decided
from tunewise.evaluation.proportion import share
from tunewise.evaluation.score import scorecard
from tunewise.records import Example, Family, Prediction, Scorecard, Split, Timing, Verdict
from tunewise.task.settings import DecideSettings

KIND_FAMILY: dict[str, Family] = {
    "majority": "floor",
    "existing": "keep",
    "prompt": "prompt",
    "probe": "tune",
    "encoder": "tune",
}


@dataclass
class Planted:
    """One candidate: its kind and true accuracy, or the exact answers it gives.

    Attributes:
        kind: of candidate.
        accuracy: true share of right answers; None for the most frequent label.
        seconds: of a single request.
        part: how many test rows it is judged on, if not all.
        answer: from a row and whether it would be right to its answer, if special.
        validation_accuracy: where it differs from `accuracy`.
    """

    kind: str
    accuracy: float | None = None
    seconds: float | None = 0.01
    part: int | None = None
    answer: Callable[[Example, bool], str] | None = None
    validation_accuracy: float | None = None


@dataclass
class World:
    """Rows and candidates. Difficulty is shared, so that candidates err on the same rows."""

    candidates: Mapping[str, Planted]
    test_rows: int = 1_000
    validation_rows: int = 500
    labels: Sequence[str] = ("billing", "delivery", "login", "other")
    shared: float = 0.7  # correlation of the candidates' errors
    seed: int = 0
    settings: DecideSettings = field(default_factory=DecideSettings)
    looks: int = 1
    exact: bool = True  # the very share of rows is right, up to rounding, not just on average
    accuracy_only: bool = False  # leave out of the scorecards what a verdict on accuracy ignores

    def examples(self, split: Split, rows: int) -> list[Example]:
        rng = np.random.default_rng([self.seed, len(split)])
        weights = np.arange(len(self.labels), 0, -1.0)
        targets = rng.choice(len(self.labels), size=rows, p=weights / weights.sum())
        return [
            Example(f"{split}-{i:05d}", f"text {i}", self.labels[t], i + 1, "rows.csv")
            for i, t in enumerate(targets)
        ]

    def predictions(self, split: Split, rows: Sequence[Example]) -> dict[str, list[Prediction]]:
        rng = np.random.default_rng([self.seed, 7, len(split)])
        hard = rng.standard_normal(len(rows))
        found = {}
        for name, planted in self.candidates.items():
            own = rng.standard_normal(len(rows))
            ease = np.sqrt(self.shared) * hard + np.sqrt(1 - self.shared) * own
            accuracy = planted.accuracy
            if split == "validation" and planted.validation_accuracy is not None:
                accuracy = planted.validation_accuracy
            right = np.zeros(len(rows), dtype=bool)
            if accuracy is not None:
                right = _easiest(ease, accuracy) if self.exact else _likely(ease, accuracy)
            wrong = rng.integers(1, len(self.labels), size=len(rows))
            found[name] = [
                Prediction(row.id, self._answer(planted, row, bool(ok), int(off)))
                for row, ok, off in zip(rows, right, wrong, strict=True)
            ]
            if split == "test" and planted.part is not None:
                found[name] = found[name][: planted.part]
        return found

    def _answer(self, planted: Planted, row: Example, right: bool, off: int) -> str:
        if planted.answer is not None:
            return planted.answer(row, right)
        if planted.accuracy is None:
            return self.labels[0]
        if right:
            return row.target
        return self.labels[(self.labels.index(row.target) + off) % len(self.labels)]

    def scorecards(
        self, split: Split, rows: Sequence[Example], answers: Mapping[str, list[Prediction]]
    ) -> dict[str, Scorecard]:
        cards = {}
        for name, planted in self.candidates.items():
            judged = {p.id for p in answers[name]}
            part = f"{len(judged):,} of the {len(rows):,} {split} rows, drawn at random"
            if self.accuracy_only:
                cards[name] = self._small_card(name, split, rows, answers[name])
                continue
            times = () if planted.seconds is None or split != "test" else (planted.seconds,) * 5
            cards[name] = scorecard(
                candidate=name,
                kind=planted.kind,
                family=KIND_FAMILY[planted.kind],
                split=split,
                examples=[row for row in rows if row.id in judged],
                predictions=answers[name],
                labels=self.labels,
                timing=Timing(len(judged), 1.0, times),
                part=part if len(judged) < len(rows) else None,
                fit_seconds=1.0,
            )
        return cards

    def _small_card(
        self, name: str, split: Split, rows: Sequence[Example], answers: Sequence[Prediction]
    ) -> Scorecard:
        targets = {row.id: row.target for row in rows}
        right = sum(targets[p.id] == p.answer for p in answers)
        kind = self.candidates[name].kind
        return Scorecard(
            candidate=name,
            kind=kind,
            family=KIND_FAMILY[kind],
            split=split,
            rows=len(answers),
            metrics={"accuracy": share(right, len(answers))},
            labels=(),
            confused=(),
        )

    def verdict(self) -> Verdict:
        test = self.examples("test", self.test_rows)
        validation = self.examples("validation", self.validation_rows)
        answers = self.predictions("test", test)
        on_validation = self.predictions("validation", validation)
        return decided(
            validation=self.scorecards("validation", validation, on_validation),
            test=self.scorecards("test", test, answers),
            answers=answers,
            examples=test,
            labels=self.labels,
            settings=self.settings,
            looks=self.looks,
            seed=self.seed,
        )


def _easiest(ease: np.ndarray, accuracy: float) -> np.ndarray:
    """Mark the easiest rows, as many as the accuracy says."""
    right = np.zeros(len(ease), dtype=bool)
    right[np.argsort(-ease, kind="stable")[: round(accuracy * len(ease))]] = True
    return right


def _likely(ease: np.ndarray, accuracy: float) -> np.ndarray:
    """Mark each row with probability `accuracy`, the easy ones rather."""
    marked: np.ndarray = ease > norm.isf(accuracy)
    return marked
