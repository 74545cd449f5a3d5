"""What the columns of a file mean together: one input and one target, a conversation, a preference.

shape_of tells the shape of a file, reader turns its rows into what they say, differing finds rows
of another shape. To add a format: a function and its Spec in formats.py, its name in the settings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from tunewise.data.cells import cell_text
from tunewise.data.columns import GIVEN, chosen, require
from tunewise.data.readers import Fault, Row, Table
from tunewise.data.refusals import Place, place_of
from tunewise.data.shapes.detect import columns_of, detected, filled_cells, format_of, named
from tunewise.data.shapes.formats import SPECS
from tunewise.data.shapes.said import Cells, Said
from tunewise.data.shapes.turns import KEYS, Unusable
from tunewise.errors import DataError, one_line
from tunewise.records import ColumnChoice
from tunewise.task.settings import DataSettings, Format, Kind

__all__ = ["Said", "Shape", "asked", "differing", "reader", "shape_of"]

NAMED = 4  # columns of a row of another shape that are named


@dataclass(frozen=True, slots=True)
class Shape:
    """What the columns of a task's files mean.

    Attributes:
        format: 'columns' where they mean nothing together.
        columns: part of the format ('input' and 'target' for plain columns) to column.
        choices: what is shown of it, with the reasons.
    """

    format: Format
    columns: dict[str, str]
    choices: tuple[ColumnChoice, ...]


def shape_of(table: Table, settings: DataSettings, kind: Kind) -> Shape:
    """Return the shape of a file's rows: what task.yaml says of it, the rest detected.

    Raises:
        DataError: a column isn't there, or none fits.
    """
    format_ = settings.format
    columns: dict[str, str] = {}
    reason = f"{GIVEN}: each row has"
    if format_ == "auto" and (settings.input or settings.target):
        format_ = "columns"
    if format_ == "auto":
        found = detected(table)
        labelled = kind == "classification" and found.format == "kto"  # true and false are labels
        format_ = "columns" if labelled else found.format
        columns = dict(found.columns)
        reason = "each row has"
        if found.rows < found.of:
            reason = f"{found.rows:,} of the first {found.of:,} rows have"
    if format_ == "columns":
        text, target = chosen(
            table,
            kind=kind,
            given_input=settings.input,
            given_target=settings.target,
            others=[*settings.groups, *((settings.time,) if settings.time else ())],
        )
        columns = {"input": text.column, "target": target.column}
        return Shape("columns", columns, (text, target))
    columns = columns or columns_of(table, format_, settings.input, settings.target)
    return Shape(format_, columns, _choices(format_, columns, reason))


def _choices(format_: Format, columns: dict[str, str], reason: str) -> tuple[ColumnChoice, ...]:
    spec = SPECS[format_]
    asked, answer = columns.get(spec.input), columns[spec.target]
    before = [
        columns[p] for p in ("system", "history", "input") if p in columns and p != spec.input
    ]
    beside = f", with {', '.join(repr(name) for name in before)} beside it" if before else ""
    if spec.target == "turns":
        asked_words, answer_words = "all before the last answer" + beside, "the last answer in it"
    else:
        asked_words, answer_words = f"the format says so{beside}", "the format says so"
    return (
        ColumnChoice("format", format_, f"{reason} {spec.words}"),
        ColumnChoice("input", asked or answer, asked_words),
        ColumnChoice("target", answer, answer_words),
    )


def reader(shape: Shape, table: Table, kind: Kind) -> Callable[[Row], Said]:
    """Return what turns the rows of a table into what they say.

    Args:
        shape: of the task's files.
        table: one of them.
        kind: of the task; its word for a target is used in faults.

    Raises:
        DataError: a column isn't there.
    """
    if shape.format == "columns":
        return _plain_reader(shape, table, kind)
    read = SPECS[shape.format].read
    at = {
        part: require(table, column, f"the format '{shape.format}'")
        for part, column in shape.columns.items()
    }

    def said(row: Row) -> Said:
        cells = {part: row.values[n] for part, n in at.items()}
        try:
            return read(Cells(cells, shape.columns, table.place(row)), True)
        except Unusable as error:
            return Said(fault=error.fault)

    return said


def asked(format_: Format, column: str, row: Mapping[str, object], place: str) -> Said:
    """Return what a row that is only to be answered asks.

    Args:
        format_: not plain columns.
        column: that the format's input stood in when rows with answers were read.
        row: its cells by the names of their columns.
        place: of the row.

    Raises:
        DataError: the row can't be used.
    """
    spec = SPECS[format_]
    columns = {
        part: found
        for part, names in spec.parts.items()
        if part not in spec.answer
        if (found := column if part == spec.input and column in row else named(row, names))
    }
    cells = Cells({part: row[name] for part, name in columns.items()}, columns, place)
    try:
        return spec.read(cells, False)
    except Unusable as error:
        fault = error.fault
        raise DataError(f"the row has {fault.what}", where=place, mend=fault.mend) from error


def _plain_reader(shape: Shape, table: Table, kind: Kind) -> Callable[[Row], Said]:
    text_column, target_column = shape.columns["input"], shape.columns["target"]
    text_at = require(table, text_column, "data.input")
    target_at = require(table, target_column, "data.target")
    word = "label" if kind == "classification" else "answer"
    no_text = Fault(f"no text in column '{text_column}'", "Write the text or delete the row.")
    no_target = Fault(
        f"no {word} in column '{target_column}'", f"Write the {word} or delete the row."
    )

    def said(row: Row) -> Said:
        place = table.place(row)
        text = cell_text(row.values[text_at], place, text_column)
        target = cell_text(row.values[target_at], place, target_column)
        if not text or text.isspace():
            return Said(fault=no_text)
        if not target or target.isspace():
            return Said(fault=no_target)
        return Said(text, target)

    return said


def differing(table: Table, shape: Shape, faulty: Collection[int]) -> dict[str, list[Place]]:
    """Return those of a table's faulty rows that have another shape: its name to their places.

    A row has another shape when it is of a format that no usable row is of and lacks a column of
    this one, or when it lacks every column of the shape and has some that no usable row has.
    """
    usual: set[str] = set()
    formats: set[Format | None] = {None, shape.format}
    odd: list[tuple[Place, Format | None, dict[str, object]]] = []
    for row in table.rows():
        filled = filled_cells(table, row.values)
        if row.number in faulty:
            odd.append((place_of(table, row), format_of(filled), filled))
        else:
            usual |= filled.keys()
            formats.add(format_of(filled))
    if not usual:
        return {}
    parts = SPECS[shape.format].needed if shape.format in SPECS else shape.columns
    needed = {shape.columns[part] for part in parts}
    found: dict[str, list[Place]] = defaultdict(list)
    for place, format_, filled in odd:
        whole = needed <= filled.keys() and format_ not in KEYS
        if format_ not in formats and not whole:
            found[f"the format '{format_}'"].append(place)
        elif not filled.keys() & set(shape.columns.values()) and filled.keys() - usual:
            names = ", ".join(f"'{one_line(name, 40)}'" for name in [*filled][:NAMED])
            found[f"columns {names}"].append(place)
    return found
