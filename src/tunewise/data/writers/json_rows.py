"""Changed rows of JSON and JSONL: every byte outside of what is changed stays.

Objects are found in the text itself, so that a new value is written in the place of the old one
and all else (order of keys, spacing, spelling of numbers) stays as the user's program wrote it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tunewise.data.cells import cell_text
from tunewise.data.readers import Table
from tunewise.data.readers.json_rows import by_number
from tunewise.data.writers import Change
from tunewise.errors import DataError

BLANK = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder()


class Item(NamedTuple):
    """Where an item of a list or object stands: with its key, if it has one, and its value."""

    begin: int
    value: int
    end: int
    key: str | None


def write_jsonl_rows(table: Table, changes: Mapping[int, Change], new: Path) -> None:
    """Write the changed rows of a file with one object a line."""
    rows = table.rows()
    with (
        table.path.open(encoding="utf-8", newline="\n") as old,
        new.open("w", encoding="utf-8", newline="") as out,
    ):
        following = next(rows, None)
        for number, line in enumerate(old, start=1):
            change = Change()
            if following is not None and following.line == number:
                change = changes.get(following.number, change)
                following = next(rows, None)
            if change.values:
                at = line.index("{")
                out.write(line[:at] + _changed(line[at:], change, table.path))
            elif not change.delete:
                out.write(line)


def write_json_rows(table: Table, changes: Mapping[int, Change], new: Path) -> None:
    """Write the changed rows of a JSON file, in whichever of the shapes that are read."""
    with table.path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    at = _past_blank(text, 1 if text.startswith("\ufeff") else 0)
    if text[at] == "{":
        inside = {item.key: item for item in _items(text, at)}
        at = inside["data"].value if "data" in inside else at
    if text[at] == "{" and by_number(DECODER.raw_decode(text, at)[0]):
        made = _by_column(text, at, changes, table.path)
    else:
        gone = {number for number, change in changes.items() if change.delete}

        def spelled(number: int, old: str) -> str:
            change = changes.get(number, Change())
            return _changed(old, change, table.path) if change.values else old

        made = _edited(text, list(_items(text, at)), gone, spelled)
    with new.open("w", encoding="utf-8", newline="") as out:
        out.write(made)


def _by_column(text: str, at: int, changes: Mapping[int, Change], path: Path) -> str:
    """Return the text of {column: {number: value}}, changed."""
    gone = {number for number, change in changes.items() if change.delete}
    items = list(_items(text, at))
    columns = {name for change in changes.values() for name in change.values}
    if missing := columns - {item.key for item in items}:
        raise DataError(f"there is no '{min(missing)}' to change", where=str(path))

    def column(number: int, old: str) -> str:
        name = items[number - 1].key or ""

        def cell(row: int, value: str) -> str:
            values = changes.get(row, Change()).values
            return _spelled(values[name], value, old) if name in values else value

        return _edited(old, list(_items(old, 0)), gone, cell)

    return _edited(text, items, (), column)


def _items(text: str, at: int) -> Iterator[Item]:
    """Give the items of a list or object in their order; `at` is its bracket."""
    named, close = (True, "}") if text[at] == "{" else (False, "]")
    at = _past_blank(text, at + 1)
    while text[at] != close:
        key, value = None, at
        if named:
            key, end = DECODER.raw_decode(text, at)
            value = _past_blank(text, _past_blank(text, end) + 1)
        _, end = DECODER.raw_decode(text, value)
        yield Item(at, value, end, key)
        at = _past_blank(text, end)
        at = _past_blank(text, at + 1) if text[at] == "," else at


def _edited(
    text: str, items: list[Item], gone: Collection[int], spelled: Callable[[int, str], str]
) -> str:
    """Return the text without some items and with others spelled anew; they count from 1.

    What stands between two items goes with the first of them, so that no comma is left over.
    """
    parts, after = [text[: items[0].begin]], ""
    for number, item in enumerate(items, start=1):
        if number in gone:
            continue
        value = spelled(number, text[item.value : item.end])
        parts += [after, text[item.begin : item.value], value]
        until = items[number].begin if number < len(items) else item.end
        after = text[item.end : until]
    return "".join([*parts, text[items[-1].end :]])


def _changed(text: str, change: Change, path: Path) -> str:
    """Return the text of an object with other values at some of its keys."""
    items = list(_items(text, 0))
    if missing := sorted(change.values.keys() - {item.key for item in items}):
        raise DataError(f"the row has no '{missing[0]}' to change", where=str(path))

    def value(number: int, old: str) -> str:
        key = items[number - 1].key or ""
        return _spelled(change.values[key], old, text) if key in change.values else old

    return _edited(text, items, (), value)


def _spelled(value: object, old: str, around: str) -> str:
    """Return a value as JSON, spelled like what is around it.

    A text becomes a number or truth value where the old value was one and the text is one too.
    """
    if isinstance(value, str) and not old.startswith('"'):
        try:
            new: Any = json.loads(value)
        except ValueError:
            new = value
        if isinstance(new, bool | int | float) and cell_text(new, "", "") == value:
            return value
    escaped = around.isascii() and "\\u" in around
    separators = (",", ":") if '":' in old and '": ' not in old else None
    return json.dumps(value, ensure_ascii=escaped, separators=separators)


def _past_blank(text: str, at: int) -> int:
    found = BLANK.match(text, at)
    return found.end() if found else at
