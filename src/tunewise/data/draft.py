"""A new data file -> a draft of its task.yaml: columns, labels, sibling files, a name.

What `tunewise init` does. Given the file, reads it as a run would, so that what can't be used is
told now. Knows nothing of how a task file is spelled; task/init.py does.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from tunewise.data.columns import Profile, chosen, profiles
from tunewise.data.read import read_dataset
from tunewise.data.readers import read_table
from tunewise.errors import DataError
from tunewise.records import ColumnChoice, Dataset
from tunewise.task.init import Draft, Item, legal_name, refuse_existing, task_text, write_task
from tunewise.task.settings import DataSettings

TRAIN = re.compile(r"(?<![A-Za-z])(train(?:ing)?)(?![a-z])", re.IGNORECASE)
SIBLINGS = {
    "test": ("test", "testing"),
    "validation": ("validation", "valid", "val", "dev"),
}
SAY_NOTHING = {"", "data", "dataset", "rows", "all", "file", "export", "test"}
GROUP_NAMES = {"customer", "user", "account", "client", "patient", "author", "thread", "document"}
ANSWER_NAMES = {"predicted", "prediction", "pred"}


def draft(data_file: Path, task_folder: Path, task_file_name: str = "task.yaml") -> Draft:
    """Return a task file for a file of labelled rows, and what it rests on.

    Args:
        data_file: CSV, TSV, JSON, JSONL or Parquet.
        task_folder: where the task file is to stand; files are named relative to it.
        task_file_name: the task file's own name.

    Raises:
        FileMissing: there is no such file.
        DataError: it can't be used, or its target is free text.
    """
    table = read_table(data_file)
    text, target = chosen(table, given_input=None, given_target=None)
    found = profiles(table)
    _refuse_free_text(data_file, next(p for p in found if p.column == target.column))
    train = _relative(data_file, task_folder)
    siblings = {side: _relative(path, task_folder) for side, path in _siblings(data_file).items()}
    dataset, siblings, notes = _read(train, siblings, (text, target), task_folder)
    counts = {side: _count(dataset, side) for side in siblings}
    rows = len(dataset.examples) - sum(counts.values())
    data = [
        Item("train", train, f"{rows:,} rows"),
        *(Item(side, name, f"{counts[side]:,} rows") for side, name in siblings.items()),
        Item("input", text.column, text.reason),
        Item("target", target.column, target.reason),
    ]
    taken = {text.column, target.column}
    others = [p for p in found if p.column not in taken]
    name = task_name(data_file)
    text_of_task = task_text(
        name,
        len(dataset.labels),
        data,
        hints=_hints(others, siblings),
        existing=_named(others, ANSWER_NAMES),
        file=task_file_name,
    )
    return Draft(
        text=text_of_task,
        task=name,
        choices=(text, target),
        rows=rows,
        labels=dataset.labels,
        notes=tuple(notes),
    )


def write_init(data_file: Path, task_file: Path) -> Draft:
    """Write a task file for a file of labelled rows, and the schema beside it.

    Raises:
        TaskFileError: something stands there already; nothing is ever overwritten.
        FileMissing: there is no such data file.
        DataError: it can't be used.
    """
    refuse_existing(task_file)
    made = draft(data_file, task_file.absolute().parent, task_file.name)
    write_task(task_file, made.text)
    return made


def task_name(data_file: Path) -> str:
    """Return a legal name for the task: the file's, or its folder's where that says little."""
    stem = legal_name(TRAIN.sub("", data_file.stem))
    if stem.lower() not in SAY_NOTHING:
        return stem
    return legal_name(data_file.absolute().parent.name) or stem or "task"


def _refuse_free_text(data_file: Path, target: Profile) -> None:
    if target.is_free_text:
        raise DataError(
            f"the target '{target.column}' looks like free text"
            f" ({target.distinct:,} different values in {target.filled:,} rows,"
            f" {target.words:.0f} words on average), and writing text is for a later version",
            where=str(data_file),
            mend="If another column holds labels, write a task.yaml that names it as data.target.",
        )


def _siblings(data_file: Path) -> dict[str, Path]:
    """Return the files beside 'train.csv' that are named like it for the other sides."""
    match = TRAIN.search(data_file.stem)
    if match is None:
        return {}
    found: dict[str, Path] = {}
    for side, words in SIBLINGS.items():
        for word in words:
            stem = (
                data_file.stem[: match.start()]
                + _cased(word, match[0])
                + data_file.stem[match.end() :]
            )
            path = data_file.with_name(stem + data_file.suffix)
            if side not in found and path.is_file():
                found[side] = path
    return found


def _cased(word: str, like: str) -> str:
    if like.isupper():
        return word.upper()
    return word.capitalize() if like[0].isupper() else word


def _read(
    train: str,
    siblings: dict[str, str],
    choices: tuple[ColumnChoice, ColumnChoice],
    task_folder: Path,
) -> tuple[Dataset, dict[str, str], list[str]]:
    """Return the rows, the sibling files that can be used, and sentences on those."""
    columns = {choice.role: choice.column for choice in choices}

    def rows(others: dict[str, str]) -> Dataset:
        settings = DataSettings.model_validate({"train": train, **others, **columns})
        return read_dataset(settings, task_folder)

    if not siblings:
        return rows({}), {}, []
    names = " and ".join(siblings.values())
    try:
        dataset = rows(siblings)
    except DataError as error:
        alone = rows({})  # when the named file is at fault, that is what is told
        return alone, {}, [f"Not used: {names}, beside it: {error}"]
    return dataset, siblings, [f"Found beside it and used: {names}."]


def _count(dataset: Dataset, side: str) -> int:
    return sum(example.given_split == side for example in dataset.examples)


def _hints(others: list[Profile], siblings: dict[str, str]) -> list[Item]:
    hints = []
    group = _named([p for p in others if p.distinct < p.filled], GROUP_NAMES)
    if group is not None:
        hints.append(Item("group", group, "equal values stay on one side of the split"))
    if "test" not in siblings:
        hints.append(Item("test_share", 0.2, "share of the rows held out for judging"))
    if "validation" not in siblings:
        hints.append(Item("validation_share", 0.1, "share of the training rows for choosing"))
    return hints


def _named(found: list[Profile], names: set[str]) -> str | None:
    for profile in found:
        if names & set(re.split(r"[\W_]+", profile.column.lower())):
            return profile.column
    return None


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.absolute(), folder)).as_posix()
