"""A finished run, and other wishes than its task's -> another verdict, from what was measured.

Nothing is fitted, answered or looked at anew, and nothing is written: the same answers are judged
by other prices, volumes, limits or gains. Knows nothing of the command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic

from tunewise.data.store import load_dataset
from tunewise.decision.decide import decided
from tunewise.errors import BadInput, did_you_mean
from tunewise.evaluation.texts import PLAIN, asked_of
from tunewise.files import read_record, read_records
from tunewise.progress import Silent
from tunewise.records import Comparison, Prediction, Scorecard, Splits, Verdict
from tunewise.task.load import load_task
from tunewise.task.settings import LABEL_METRICS, DecideSettings, Task, named
from tunewise.workspace.folder import RunFolder, opened, task_folder_of
from tunewise.workspace.stages import trusted


def redecided(path: Path, wishes: Mapping[str, Any]) -> Verdict:
    """Return what the verdict would be with other settings under `decide`.

    Args:
        path: of the run folder.
        wishes: keys of `decide` with their new values; the task's own hold for the others.

    Raises:
        RunFolderError: no run, or its files were changed since.
        BadInput: a value that can't be, or a metric that the task doesn't have.
    """
    folder = opened(path)
    task = load_task(folder.task)
    settings = _settings(task, wishes)
    trusted(folder, "verdict")
    names = list(named(task.candidates))
    dataset = load_dataset(folder, only=set(read_record(folder.splits, Splits).test))
    cards = {
        side: {n: read_record(folder.candidate(n).scorecard(side), Scorecard) for n in names}
        for side in ("validation", "test")
    }
    metrics = sorted({m for card in cards["test"].values() for m in card.metrics})
    if settings.metric not in metrics:
        raise BadInput(
            f"the run has no metric '{settings.metric}'",
            mend=did_you_mean(settings.metric, metrics),
        )
    return decided(
        validation=cards["validation"],
        test=cards["test"],
        answers=_Answers(folder, names),
        examples=dataset.examples,
        labels=dataset.labels,
        settings=settings,
        looks=read_record(folder.verdict, Verdict).looks,
        seed=task.seed,
        asked=PLAIN
        if settings.metric in LABEL_METRICS
        else asked_of(task, task_folder_of(folder), Silent()),
        known={(c.challenger, c.incumbent, c.metric): c for c in _known(folder)},
    )


class _Answers(Mapping[str, Sequence[Prediction]]):
    """Every candidate's answers on the test rows, read when asked for: most never are."""

    def __init__(self, folder: RunFolder, names: Sequence[str]) -> None:
        self._files = {name: folder.candidate(name).predictions("test") for name in names}
        self._read: dict[str, list[Prediction]] = {}

    def __getitem__(self, name: str) -> list[Prediction]:
        if name not in self._read:
            self._read[name] = read_records(self._files[name], Prediction)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _known(folder: RunFolder) -> list[Comparison]:
    path = folder.comparisons
    return read_record(path, list[Comparison]) if path.exists() else []


def _settings(task: Task, wishes: Mapping[str, Any]) -> DecideSettings:
    try:
        return DecideSettings.model_validate(task.decide.model_dump() | dict(wishes))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            f"{first['msg'][:1].lower()}{first['msg'][1:]}, and {first['input']!r} was given",
            where=f"decide.{key}",
            mend="Give another value.",
        ) from error
