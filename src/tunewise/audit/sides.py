"""The rows of a dataset on their sides of the split, and what else a check may look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tunewise.audit.embedded import Embedded
from tunewise.data.copies import compared
from tunewise.data.near import near_texts
from tunewise.progress import Progress
from tunewise.records import Dataset, Example, Splits
from tunewise.task.settings import Task


@dataclass(frozen=True)
class Sides:
    """What every check is given.

    Attributes:
        dataset: with the rows that were left out.
        train, validation, test: rows on each side; rows that train_rows spares are on none.
        task: what the user wrote.
        task_folder: where task.yaml stands; relative paths start here.
        progress: where a check that takes long says so.
    """

    dataset: Dataset
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    task: Task
    task_folder: Path
    progress: Progress

    @property
    def learning(self) -> tuple[Example, ...]:
        """Rows that a candidate sees before it is judged."""
        return self.train + self.validation

    @cached_property
    def near(self) -> list[list[Example]]:
        """Clusters of used rows whose texts are near copies, found once for all checks."""
        rows: dict[str, list[int]] = {}
        for at, row in enumerate(self.used):
            rows.setdefault(compared(row), []).append(at)
        found = [sorted(at for text in same for at in rows[text]) for same in near_texts(rows)]
        return [[self.used[at] for at in same] for same in sorted(found)]

    @cached_property
    def embedded(self) -> Embedded:
        """The vectors of inputs, made once for all checks."""
        return Embedded(self.task_folder, self.progress)

    @property
    def target_word(self) -> str:
        """What a target is called here."""
        return "label" if self.dataset.labels else "answer"

    @cached_property
    def used(self) -> tuple[Example, ...]:
        """All rows on any side."""
        return self.learning + self.test


def sides(
    dataset: Dataset, splits: Splits, task: Task, task_folder: Path, progress: Progress
) -> Sides:
    """Return the rows on their sides."""
    by_id = {row.id: row for row in dataset.examples}
    train, validation, test = (
        tuple(by_id[i] for i in ids) for ids in (splits.train, splits.validation, splits.test)
    )
    return Sides(dataset, train, validation, test, task, task_folder, progress)
