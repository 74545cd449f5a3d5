"""What every reader gives back: column names, and rows that can be gone through again and again.

Rows are read from the file each time, so that a large file needn't fit in memory. Knows nothing
of what the columns mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """One row.

    Attributes:
        number: the first row of the file is 1; a header isn't counted.
        line: line of the file on which it begins; None where the format has no lines.
        values: one per column; None where the row has none. Text formats give text, others
            also numbers, truth values, and lists or dicts where cells are nested.
    """

    number: int
    line: int | None
    values: tuple[object, ...]


@dataclass(frozen=True)
class Table:
    """A file of rows.

    Attributes:
        path: of the file.
        columns: names, in the file's order.
        rows: opens the file and gives its rows from the first; raises DataError at the row
            that can't be read.
        header: line of the file on which the columns are named, if there is one.
    """

    path: Path
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[Row]]
    header: int | None = None

    @property
    def head(self) -> str:
        """Where the columns are named, as errors show it."""
        return f"{self.path}:{self.header}" if self.header else str(self.path)

    def place(self, row: Row) -> str:
        """Where a row stands, as errors show it."""
        return f"{self.path}:{row.line}" if row.line else f"{self.path}: row {row.number}"
