"""Changed rows of CSV and TSV: every byte of a row that isn't changed stays, line ends included.

A changed cell is written in the place of the old one; the other cells of its row stay as they are
spelled.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

from tunewise.data.readers import Row, Table
from tunewise.data.readers.delimited import delimiter_of
from tunewise.data.writers import Change


def write_csv(table: Table, changes: Mapping[int, Change], new: Path) -> None:
    """Write the changed rows of a CSV file, whatever its delimiter."""
    _write(table, changes, new, delimiter_of(table.path))


def write_tsv(table: Table, changes: Mapping[int, Change], new: Path) -> None:
    """Write the changed rows of a file of tab-separated values."""
    _write(table, changes, new, "\t")


def _write(table: Table, changes: Mapping[int, Change], new: Path, delimiter: str) -> None:
    begins = (row.line or 0 for row in table.rows())
    with (
        table.path.open(encoding="utf-8", newline="") as old,
        new.open("w", encoding="utf-8", newline="") as out,
    ):
        pieces = _pieces(old, begins)
        out.write(next(pieces))  # the header, with the mark at the start that some programs write
        for row, piece in zip(table.rows(), pieces, strict=True):
            change = changes.get(row.number, Change())
            record, blank = _record(piece)
            if not change.delete:
                at = {table.columns.index(name): str(text) for name, text in change.values.items()}
                record = _changed(record, row, at, delimiter) if at else record
                out.write(record)
            out.write(blank)


def _pieces(lines: Iterator[str], begins: Iterator[int]) -> Iterator[str]:
    """Give the file cut where its rows begin: what is before the first, then one piece a row."""
    line = 1
    for begin in begins:
        yield "".join(itertools.islice(lines, begin - line))
        line = begin
    yield "".join(lines)


def _record(piece: str) -> tuple[str, str]:
    """Return a row with its line end, and the blank lines after it."""
    ends = piece[len(piece.rstrip("\r\n")) :]
    blank = ends.removeprefix("\r\n") if ends.startswith("\r\n") else ends[1:]
    return piece[: len(piece) - len(blank)], blank


def _changed(record: str, row: Row, texts: Mapping[int, str], delimiter: str) -> str:
    """Return a row in which the cells at some positions hold other texts."""
    body = record.rstrip("\r\n")
    parts, done = [], 0
    for n, (begin, end) in enumerate(_cells(body, delimiter)):
        quoted = body[begin : begin + 1] == '"'
        told = body[begin + 1 : end - 1].replace('""', '"') if quoted else body[begin:end]
        if told != row.values[n]:
            raise AssertionError(f"row {row.number}, cell {n + 1} isn't where it was read")
        if n in texts:
            parts += [body[done:begin], _spelled(texts[n], delimiter, quoted=quoted)]
            done = end
    return "".join([*parts, body[done:], record[len(body) :]])


def _cells(body: str, delimiter: str) -> Iterator[tuple[int, int]]:
    """Give where each cell begins and ends, its quotes included (RFC 4180)."""
    at = 0
    while True:
        end = at
        if body[at : at + 1] == '"':
            end = body.index('"', at + 1) + 1
            while body[end : end + 1] == '"':  # a doubled quote is part of the text
                end = body.index('"', end + 1) + 1
        else:
            found = body.find(delimiter, at)
            end = len(body) if found < 0 else found
        yield at, end
        if end >= len(body):
            return
        at = end + len(delimiter)


def _spelled(text: str, delimiter: str, *, quoted: bool) -> str:
    if quoted or any(c in text for c in ('"', "\r", "\n", delimiter)) or not text:
        return '"' + text.replace('"', '""') + '"'
    return text
