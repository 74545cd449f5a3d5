"""A task's rows -> its learning curves: plan, measure, fit a law, say what it comes to.

Leaves, below curve/ in the run folder, one file and one stage per point, so that a curve that was
cut off is carried on. Test rows are neither fitted on nor scored. Knows nothing of how a curve is
shown.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunewise.candidates import Setup
from tunewise.curve.asked import Asked, chosen
from tunewise.curve.measure import Learner, measured, seconds_left
from tunewise.curve.noise import label_noise
from tunewise.curve.noise import steps as noise_steps
from tunewise.curve.outcome import learning_curve, sentence
from tunewise.curve.plan import FOLDS, Ground, Step, ground, sizes_of, steps_of
from tunewise.decision.case import SCORES
from tunewise.engines.embeddings import Embedder
from tunewise.evaluation.texts import PLAIN, PLAIN_METRIC
from tunewise.files import read_record, write_json
from tunewise.models.resolve import resolve
from tunewise.progress import Progress, clock, showing
from tunewise.records import Dataset, LabelNoise, LearningCurves, Splits
from tunewise.task.settings import DEFAULT_ENCODER, Entry, Task
from tunewise.trial import models_of, outward_of
from tunewise.workspace.folder import RunFolder
from tunewise.workspace.stages import run_stage

NOISE_VERSION = 1  # rises when the stage would leave something else for the same inputs
READ_TOKENS = 64  # of each text, for the probe that looks for wrong labels
MOST_NOISE_ROWS = 10_000  # on which wrong labels are looked for


@dataclass(frozen=True)
class Field:
    """What curves are drawn from and where.

    Attributes:
        dataset, splits: of the task.
        task, task_folder: what the user wrote, and where it stands.
        run: the task's run folder.
        progress: where to say what goes on.
    """

    dataset: Dataset
    splits: Splits
    task: Task
    task_folder: Path
    run: RunFolder
    progress: Progress

    @property
    def folder(self) -> RunFolder:
        """Where the curve's own stages and files are."""
        return RunFolder(self.run.curve_work)

    @property
    def metric(self) -> str:
        """What curves are judged by: accuracy, or how alike texts are, by the task's metric.

        A metric that needs more than two texts, such as a model, gives way to ROUGE-L.
        """
        if self.task.kind != "generation":
            return "accuracy"
        wanted = self.task.decide.metric
        return wanted if wanted in PLAIN.metrics else PLAIN_METRIC


def learning_curves(field: Field, asked: Asked) -> LearningCurves:
    """Measure what isn't on record, fit the laws and return the curves.

    Raises:
        BadInput: a candidate that there isn't, or that doesn't learn.
        DataError: too few rows for a curve.
    """
    entries = chosen(field.task, asked.candidates)
    found = ground(field.dataset, field.splits, field.task.data.validation_share, field.task.seed)
    writes = field.task.kind == "generation"
    sizes = sizes_of(found, asked.draws, labelled=not writes)
    learners = [
        _learner(field, name, entry, steps_of(found, sizes, entry, asked.draws))
        for name, entry in entries
    ]
    _say_plan(field, learners, sizes)
    rows, more = len(found.rows), asked.more or len(found.rows)
    curves = []
    for learner in learners:
        points = measured(learner, found, field.folder, field.progress)
        curves.append(
            learning_curve(
                learner.name,
                learner.entry.kind,
                points,
                rows=rows,
                more=more,
                seed=field.task.seed,
            )
        )
    shutil.rmtree(field.folder.path / "fits", ignore_errors=True)  # all empty by now
    folds = max(1, len({s.fold for one in learners for s in one.steps}))
    noise = None if writes else _noise(field, found, folds)
    words = SCORES.get(field.metric, field.metric)
    return LearningCurves(
        rows=rows,
        more=more,
        metric=field.metric,
        how=_how(found, learners),
        curves=tuple(curves),
        noise=noise,
        sentence=sentence(curves, rows, more, words, noise),
    )


def _learner(field: Field, name: str, entry: Entry, steps: Sequence[Step]) -> Learner:
    models = (
        resolve(model, field.progress, task_folder=field.task_folder).fingerprint
        for model in models_of(entry)
    )
    setup = Setup(
        labels=field.dataset.labels,
        seed=field.task.seed,
        task_folder=field.task_folder,
        instruction=field.task.instruction,
        kind=entry.kind,
        task_kind=field.task.kind,
        outward=outward_of(field.run, field.task),
    )
    return Learner(name, entry, setup, tuple(models), tuple(steps), field.metric)


def _say_plan(field: Field, learners: Sequence[Learner], sizes: Sequence[int]) -> None:
    """Say what will be fitted, and about how long it takes where a fit is on record."""
    fits = " and ".join(f"{len(one.steps)} of {one.name}" for one in learners)
    field.progress.line(
        f"Learning curve: {len(sizes)} sizes from {sizes[0]:,} to {sizes[-1]:,} rows, {fits} to"
        " fit."
    )
    for one in learners:
        seconds = seconds_left(one, field.folder, field.run, len(field.splits.train))
        if seconds:
            field.progress.line(f"{one.name}: about {clock(seconds)}.")


def _noise(field: Field, found: Ground, folds: int) -> LabelNoise:
    """Return what wrong labels cost, measured once for the same rows and encoder."""
    path = field.folder.path / "noise.json"
    part = found.part(MOST_NOISE_ROWS)
    model = resolve(DEFAULT_ENCODER, field.progress, task_folder=field.task_folder)

    def work() -> list[Path]:
        number = {label: n for n, label in enumerate(field.dataset.labels)}
        y = np.array([number[row.target] for row in part.rows], dtype=np.int64)
        embedder = Embedder(model.path, READ_TOKENS)
        X = embedder.embed([row.input for row in part.rows], field.progress)
        pieces = noise_steps(range(folds))
        with showing(field.progress, "Looking for wrong labels", pieces, "steps") as bar:
            noise = label_noise(
                part, X, y, labels=len(number), folds=range(folds), advance=bar.advance
            )
        write_json(path, noise)
        return [path]

    run_stage(
        field.folder,
        "label-noise",
        version=NOISE_VERSION,
        inputs={
            "rows": [[row.id, row.input, row.target] for row in part.rows],
            "folds": [part.folds, folds],
            "model": model.fingerprint,
        },
        work=work,
    )
    return read_record(path, LabelNoise)


def _how(found: Ground, learners: Sequence[Learner]) -> str:
    """Return in words what every point was judged on."""
    folds = max(len({step.fold for step in one.steps}) for one in learners)
    part = "a fifth" if folds == 1 else f"fifths ({folds} of {FOLDS}, in turn)"
    return (
        f"Judged on {part} of the {len(found.rows):,} rows to learn from and choose on, drawn by"
        " hash, of which no fit was given any; test rows were not touched."
    )
