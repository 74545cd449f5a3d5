"""The data files that task.yaml names -> Dataset: inputs, targets, ids, and what was left out.

Given settings and the folder they are relative to, gives back every usable row or stops with one
clear error. Knows nothing of where files come from (sources), of formats (readers/, shapes/), of
sides (split) or of what is suspicious but usable (audit/).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from tunewise.data.cells import cell_text, other_text
from tunewise.data.columns import GIVEN, require
from tunewise.data.identity import Ids
from tunewise.data.readers import Fault, Row, Table, read_table
from tunewise.data.refusals import (
    OwnIds,
    Place,
    listed,
    place_of,
    refuse_faulty,
    refuse_labels,
    refuse_shapes,
)
from tunewise.data.shapes import Said, Shape, differing, reader, shape_of
from tunewise.data.shapes.detect import is_blank
from tunewise.data.sources import SIDES, Source, refuse_sheet, sources
from tunewise.data.times import with_times
from tunewise.errors import DataError
from tunewise.progress import Progress, Silent
from tunewise.records import ColumnChoice, Dataset, Example, LeftOut, Split
from tunewise.task.settings import DataSettings, Kind

__all__ = ["SIDES", "read_dataset", "sheet_choice"]

BETWEEN = " / "  # the values of a group of several columns
NO_COLUMNS: dict[str, str] = {}  # one for all rows that have no other columns; nobody changes it


@dataclass
class _Rows:
    """What has been read so far, and what can't be used."""

    kind: Kind
    ids: Ids = field(default_factory=Ids)
    examples: list[Example] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    once: dict[str, str] = field(default_factory=dict)  # labels and groups, each text kept once
    unanswered: list[str] = field(default_factory=list)  # rows with turns after the last answer
    trimmed: int = 0
    numbers: int = 0


@dataclass(frozen=True)
class _File:
    """One file of rows, and what is read of it."""

    table: Table
    shape: Shape
    source: str
    side: Split | None
    groups: tuple[str, ...]
    time: str | None
    others: tuple[str, ...]


def read_dataset(
    settings: DataSettings,
    task_folder: Path,
    extra_columns: Collection[str] = (),
    *,
    kind: Kind = "classification",
    progress: Progress | None = None,
) -> Dataset:
    """Return all rows of a task's files.

    Args:
        settings: the files, and the format and columns where they aren't to be detected.
        task_folder: what the files' names are relative to.
        extra_columns: columns that candidates ask for; kept in Example.columns.
        kind: of the task; targets of 'generation' are texts that are written, of which no labels
            are made.
        progress: gets a bar while a data set is fetched from the Hub.

    Raises:
        FileMissing: a file isn't there.
        Unreachable: the Hub gives no answer for a data set that isn't on this machine.
        DataError: a file, column, row or label can't be used; nothing is guessed or dropped.
    """
    found = sources(settings, task_folder, progress or Silent())
    refuse_sheet(settings, found)
    tables = {
        side: [(name, read_table(path, settings.sheet)) for name, path in source.files]
        for side, source in found.items()
    }
    first = tables["train"][0][1]
    shape = shape_of(first, settings, kind)
    rows = _Rows(kind)
    for side, files in tables.items():
        for name, table in files:
            given = side if len(tables) > 1 else None
            beside = settings.groups, settings.time, tuple(extra_columns)
            _read(rows, _File(table, shape, name, given, *beside))
    if not rows.examples:
        raise DataError(
            "all rows are blank", where=str(first.path), mend="Name a file that has rows."
        )
    if settings.time:
        rows.examples = with_times(rows.examples, settings.time)
    labels: tuple[str, ...] = ()
    if kind == "classification":
        labels = tuple(sorted({example.target for example in rows.examples}))
        shown = {side: str(files[0][1].path) for side, files in tables.items()}
        refuse_labels(rows.examples, labels, shown)
    choices = _choices(rows, shape, settings, found, first)
    return Dataset(tuple(rows.examples), labels, choices, tuple(rows.left_out))


def _read(rows: _Rows, file: _File) -> None:
    """Add a file's rows to `rows`."""
    table, shape = file.table, file.shape
    said_by, beside = reader(shape, table, rows.kind), _beside(rows, file)
    target_at = table.columns.index(shape.columns["target"]) if shape.format == "columns" else -1
    own = OwnIds(table, [*file.groups, file.time, *shape.columns.values()])
    faults: dict[Fault, list[Place]] = defaultdict(list)
    faulty: set[int] = set()
    found = False
    for row in table.rows():
        found = True
        said = said_by(row)
        if said.fault is not None:
            if all(is_blank(value) for value in row.values):
                rows.left_out.append(LeftOut(file.source, row.number, "all its cells are blank"))
            else:
                faults[said.fault].append(place_of(table, row))
                faulty.add(row.number)
            continue
        own.see(row.values)
        if said.unanswered:
            rows.unanswered.append(table.place(row))
        target = _target(rows, said, row.values[target_at] if target_at >= 0 else "")
        group, time, others = beside(row)
        rows.examples.append(
            Example(
                id=rows.ids.of(said.input, target),
                input=said.input,
                target=target,
                row=row.number,
                source=file.source,
                columns=others,
                group=group,
                given_split=file.side,
                messages=said.messages,
                rejected=said.rejected,
                desirable=said.desirable,
                time=time,
            )
        )
    if not found:
        raise DataError(
            "the file has a header and no rows", where=table.head, mend="Name a file that has rows."
        )
    if faulty:
        refuse_shapes(shape.format, differing(table, shape, faulty))
        refuse_faulty(faults)
    own.refuse_shared()


Beside = tuple[str | None, str | None, dict[str, str]]


def _beside(rows: _Rows, file: _File) -> Callable[[Row], Beside]:
    """Return what gives a row's group, its time as it stands there, and the columns kept."""
    table = file.table
    groups = [(name, require(table, name, "data.group")) for name in file.groups]
    time_at = None if file.time is None else require(table, file.time, "data.time")
    others = {name: require(table, name, "a candidate") for name in file.others}

    def found(row: Row) -> Beside:
        place = table.place(row)
        texts = [(cell_text(row.values[at], place, name) or "").strip() for name, at in groups]
        time = None if time_at is None else other_text(row.values[time_at], place, str(file.time))
        kept = {name: other_text(row.values[at], place, name) for name, at in others.items()}
        return (
            _once(rows, BETWEEN.join(texts)) if any(texts) else None,
            time,
            {name: value for name, value in kept.items() if value} or NO_COLUMNS,
        )

    return found


def _target(rows: _Rows, said: Said, cell: object) -> str:
    """Return a row's target; of a label without white space at its ends, which is counted."""
    target = said.target or ""
    if rows.kind == "generation":
        return target
    trimmed = target.strip()
    rows.numbers += not isinstance(cell, str)
    rows.trimmed += trimmed != target
    return _once(rows, trimmed)


def _once(rows: _Rows, text: str) -> str:
    """Return one and the same text for equal texts."""
    return rows.once.setdefault(text, text)


def _choices(
    rows: _Rows,
    shape: Shape,
    settings: DataSettings,
    found: dict[Split, Source],
    first: Table,
) -> tuple[ColumnChoice, ...]:
    """Return what was chosen in the files, with the reasons and what was changed on the way."""
    choices = [
        replace(choice, reason=choice.reason + _noted(rows)) if choice.role == "target" else choice
        for choice in shape.choices
    ]
    if settings.groups:
        choices.append(ColumnChoice("group", " and ".join(settings.groups), GIVEN))
    if settings.time:
        choices.append(ColumnChoice("time", settings.time, GIVEN))
    choices += sheet_choice(first, settings.sheet)
    choices += [
        ColumnChoice(side, source.name, f"{GIVEN}; {source.origin}")
        for side, source in found.items()
        if source.origin
    ]
    return tuple(choices)


def sheet_choice(table: Table, given: str | None) -> list[ColumnChoice]:
    """Return which sheet was taken, if task.yaml names it or there are others with rows."""
    if table.sheet is None or not (given or table.other_sheets):
        return []
    names = [f"'{name}'" for name in table.other_sheets]
    others = f"; {listed(names)} {'have' if len(names) > 1 else 'has'} some too" if names else ""
    reason = GIVEN if given else "it is the first that has rows"
    return [ColumnChoice("sheet", table.sheet, reason + others)]


def _noted(rows: _Rows) -> str:
    """Return what was changed in targets, as words to add to the choice of their column."""
    notes = ""
    if rows.trimmed:
        notes += f"; white space at the ends of {rows.trimmed:,} labels was cut off"
    if rows.numbers:
        notes += f"; {rows.numbers:,} labels that are no texts (numbers, say) were written as texts"
    if rows.unanswered:
        notes += (
            f"; turns after the last answer of {len(rows.unanswered):,} rows were left out, which"
            f" nothing answers ({listed(rows.unanswered)})"
        )
    return notes
