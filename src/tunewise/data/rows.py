"""New rows that are only to be answered: a file of any format, plain text lines, or a stream.

Given a path or a stream, gives back Examples without targets, in order and one for each row:
here a row is never left out, since answers are matched to rows by their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tunewise.data.cells import cell_text, other_text
from tunewise.data.columns import chosen_input, require
from tunewise.data.identity import Ids
from tunewise.data.readers import read_table
from tunewise.data.readers.json_rows import parsed_line
from tunewise.data.readers.text import check_text, guessed, reading
from tunewise.data.shapes import Said, asked
from tunewise.errors import DataError, did_you_mean
from tunewise.records import Example
from tunewise.task.settings import Format

STREAM = "standard input"


def read_inputs(
    path: Path | None, stream: BinaryIO, column: str | None, format_: Format = "columns"
) -> list[Example]:
    """Return the rows of a file, or of a stream where there is no file.

    Args:
        path: a CSV, TSV, JSON, JSONL, Parquet or XLSX file, or a .txt file of one text a line.
        stream: bytes of JSON objects or of plain texts, one a line; the first line decides.
        column: the column or key with the text (with the turns, say); left out, it is detected.
        format_: of the rows that were learnt from; a plain text is taken as it is in any.

    Raises:
        FileMissing: there is no such file.
        DataError: a row can't be read or has no text.
    """
    if path is None:
        return _examples(_of_lines(_stream_lines(stream), STREAM, column, format_), STREAM)
    if path.suffix.lower() == ".txt":
        check_text(path)
        with reading(path):
            lines = path.read_text(encoding="utf-8-sig").split("\n")
        return _examples(_of_lines(lines, str(path), None, plain=True), path.name)
    return _examples(_of_table(path, column, format_), path.name)


class _Found(NamedTuple):
    """A row: its place, what it says, its other columns."""

    place: str
    said: Said
    others: dict[str, str] = {}  # noqa: RUF012 -- nobody changes it


def _of_table(path: Path, column: str | None, format_: Format) -> Iterator[_Found]:
    table = read_table(path)
    if format_ != "columns" and column:
        for row in table.rows():
            cells = dict(zip(table.columns, row.values, strict=True))
            yield _Found(table.place(row), asked(format_, column, cells, table.place(row)))
        return
    name = column or chosen_input(table).column
    at = require(table, name, "--column or the task" if column else "detection")
    for row in table.rows():
        place = table.place(row)
        others = {
            other: text
            for n, other in enumerate(table.columns)
            if n != at and (text := other_text(row.values[n], place, other))
        }
        yield _Found(place, Said(cell_text(row.values[at], place, name) or ""), others)


def _stream_lines(stream: BinaryIO) -> list[str]:
    content = stream.read()
    try:
        return content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        name = guessed(content)
        looks = f"; it looks like {name}" if name else ""
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"the text isn't UTF-8 (byte {error.start + 1:,}){looks}",
            where=f"{STREAM}:{line}",
            mend=f"Convert it: iconv -f {name or 'ITS-ENCODING'} -t UTF-8",
        ) from error


def _of_lines(
    lines: list[str],
    shown: str,
    column: str | None,
    format_: Format = "columns",
    *,
    plain: bool = False,
) -> Iterator[_Found]:
    while lines and not lines[-1].strip():
        lines.pop()  # the end of the last line, and blank lines after it
    if not plain and lines and lines[0].lstrip().startswith("{"):
        yield from _of_objects(lines, shown, column, format_)
        return
    for number, line in enumerate(lines, start=1):
        yield _Found(f"{shown}:{number}", Said(line.removesuffix("\r")))


def _of_objects(
    lines: Iterable[str], shown: str, column: str | None, format_: Format
) -> Iterator[_Found]:
    for number, line in enumerate(lines, start=1):
        place = f"{shown}:{number}"
        item = parsed_line(line, place)
        if format_ != "columns" and column:
            yield _Found(place, asked(format_, column, item, place))
            continue
        name = column or _only_key(item, place)
        if name not in item:
            raise DataError(
                f"the object has no '{name}'", where=place, mend=did_you_mean(name, item)
            )
        others = {
            key: text
            for key, value in item.items()
            if key != name and (text := other_text(value, place, key))
        }
        yield _Found(place, Said(cell_text(item[name], place, name) or ""), others)


def _only_key(item: dict[str, object], place: str) -> str:
    if len(item) != 1:
        raise DataError(
            f"the object has {len(item)} keys, and it isn't said which holds the text",
            where=place,
            mend="Name it with --column.",
        )
    return next(iter(item))


def _examples(found: Iterable[_Found], source: str) -> list[Example]:
    ids = Ids()
    examples = []
    for number, (place, said, others) in enumerate(found, start=1):
        text = said.input
        if not text.strip():
            raise DataError(
                "the row has no text to answer", where=place, mend="Write the text or delete it."
            )
        examples.append(
            Example(ids.of(text, ""), text, "", number, source, others, messages=said.messages)
        )
    if not examples:
        raise DataError("there are no rows to answer", where=source, mend="Give at least one.")
    return examples
