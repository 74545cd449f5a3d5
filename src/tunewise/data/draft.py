"""A new data file -> a draft of its task.yaml: columns, labels, sibling files, a name.

What `tunewise init` does. Given the file, reads it as a run would, so that what can't be used is
told now. Knows nothing of how a task file is spelled; task/init.py does.
"""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tunewise.data.columns import PROFILED, Profile, likely_kind, profile, profiles
from tunewise.data.hub import hub_name, known_splits
from tunewise.data.hub_files import WORDS
from tunewise.data.read import read_dataset, sheet_choice
from tunewise.data.readers import Table, read_table
from tunewise.data.shapes import Shape, reader, shape_of
from tunewise.data.shapes.detect import detected
from tunewise.data.sources import is_on_hub, sources
from tunewise.errors import DataError
from tunewise.progress import Silent
from tunewise.records import ColumnChoice, Dataset
from tunewise.task.init import Draft, Item, legal_name, refuse_existing, task_text, write_task
from tunewise.task.settings import DataSettings, Kind

TRAIN = re.compile(r"(?<![A-Za-z])((?i:train(?:ing)?))(?![a-z])")
SIBLINGS = {
    "test": ("test", "testing"),
    "validation": ("validation", "valid", "val", "dev"),
}
SAY_NOTHING = {"", "data", "dataset", "set", "rows", "all", "file", "export", "test"}
GROUP_NAMES = {
    "customer",
    "user",
    "account",
    "client",
    "patient",
    "author",
    "thread",
    "document",
    "doc",
}
ANSWER_NAMES = {"predicted", "prediction", "pred"}


def draft(data: str | Path, task_folder: Path, task_file_name: str = "task.yaml") -> Draft:
    """Return a task file for answered rows, and what it rests on.

    Args:
        data: a CSV, TSV, JSON, JSONL, Parquet or XLSX file, or a data set on the Hub.
        task_folder: where the task file is to stand; files are named relative to it.
        task_file_name: the task file's own name.

    Raises:
        FileMissing: there is no such file.
        DataError: it can't be used.
        Unreachable: the Hub gives no answer.
    """
    found = _looked_at(data, task_folder)
    dataset, siblings, notes = _read(found, task_folder)
    counts = {side: _count(dataset, side) for side in siblings}
    rows = len(dataset.examples) - sum(counts.values())
    items = [
        Item("train", found.train, f"{rows:,} rows"),
        *(Item(side, name, f"{counts[side]:,} rows") for side, name in siblings.items()),
        *_chosen_items(found),
    ]
    text = task_text(
        found.name,
        found.kind,
        len(dataset.labels),
        items,
        hints=_hints(found.others, siblings),
        existing=_named(found.others, ANSWER_NAMES),
        file=task_file_name,
    )
    return Draft(
        text=text,
        task=found.name,
        choices=_shown(found, dataset),
        rows=rows,
        labels=dataset.labels,
        kind=found.kind,
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class _Found:
    """What was found in the rows that were named.

    Attributes:
        train: how the task file names them.
        name: of the task.
        kind: that they seem to be for.
        shape: of the rows.
        others: columns that play no role yet.
        siblings: how the task file names the rows beside them, by side.
        sheet: the choice of it, where there are others.
    """

    train: str
    name: str
    kind: Kind
    shape: Shape
    others: list[Profile]
    siblings: dict[str, str]
    sheet: list[ColumnChoice]


def _looked_at(data: str | Path, task_folder: Path) -> _Found:
    if is_on_hub(str(data), Path.cwd()):
        train, path = str(data), None
        name, siblings = _hub_parts(str(data))
    else:
        path = Path(data)
        train, name = _relative(path, task_folder), task_name(path)
        siblings = {s: _relative(p, task_folder) for s, p in _siblings(path).items()}
    settings = DataSettings(train=train)
    first = sources(settings, task_folder, Silent())["train"].files[0][1]
    table = read_table(path or first)
    kind, shape = _kind_and_shape(table, settings)
    taken = set(shape.columns.values())
    others = [p for p in profiles(table) if p.column not in taken]
    return _Found(train, name, kind, shape, others, siblings, sheet_choice(table, None))


def _kind_and_shape(table: Table, settings: DataSettings) -> tuple[Kind, Shape]:
    """Return what the rows seem to be for, and their shape."""
    if detected(table).format == "columns":
        kind = likely_kind(table)
        return kind, shape_of(table, settings, kind)
    shape = shape_of(table, settings, "generation")
    if shape.format in ("preference", "kto"):
        return "generation", shape
    said = reader(shape, table, "generation")
    answers = [said(row).target for row in itertools.islice(table.rows(), PROFILED)]
    written = profile("target", [answer for answer in answers if answer])
    return "generation" if written.is_free_text or written.distinct < 2 else "classification", shape


def _chosen_items(found: _Found) -> list[Item]:
    """Return the lines on format, sheet, input and target."""
    choices = {choice.role: choice for choice in found.shape.choices}
    items = [Item("sheet", choice.column, choice.reason) for choice in found.sheet]
    if "format" in choices:
        items.append(Item("format", found.shape.format, choices["format"].reason))
        if "turns" in found.shape.columns:
            items.append(Item("input", found.shape.columns["turns"], choices["input"].reason))
        return items
    text, target = choices["input"], choices["target"]
    return [
        *items,
        Item("input", text.column, text.reason),
        Item("target", target.column, target.reason),
    ]


def _shown(found: _Found, dataset: Dataset) -> tuple[ColumnChoice, ...]:
    """Return the choices with the reasons found here: when rows were read they were given."""
    known = {choice.role: choice for choice in (*found.shape.choices, *found.sheet)}
    return tuple(known.get(choice.role, choice) for choice in dataset.columns)


def write_init(data: str | Path, task_file: Path) -> Draft:
    """Write a task file for answered rows, and the schema beside it.

    Raises:
        TaskFileError: something stands there already; nothing is ever overwritten.
        DataError, FileMissing, Unreachable: the rows can't be used.
    """
    refuse_existing(task_file)
    made = draft(data, task_file.absolute().parent, task_file.name)
    write_task(task_file, made.text)
    return made


def task_name(data_file: Path) -> str:
    """Return a legal name for the task: the file's, or its folder's where that says little."""
    stem = legal_name(TRAIN.sub("", data_file.stem))
    if stem.lower() not in SAY_NOTHING:
        return stem
    return legal_name(data_file.absolute().parent.name) or stem or "task"


def _hub_parts(data: str) -> tuple[str, dict[str, str]]:
    """Return a name for the task, and the splits beside the one that is named, by side."""
    named = hub_name(data)
    assert named is not None
    name = legal_name(named.repo.id.partition("/")[2]) or "task"
    subset, _, split = (named.split or "").rpartition("/")
    if split and split not in WORDS["train"]:
        return name, {}
    pin = known_splits(named.repo)
    splits = pin.subsets.get(subset or pin.subset or "", {})
    before = f"{named.repo.shown}:{subset}/" if subset else f"{named.repo.shown}:"
    found = {}
    for side in ("validation", "test"):
        word = next((word for word in WORDS[side] if word in splits), None)
        if word is not None:
            found[side] = before + word
    return name, found


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


def _read(found: _Found, task_folder: Path) -> tuple[Dataset, dict[str, str], list[str]]:
    """Return the rows, the sibling files that can be used, and sentences on those."""
    chosen = {item.key: item.value for item in _chosen_items(found)}

    def rows(others: dict[str, str]) -> Dataset:
        settings = DataSettings.model_validate({"train": found.train, **others, **chosen})
        return read_dataset(settings, task_folder, kind=found.kind)

    if not found.siblings:
        return rows({}), {}, []
    names = " and ".join(found.siblings.values())
    try:
        dataset = rows(found.siblings)
    except DataError as error:
        alone = rows({})  # when the named file is at fault, that is what is told
        return alone, {}, [f"Not used: {names}, beside it: {error}"]
    return dataset, found.siblings, [f"Found beside it and used: {names}."]


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
    for one in found:
        if names & set(re.split(r"[\W_]+", one.column.lower())):
            return one.column
    return None


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.absolute(), folder)).as_posix()
