"""One candidate along its steps: each fit is a stage that leaves the errors of its answers.

Given the ground and a plan, leaves curve/points/NAME/SIZE-DRAW.json in the run folder and gives
back the errors of each fit. A fit that was cut off is carried on by its candidate; its weights
are deleted once it has answered. Knows nothing of laws or sentences.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tunewise.candidates import Setup, candidate
from tunewise.curve.plan import Given, Ground, Step, passes
from tunewise.decision.case import SCORES
from tunewise.evaluation.groups import group_numbers, per_group
from tunewise.evaluation.power_law import Measured
from tunewise.evaluation.texts import row_scores
from tunewise.files import read_record, write_json
from tunewise.heap import let_go
from tunewise.progress import Progress, clock
from tunewise.records import CurvePoint, Example
from tunewise.task.settings import Entry
from tunewise.workspace.folder import RunFolder
from tunewise.workspace.stages import record_of, run_stage

POINT_VERSION = 2  # rises when a point would be measured otherwise
OVERHEAD = 500  # passes that loading a model is worth, for the time that is left


@dataclass(frozen=True)
class Learner:
    """A candidate whose curve is drawn.

    Attributes:
        name, entry: as in the task.
        setup: the task's; each draw has a seed of its own.
        models: fingerprints of the models it asks for.
        steps: its fits, the smallest first.
        metric: that answers are judged by: 'accuracy', or one of texts.PLAIN.metrics.
    """

    name: str
    entry: Entry
    setup: Setup
    models: tuple[str, ...]
    steps: tuple[Step, ...]
    metric: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What a point's file holds: the point, and the error of each judged row."""

    point: CurvePoint
    ids: tuple[str, ...]
    errors: tuple[float, ...]


@dataclass(frozen=True)
class _Fit:
    """One step with its rows and places."""

    learner: Learner
    step: Step
    given: Given
    folder: RunFolder
    progress: Progress

    @property
    def setup(self) -> Setup:
        """The task's setup with this draw's seed."""
        setup = self.learner.setup
        return replace(setup, seed=(setup.seed + self.step.draw) % 2**32)

    @property
    def path(self) -> Path:
        """Where its answers are kept."""
        return self._below("points").with_suffix(".json")

    @property
    def scratch(self) -> Path:
        """Where the candidate works; gone when it has answered."""
        return self._below("fits")

    def _below(self, kind: str) -> Path:
        name = f"{self.step.size}-{self.step.draw}"
        return self.folder.path / kind / self.learner.name / name


def measured(
    learner: Learner, found: Ground, folder: RunFolder, progress: Progress
) -> list[tuple[CurvePoint, Measured]]:
    """Fit and judge every step that isn't on record; return all of them.

    Args:
        learner: the candidate.
        found: the rows.
        folder: of the curve's own stages and files.
        progress: told of each point, with the time that is left for this candidate.
    """
    points = []
    for step in learner.steps:
        given = found.given(step, getattr(learner.entry.settings, "test_rows", None))
        one = _Fit(learner, step, given, folder, progress)
        fresh = _run(one)
        answers = read_record(one.path, Answers)
        points.append((answers.point, _measured_of(answers, given.judged)))
        if fresh:
            progress.line(_said(learner, answers.point, folder))
    return points


def _run(one: _Fit) -> bool:
    """Run the stage of one step unless it is on record; return whether it was run."""
    entry, given = one.learner.entry, one.given
    return run_stage(
        one.folder,
        _stage(one.learner, one.step),
        version=POINT_VERSION,
        inputs={
            "settings": {"kind": entry.kind, **entry.settings.model_dump(mode="json")},
            "rows": [[row.id for row in given.train], [row.id for row in given.validation]],
            "judged": [[row.id, row.input, row.target] for row in given.judged],
            "labels": one.setup.labels,
            "seed": one.setup.seed,
            "instruction": one.setup.instruction,
            "models": one.learner.models,
            "metric": one.learner.metric,
        },
        work=lambda: _point_file(one),
        scratch=one.scratch,
    )


def _point_file(one: _Fit) -> list[Path]:
    """Fit, answer, write the point, delete the fit."""
    began = time.monotonic()
    judged, step = one.given.judged, one.step
    one.scratch.mkdir(parents=True, exist_ok=True)
    made = candidate(one.learner.entry.kind, one.learner.entry.settings, one.setup)
    fitted = made.fit(one.given.train, one.given.validation, one.scratch, one.progress)
    predictions = fitted.predict([replace(row, target="") for row in judged], one.progress)
    answers = [prediction.answer for prediction in predictions]
    errors = _errors(one.learner.metric, [row.target for row in judged], answers)
    del made, fitted
    let_go()
    point = CurvePoint(
        size=step.size,
        draw=step.draw,
        fold=step.fold,
        judged=len(errors),
        error=float(np.mean(errors)),
        seconds=time.monotonic() - began,
    )
    write_json(one.path, Answers(point, tuple(row.id for row in judged), errors))
    shutil.rmtree(one.scratch)
    return [one.path]


def _measured_of(answers: Answers, judged: Sequence[Example]) -> Measured:
    """Return what the law is fitted to; rows of one group count as one, being alike."""
    errors = np.array(answers.errors)
    groups = group_numbers(judged, answers.ids)
    alone = errors if groups is None else per_group(errors, groups)
    return Measured(answers.point.size, answers.point.fold, alone)


def _errors(metric: str, targets: Sequence[str], answers: Sequence[str]) -> tuple[float, ...]:
    if metric == "accuracy":
        return tuple(float(a != target) for target, a in zip(targets, answers, strict=True))
    return tuple(map(float, 1 - row_scores(metric, targets, answers)))


def seconds_left(learner: Learner, folder: RunFolder, run: RunFolder, rows: int) -> float | None:
    """Return about how long the steps that are left take, None when there is nothing to go by.

    Args:
        learner: the candidate.
        folder: of the curve's stages.
        run: the run folder, in which a fit of the candidate may be on record.
        rows: that such a fit learnt from.
    """
    left = sum(_cost(learner.entry, step) for step in _not_done(learner, folder))
    rate = _seconds_by_pass(learner, folder)
    fit = record_of(run, f"{learner.name}.fit")
    if rate is None and fit is not None:
        rate = fit.seconds / (passes(learner.entry, rows) + OVERHEAD)
    if not left:
        return 0.0
    return None if rate is None else left * rate


def _not_done(learner: Learner, folder: RunFolder) -> list[Step]:
    return [step for step in learner.steps if record_of(folder, _stage(learner, step)) is None]


def _cost(entry: Entry, step: Step) -> float:
    return passes(entry, step.size) + OVERHEAD


def _stage(learner: Learner, step: Step) -> str:
    return f"{learner.name}.{step.size}.{step.draw}"


def _said(learner: Learner, point: CurvePoint, folder: RunFolder) -> str:
    """Return a line on a point that was measured, with the time left at the rate so far."""
    rate = _seconds_by_pass(learner, folder)
    left = sum(_cost(learner.entry, step) for step in _not_done(learner, folder))
    rest = f"; about {clock(left * rate)} left for it" if left and rate else ""
    metric = SCORES.get(learner.metric, learner.metric)
    return (
        f"{learner.name}: {point.size:,} rows, draw {point.draw + 1}:"
        f" {metric} {1 - point.error:.1%} ({clock(point.seconds)}){rest}."
    )


def _seconds_by_pass(learner: Learner, folder: RunFolder) -> float | None:
    """Return the seconds that a pass has taken, over all steps on record; None without any."""
    done = [
        (record.seconds, _cost(learner.entry, step))
        for step in learner.steps
        if (record := record_of(folder, _stage(learner, step)))
    ]
    return sum(seconds for seconds, _ in done) / sum(cost for _, cost in done) if done else None
