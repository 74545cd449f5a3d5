"""What every reader gives back: column names, and rows that can be gone through again and again.

Rows are read from the file each time, so that a large file needn't fit in memory. Knows nothing
of what the columns mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tunewise.errors import DataError


class Row(NamedTuple):
    """One row.

    Attributes:
        number: the first row of the file is 1; a header isn't counted.
        line: line of the file (row of the spreadsheet) on which it begins; None where the
            format has no lines.
        values: one per column; None where the row has none. Text formats give text, others
            also numbers, truth values, and lists or dicts where cells are nested; a cell that
            holds no value but a fault gives a Fault.
    """

    number: int
    line: int | None
    values: tuple[object, ...]


class Fault(NamedTuple):
    """Why a cell has no value; told when its column is read.

    Attributes:
        what: is the matter.
        mend: what can be done.
        shown: what the spreadsheet program shows in the cell, where it shows an error.
    """

    what: str
    mend: str
    shown: str | None = None


@dataclass(frozen=True)
class Table:
    """A file of rows.

    Attributes:
        path: of the file.
        columns: names, in the file's order.
        rows: opens the file and gives its rows from the first; raises DataError at the row
            that can't be read.
        header: line of the file on which the columns are named, if there is one.
        sheet: name of the spreadsheet's sheet that holds the rows, if there are sheets.
        other_sheets: names of those that hold rows too.
    """

    path: Path
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[Row]]
    header: int | None = None
    sheet: str | None = None
    other_sheets: tuple[str, ...] = ()

    @property
    def head(self) -> str:
        """Where the columns are named, as errors show it."""
        return f"{self.path}:{self.header}" if self.header else str(self.path)

    def place(self, row: Row) -> str:
        """Where a row stands, as errors show it."""
        return f"{self.path}:{row.line}" if row.line else f"{self.path}: row {row.number}"

    def short(self, row: Row) -> str:
        """Where a row stands in the file, when the file was named before."""
        return f"line {row.line}" if row.line else f"row {row.number}"


def named_columns(names: Sequence[str], where: str) -> tuple[str, ...]:
    """Return a header's names; one left empty, as spreadsheets do for an index, gets one.

    Args:
        names: as they stand in the header.
        where: the header stands, as errors show it.

    Raises:
        DataError: a name stands there twice.
    """
    columns = [name.strip() or f"column {n}" for n, name in enumerate(names, start=1)]
    for n, name in enumerate(columns):
        if name in columns[:n]:
            raise DataError(
                f"the header has '{name}' twice (columns {columns.index(name) + 1} and {n + 1})",
                where=where,
                mend="Rename or delete one of the two.",
            )
    return tuple(columns)
