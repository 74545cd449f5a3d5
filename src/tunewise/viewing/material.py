"""A task's rows on their sides, and the one among them that is to be looked at.

Given a task file and the user's words for a row, gives back an example. Knows nothing of models.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunewise.data.read import read_dataset
from tunewise.data.sources import sources
from tunewise.data.split import split
from tunewise.errors import DataError, did_you_mean
from tunewise.progress import Progress
from tunewise.records import Dataset, Example, Split
from tunewise.task.load import load_task
from tunewise.task.settings import Task

SIDES: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Material:
    """A task and its rows.

    Attributes:
        task: what the user wrote.
        folder: where task.yaml stands.
        dataset: its rows.
        train_files: names that the rows to learn from are told under.
        sides: of the split, by ids; empty where the rows can't be split.
        unsplit: why they can't be.
    """

    task: Task
    folder: Path
    dataset: Dataset
    train_files: tuple[str, ...]
    sides: dict[str, Split]
    unsplit: DataError | None = None

    @property
    def train(self) -> list[Example]:
        """The rows that are trained on.

        Raises:
            DataError: the rows can't be split.
        """
        if self.unsplit:
            raise self.unsplit
        return [row for row in self.dataset.examples if self.sides.get(row.id) == "train"]


def material(task_file: Path, progress: Progress) -> Material:
    """Return a task and its rows.

    Raises:
        TunewiseError: a child of it, as the task's run would raise it.
    """
    task = load_task(task_file)
    folder = task_file.absolute().parent
    dataset = read_dataset(task.data, folder, kind=task.kind, progress=progress)
    files = tuple(name for name, _ in sources(task.data, folder, progress)["train"].files)
    try:
        splits = split(dataset, task.data, task.seed)
    except DataError as error:  # a handful of rows can be looked at all the same
        return Material(task, folder, dataset, files, {}, error)
    sides = {row: side for side in SIDES for row in getattr(splits, side)}
    return Material(task, folder, dataset, files, sides)


def named_row(given: Material, name: str) -> Example:
    """Return the row that the user names.

    Args:
        given: the task's rows.
        name: the row's number in the train file, 'file:row', or an id.

    Raises:
        DataError: no such row.
    """
    rows = given.dataset.examples
    source, _, number = name.rpartition(":")
    if number.isdecimal():
        files = (source,) if source else given.train_files
        for row in rows:
            if row.row == int(number) and (row.source in files or Path(row.source).name in files):
                return row
        for out in given.dataset.left_out:
            if out.row == int(number) and out.source in files:
                where = f"{out.source}:{out.row}"
                raise DataError(f"the row is left out: {out.reason}", where=where)
        if not any(row.id == name for row in rows):
            last = max((row.row for row in rows if row.source in files), default=None)
            raise DataError(
                f"there is no row {number}",
                where=files[0],
                mend=f"Its last is {last:,}." if last else None,
            )
    for row in rows:
        if row.id == name:
            return row
    raise DataError(
        f"there is no row '{name}'",
        mend="Name a row by its number in the train file, as 'file:row', or by its id. "
        + did_you_mean(name, (row.id for row in rows)),
    )


def picked(
    given: Material,
    name: str | None,
    *,
    at_random: bool = False,
    lengths: Callable[[Sequence[Example]], np.ndarray] | None = None,
) -> Example:
    """Return the row that is to be looked at.

    Args:
        given: the task's rows.
        name: as the user names it; left out, the first training row.
        at_random: any training row in place of the first.
        lengths: counts tokens of rows; the longest training row is then taken.

    Raises:
        DataError: no such row.
    """
    if name is not None:
        return named_row(given, name)
    rows = [row for row in given.dataset.examples if given.sides.get(row.id, "train") == "train"]
    if not rows:
        raise DataError("there is no training row", where=given.task.data.train)
    if lengths is not None:
        return rows[int(lengths(rows).argmax())]
    return random.choice(rows) if at_random else rows[0]  # noqa: S311 - no secret hangs on it
