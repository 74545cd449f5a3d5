"""The data files that task.yaml names -> Dataset: texts, labels, ids, and what was left out.

Given settings and the folder they are relative to, gives back every usable row or stops with one
clear error. Knows nothing of formats (readers/), of sides (split) or of what is suspicious but
usable (audit/).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tunewise.data.cells import cell_text, other_text
from tunewise.data.columns import chosen, require
from tunewise.data.identity import Ids
from tunewise.data.readers import Row, Table, read_table
from tunewise.data.times import with_times
from tunewise.errors import DataError, did_you_mean
from tunewise.records import ColumnChoice, Dataset, Example, LeftOut, Split
from tunewise.task.settings import DataSettings

SHOWN = 5  # rows named in an error
SIDES: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class _Columns:
    """Names of the columns that are read."""

    text: str
    target: str
    group: str | None
    time: str | None
    others: tuple[str, ...]


@dataclass
class _Rows:
    """What has been read so far, and what can't be used."""

    ids: Ids = field(default_factory=Ids)
    examples: list[Example] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    no_text: list[str] = field(default_factory=list)
    no_label: list[str] = field(default_factory=list)
    trimmed: int = 0
    numbers: int = 0


def read_dataset(
    settings: DataSettings, task_folder: Path, extra_columns: Collection[str] = ()
) -> Dataset:
    """Return all rows of a task's files.

    Args:
        settings: the files, and the columns where they aren't to be detected.
        task_folder: what the files' names are relative to.
        extra_columns: columns that candidates ask for; kept in Example.columns.

    Raises:
        FileMissing: a file isn't there.
        DataError: a file, column, row or label can't be used; nothing is guessed or dropped.
    """
    tables = {side: read_table(path) for side, path in _paths(settings, task_folder).items()}
    text, target = chosen(
        tables["train"],
        given_input=settings.input,
        given_target=settings.target,
        others=[name for name in (settings.group, settings.time) if name],
    )
    columns = _Columns(
        text.column, target.column, settings.group, settings.time, tuple(extra_columns)
    )
    rows = _Rows()
    for side, table in tables.items():
        _read(rows, table, columns, side if len(tables) > 1 else None, getattr(settings, side))
    _refuse_empty(rows, columns)
    if settings.time:
        rows.examples = with_times(rows.examples, settings.time)
    labels = tuple(sorted({example.target for example in rows.examples}))
    _check_labels(rows.examples, labels, tables)
    choices = [text, replace(target, reason=target.reason + _noted(rows))]
    if settings.group:
        choices.append(ColumnChoice("group", settings.group, "task.yaml says so"))
    if settings.time:
        choices.append(ColumnChoice("time", settings.time, "task.yaml says so"))
    return Dataset(tuple(rows.examples), labels, tuple(choices), tuple(rows.left_out))


def _paths(settings: DataSettings, task_folder: Path) -> dict[Split, Path]:
    """Return the file of each side that has one; no file may serve two sides."""
    found: dict[Split, Path] = {}
    for side in SIDES:
        name = getattr(settings, side)
        if name is None:
            continue
        path = task_folder / Path(name).expanduser()
        for other, known in found.items():
            if path.exists() and known.exists() and path.samefile(known):
                raise DataError(
                    f"{other} and {side} are the same file",
                    where=str(path),
                    mend=f"Leave out data.{side}: its rows are then taken from train.",
                )
        found[side] = path
    return found


def _read(rows: _Rows, table: Table, columns: _Columns, side: Split | None, source: str) -> None:
    """Add a table's rows to `rows`."""
    text_at = require(table, columns.text, "data.input")
    target_at = require(table, columns.target, "data.target")
    group_at = None if columns.group is None else require(table, columns.group, "data.group")
    time_at = None if columns.time is None else require(table, columns.time, "data.time")
    others = {name: require(table, name, "a candidate") for name in columns.others}
    found = False
    for row in table.rows():
        found = True
        place = table.place(row)
        text = cell_text(row.values[text_at], place, columns.text)
        target = _label(rows, row.values[target_at], place, columns.target)
        if not text or text.isspace() or not target:
            _set_aside(
                rows, row, place, source, has_text=bool(text and text.strip()), target=target
            )
            continue
        group = None
        if group_at is not None:
            group = cell_text(row.values[group_at], place, str(columns.group))
        kept = {name: other_text(row.values[at], place, name) for name, at in others.items()}
        rows.examples.append(
            Example(
                id=rows.ids.of(text, target),
                input=text,
                target=target,
                row=row.number,
                source=source,
                columns={name: value for name, value in kept.items() if value},
                group=group.strip() or None if group else None,
                given_split=side,
                time=None
                if time_at is None
                else other_text(row.values[time_at], place, str(columns.time)),
            )
        )
    if not found:
        raise DataError(
            "the file has a header and no rows", where=table.head, mend="Name a file that has rows."
        )


def _label(rows: _Rows, value: object, place: str, column: str) -> str | None:
    """Return a label without white space at its ends; count what had to be changed."""
    label = cell_text(value, place, column)
    if label is None:
        return None
    rows.numbers += not isinstance(value, str)
    trimmed = label.strip()
    rows.trimmed += trimmed not in (label, "")
    return trimmed


def _set_aside(
    rows: _Rows, row: Row, place: str, source: str, *, has_text: bool, target: str | None
) -> None:
    """Leave out a row in which every cell is blank; remember one that lacks only text or label."""
    if all(value is None or (isinstance(value, str) and not value.strip()) for value in row.values):
        rows.left_out.append(LeftOut(source, row.number, "all its cells are blank"))
    elif not has_text:
        rows.no_text.append(place)
    elif not target:
        rows.no_label.append(place)


def _refuse_empty(rows: _Rows, columns: _Columns) -> None:
    for places, column, what, mend in (
        (rows.no_text, columns.text, "no text", "Write the text or delete the row."),
        (rows.no_label, columns.target, "no label", "Write the label or delete the row."),
    ):
        if places:
            also = f"; also {listed(places[1:])}" if len(places) > 1 else ""
            count = f"{len(places):,} rows have" if len(places) > 1 else "the row has"
            raise DataError(
                f"{count} {what} in column '{column}'{also}", where=places[0], mend=mend
            )


def _check_labels(
    examples: list[Example], labels: tuple[str, ...], tables: dict[Split, Table]
) -> None:
    where = str(tables["train"].path)
    if not labels:
        raise DataError("all rows are blank", where=where, mend="Name a file that has rows.")
    if len(labels) == 1:
        raise DataError(
            f"all rows have the same label, '{labels[0]}'",
            where=where,
            mend="Add rows of at least one other label, or name another column as data.target.",
        )
    if len(tables) > 1:
        _refuse_unlearnable(examples, tables)
    counts = Counter(example.target for example in examples)
    single = [label for label in labels if counts[label] == 1]
    if single:
        alone = next(example for example in examples if example.target == single[0])
        quoted = [f"'{label}'" for label in single[1:]]
        others = f"; so have {listed(quoted)}" if quoted else ""
        raise DataError(
            f"the label '{single[0]}' has only one row (row {alone.row}){others}",
            where=_file_of(alone, tables),
            mend="Add rows of it, merge it into another label, or delete it; one row can't be both"
            " learnt from and judged on.",
        )


def _refuse_unlearnable(examples: list[Example], tables: dict[Split, Table]) -> None:
    """Stop when a file to choose or judge on has a label that train doesn't have."""
    train = {example.target for example in examples if example.given_split == "train"}
    for example in examples:
        if example.target not in train:
            rows = sum(other.target == example.target for other in examples)
            near = did_you_mean(example.target, train)
            near = f" {near}" if near.startswith("Did you mean") else ""
            raise DataError(
                f"the label '{example.target}' (row {example.row}, {rows:,} in all) doesn't occur"
                f" in {tables['train'].path.name}",
                where=_file_of(example, tables),
                mend=f"Add rows of it to train, or correct its spelling.{near}",
            )


def _file_of(example: Example, tables: dict[Split, Table]) -> str:
    return str(tables[example.given_split or "train"].path)


def _noted(rows: _Rows) -> str:
    """Return what was changed in labels, as words to add to the choice of their column."""
    notes = ""
    if rows.trimmed:
        notes += f"; white space at the ends of {rows.trimmed:,} labels was cut off"
    if rows.numbers:
        notes += f"; {rows.numbers:,} labels that are no texts (numbers, say) were written as texts"
    return notes


def listed(names: Iterable[str]) -> str:
    """Return the first few names with commas, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
