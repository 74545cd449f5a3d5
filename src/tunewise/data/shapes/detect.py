"""Which format the rows of a file have, row by row and as a whole.

Given a Table, gives back the format that most rows have and which column holds each of its parts.
Plain columns, with no meaning together, are what is left when no format fits. Knows nothing of
what the cells say.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tunewise.data.readers import Table
from tunewise.data.shapes.formats import SPECS, TURNS, Spec, truth
from tunewise.data.shapes.turns import KEYS, Style, style_of
from tunewise.errors import DataError, did_you_mean
from tunewise.task.settings import Format

LOOKED_AT = 1_000  # rows from which the format is told


@dataclass(frozen=True, slots=True)
class Found:
    """The format of a file's rows: where its parts are, and how many of the rows looked at have it.

    `columns` (part to column) is empty for plain columns.
    """

    format: Format
    columns: Mapping[str, str]
    rows: int = 0
    of: int = 0


def detected(table: Table) -> Found:
    """Return the format that at least half of the first rows have, plain columns if none."""
    formats: Counter[Format] = Counter()
    of = 0
    for row in itertools.islice(table.rows(), LOOKED_AT):
        filled = filled_cells(table, row.values)
        of += bool(filled)
        found = format_of(filled)
        if found is not None:
            formats[found] += 1
    if formats:
        format_, rows = formats.most_common(1)[0]
        if 2 * rows >= of:
            return Found(format_, columns_of(table, format_), rows, of)
    return Found("columns", {})


def filled_cells(table: Table, values: Iterable[object]) -> dict[str, object]:
    """Return the cells of a row that aren't blank, by the names of their columns."""
    return {
        name: value
        for name, value in zip(table.columns, values, strict=True)
        if not is_blank(value)
    }


def is_blank(value: object) -> bool:
    """Whether a cell has nothing in it."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


def format_of(filled: Mapping[str, object]) -> Format | None:
    """Return the format of one row by its cells that aren't blank; None for plain columns."""
    names = {name.strip().lower(): value for name, value in filled.items()}
    if {"chosen", "rejected"} <= names.keys():
        return "preference"
    if {"prompt", "completion"} <= names.keys():
        label = names.get("label")
        liked = isinstance(label, bool | str) and truth(label) is not None
        return "kto" if liked else "prompt-completion"
    for value in filled.values():
        style = style_of(value)
        if style is not None:
            return style
    if "instruction" in names and names.keys() & set(SPECS["alpaca"].parts["output"]):
        return "alpaca"
    return None


def columns_of(
    table: Table, format_: Format, given_input: str | None = None, given_target: str | None = None
) -> dict[str, str]:
    """Return which column holds each part of a format.

    Args:
        table: the rows.
        format_: not plain columns.
        given_input: column of the format's input, where task.yaml says it.
        given_target: column of its target.

    Raises:
        DataError: a column that the format needs isn't there.
    """
    spec = SPECS[format_]
    given = {spec.target: given_target, spec.input: given_input}
    if "turns" in spec.parts and given_target not in (None, given_input):
        raise DataError(
            f"in the format '{format_}' the target is the last turn of the assistant, no column",
            where=table.head,
            mend="Leave out data.target.",
        )
    found: dict[str, str] = {}
    for part, names in spec.parts.items():
        column = given.get(part) or named(
            [c for c in table.columns if c not in found.values()], names
        )
        if part == "turns" and not given_input:
            column = _with_turns(table, format_) or column  # type: ignore[arg-type]
        if column in table.columns and column is not None:
            found[part] = column
        elif part in spec.needed or given.get(part):
            raise _missing(table, format_, spec, part, given.get(part))
    return found


def named(columns: Iterable[str], names: Iterable[str]) -> str | None:
    """Return the column that is called by the first of the names that any is called by."""
    lowered = {column.strip().lower(): column for column in columns}
    return next((lowered[name] for name in names if name in lowered), None)


def _with_turns(table: Table, style: Style) -> str | None:
    """Return the column in which most rows have turns; of several the one of a usual name."""
    counts: Counter[str] = Counter()
    for row in itertools.islice(table.rows(), LOOKED_AT):
        for name, value in zip(table.columns, row.values, strict=True):
            counts[name] += style_of(value) == style
    most = max(counts.values(), default=0)
    best = [name for name in table.columns if most and counts[name] == most]
    return min(best, key=_usual, default=None)


def _usual(name: str) -> int:
    lowered = name.strip().lower()
    return TURNS.index(lowered) if lowered in TURNS else len(TURNS)


def _missing(table: Table, format_: Format, spec: Spec, part: str, given: str | None) -> DataError:
    if given:
        key = "data.input" if part == spec.input else "data.target"
        return DataError(
            f"there is no column '{given}', which {key} asks for",
            where=table.head,
            mend=did_you_mean(given, table.columns),
        )
    what = f"no column '{spec.parts[part][0]}'"
    if part == "turns":
        style: Style = "sharegpt" if format_ == "sharegpt" else "messages"
        what = f"no column with turns ({' and '.join(KEYS[style])})"
    return DataError(
        f"{what}, which the format '{format_}' asks for",
        where=table.head,
        mend=did_you_mean(spec.parts[part][0], table.columns),
    )
