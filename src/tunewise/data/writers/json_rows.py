"""Changed rows of JSON and JSONL: every byte outside of what is changed stays.

Objects are found in the text itself, so that a new value is written in the place of the old one
and all else (order of keys, spacing, spelling of numbers) stays as the user's program wrote it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tunewise.data.cells import cell_text
from tunewise.data.readers import read_table
from tunewise.data.writers import Change
from tunewise.errors import DataError

BLANK = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder()
Span = tuple[int, int]


def write_jsonl_rows(path: Path, changes: Mapping[int, Change], new: Path) -> None:
    """Write the changed rows of a file with one object a line."""
    rows = read_table(path).rows()
    with (
        path.open(encoding="utf-8", newline="\n") as old,
        new.open("w", encoding="utf-8", newline="") as out,
    ):
        following = next(rows, None)
        for number, line in enumerate(old, start=1):
            change = Change()
            if following is not None and following.line == number:
                change = changes.get(following.number, change)
                following = next(rows, None)
            if not change.delete:
                begin = line.index("{") if change.values else 0
                out.write(_changed(line, begin, change, path) if change.values else line)


def write_json_rows(path: Path, changes: Mapping[int, Change], new: Path) -> None:
    """Write the changed rows of a JSON file: a list of objects, or an object that has one."""
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    spans = list(_items(text, _list_begins(text)))
    kept: list[str] = []
    end_of_last = ""
    for number, (begin, end) in enumerate(spans, start=1):
        change = changes.get(number, Change())
        if not change.delete:
            item = text[begin:end]
            item = _changed(item, 0, change, path) if change.values else item
            until = spans[number][0] if number < len(spans) else end
            kept += [end_of_last, item]
            end_of_last = text[end:until]  # the comma and what stands around it
    head, tail = text[: spans[0][0]], text[spans[-1][1] :]
    with new.open("w", encoding="utf-8", newline="") as out:
        out.write("".join([head, *kept, tail]))


def _list_begins(text: str) -> int:
    """Return where the list of rows begins, behind its bracket."""
    at = _past_blank(text, 1 if text.startswith("\ufeff") else 0)
    if text[at] == "[":
        return at + 1
    return _values(text, at)["data"][0] + 1


def _items(text: str, at: int) -> Iterator[Span]:
    """Give where each item of a list begins and ends; `at` is behind its bracket."""
    while True:
        begin = _past_blank(text, at)
        _, end = DECODER.raw_decode(text, begin)
        yield begin, end
        at = _past_blank(text, end)
        if text[at] == "]":
            return
        at += 1


def _values(text: str, at: int) -> dict[str, Span]:
    """Return where the value of each key of an object begins and ends; `at` is its brace."""
    found: dict[str, Span] = {}
    at = _past_blank(text, at + 1)
    while text[at] != "}":
        key, end = DECODER.raw_decode(text, at)
        begin = _past_blank(text, _past_blank(text, end) + 1)
        _, end = DECODER.raw_decode(text, begin)
        found[key] = (begin, end)
        at = _past_blank(text, end)
        at = _past_blank(text, at + 1) if text[at] == "," else at
    return found


def _changed(text: str, at: int, change: Change, path: Path) -> str:
    """Return the text of an object with other values at some of its keys."""
    spans = _values(text, at)
    parts, done = [], 0
    escaped = text.isascii() and "\\u" in text
    for column, value in sorted(change.values.items(), key=lambda item: spans.get(item[0], (0, 0))):
        if column not in spans:
            raise DataError(f"the row has no '{column}' to change", where=str(path))
        begin, end = spans[column]
        parts += [text[done:begin], _spelled(value, text[begin:end], escaped=escaped)]
        done = end
    return "".join([*parts, text[done:]])


def _spelled(value: str, old: str, *, escaped: bool) -> str:
    """Return a value as JSON: a number or truth value where the old one was none but a text."""
    if not old.startswith('"'):
        try:
            new: Any = json.loads(value)
        except ValueError:
            new = value
        if isinstance(new, bool | int | float) and cell_text(new, "", "") == value:
            return value
    return json.dumps(value, ensure_ascii=escaped)


def _past_blank(text: str, at: int) -> int:
    found = BLANK.match(text, at)
    return found.end() if found else at
