"""CSV and TSV files -> Table, with the exact line on which each row begins.

Quotes are read strictly (RFC 4180): one that is never closed, or is followed by anything but a
delimiter, is an error with its line instead of rows run into each other. For CSV the delimiter
is found from the header: comma, semicolon, tab or bar.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
from collections.abc import Iterator
from pathlib import Path

from tunewise.data.readers.table import Row, Table, named_columns
from tunewise.data.readers.text import MOST_CHARACTERS, check_text, reading
from tunewise.errors import DataError

DELIMITERS = ",;\t|"
MOST_LINES = 1_000  # of one row; more means a quote that was never closed
SNIFFED = 50  # rows from which the delimiter is found


def read_csv(path: Path) -> Table:
    """Return the table in a CSV file, whatever its delimiter."""
    check_text(path)
    return _table(path, delimiter_of(path))


def read_tsv(path: Path) -> Table:
    """Return the table in a file of tab-separated values."""
    check_text(path)
    return _table(path, "\t")


class _Lines:
    """The file's lines on their way to the parser, remembering those of the row being read."""

    def __init__(self, path: Path, lines: Iterator[str]) -> None:
        self.path, self.lines = path, lines
        self.number = 0
        self.row: list[str] = []
        self.characters = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self.lines)
        self.number += 1
        self.row.append(line)
        self.characters += len(line)
        if len(self.row) > MOST_LINES:
            raise DataError(
                f"a quote opens here and isn't closed within {MOST_LINES:,} lines",
                where=f"{self.path}:{self.opened()}",
                mend='Close it, or double it ("") if it is part of the text.',
            )
        return line

    def begin(self) -> int:
        """Forget the last row and return the line on which the next one begins."""
        self.row.clear()
        self.characters = 0
        return self.number + 1

    def opened(self) -> int:
        """Return the line on which the quote opened that is open at the end of the row so far."""
        first = self.number - len(self.row) + 1
        inside, line = False, first
        for count, text in enumerate(self.row):
            for _ in range(text.count('"')):
                inside = not inside
                line = first + count if inside else line
        return line


def _records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Give (first line, fields) of each record; blank lines are none."""
    with reading(path), path.open(encoding="utf-8-sig", newline="") as file:
        lines = _Lines(path, file)
        parser = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            line = lines.begin()
            try:
                fields = _next(parser)
            except StopIteration:
                return
            except csv.Error as error:
                raise _malformed(lines, line, str(error)) from error
            if fields:
                yield line, fields


def _next(parser: Iterator[list[str]], most: int = MOST_CHARACTERS) -> list[str]:
    """Return the next record; the limit on fields is the whole process's, so it is put back."""
    before = csv.field_size_limit(most)
    try:
        return next(parser)
    finally:
        csv.field_size_limit(before)


def _malformed(lines: _Lines, line: int, message: str) -> DataError:
    """Return the parser's complaint about the row that begins at `line`, in words."""
    where = f"{lines.path}:{line}"
    if "field larger" in message:
        return DataError(
            f"a cell has more than {MOST_CHARACTERS:,} characters (its row has"
            f" {lines.characters:,} or more)",
            where=where,
            mend="Shorten it or delete the row; if it is no single text, look for an open quote.",
        )
    if "unexpected end" in message:
        return DataError(
            "a quote opens here and is never closed",
            where=f"{lines.path}:{lines.opened()}",
            mend='Close it, or double it ("") if it is part of the text.',
        )
    if "expected after" in message:
        return DataError(
            f"a quoted field is followed by more text (near line {lines.number})",
            where=where,
            mend='Double the quotes that are part of the text (""), and look for one left open.',
        )
    return DataError(f"the row can't be read ({message})", where=where, mend="Mend this line.")


def _table(path: Path, delimiter: str) -> Table:
    first = next(_records(path, delimiter), None)
    if first is None:
        raise DataError("the file is empty", where=str(path), mend="Name a file that has rows.")
    line, names = first
    columns = named_columns(names, f"{path}:{line}")

    def rows() -> Iterator[Row]:
        records = itertools.islice(_records(path, delimiter), 1, None)
        for number, (begins, fields) in enumerate(records, start=1):
            if len(fields) != len(columns):
                raise _ragged(path, begins, len(fields), len(columns), delimiter)
            yield Row(number, begins, tuple(fields))

    return Table(path, columns, rows, header=line)


def _ragged(path: Path, line: int, found: int, expected: int, delimiter: str) -> DataError:
    shown = {"\t": "tab"}.get(delimiter, f"'{delimiter}'")
    return DataError(
        f"the row has {found} field{'s' * (found != 1)} and the header {expected}",
        where=f"{path}:{line}",
        mend=f"Put a text that holds a {shown} in double quotes, or complete the row.",
    )


def delimiter_of(path: Path) -> str:
    """Return the delimiter of which the header has most; rows of equal width settle a tie."""
    with reading(path), path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(itertools.islice((text for text in file if text.strip()), SNIFFED))

    most = sum(map(len, lines))

    def fits(delimiter: str) -> tuple[int, int, bool]:
        parser = csv.reader(lines, delimiter=delimiter)
        records = []
        with contextlib.suppress(StopIteration):
            while True:
                records.append(_next(parser, most))
        width = len(records[0])
        same = sum(len(record) == width for record in records)
        return width, same, delimiter == ","

    return max(DELIMITERS, key=fits)
