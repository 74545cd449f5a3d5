"""JSON (a list of objects, {"data": [...]} or {key: object}), JSONL (an object a line) -> Table.

Columns are the keys of all objects, in the order in which they first appear; an object without
one has None there. Where the objects stand under keys, the first column holds those. Knows
nothing of what the keys mean.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tunewise.data.readers.table import Row, Table
from tunewise.data.readers.text import check_text, reading
from tunewise.errors import DataError

KINDS = {list: "a list", str: "text", bool: "true or false", type(None): "null"}


def read_json(path: Path) -> Table:
    """Return the table in a JSON file."""
    check_text(path)
    with reading(path):
        text = path.read_text(encoding="utf-8-sig")
    try:
        tree = parsed(text)
    except json.JSONDecodeError as error:
        raise _not_json(path, text, error) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"this isn't usable JSON ({error})", where=str(path)) from error
    objects = _objects(path, tree)
    columns = _keys(objects)

    def rows() -> Iterator[Row]:
        for number, item in enumerate(objects, start=1):
            yield Row(number, None, tuple(item.get(name) for name in columns))

    return Table(path, columns, rows)


def read_jsonl(path: Path) -> Table:
    """Return the table in a file with one JSON object a line."""
    check_text(path)
    columns = _keys(item for _, item in _lines(path))

    def rows() -> Iterator[Row]:
        for number, (line, item) in enumerate(_lines(path), start=1):
            yield Row(number, line, tuple(item.get(name) for name in columns))

    return Table(path, columns, rows)


def parsed(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it isn't JSON, or an object has a key twice.
    """
    return json.loads(text, object_pairs_hook=_object, parse_constant=_unknown_number)


def parsed_line(text: str, where: str) -> dict[str, Any]:
    """Return the object on one line of JSONL; `where` is 'file:line'."""
    try:
        value = parsed(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"this line isn't JSON ({error.msg}, column {error.colno})",
            where=where,
            mend="JSONL has one whole object a line; for a list of objects name the file .json.",
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"this line isn't usable JSON ({error})", where=where) from error
    if not isinstance(value, dict):
        raise DataError(
            f"this line is {KINDS.get(type(value), 'a number')}, not an object",
            where=where,
            mend='Write one object a line, such as {"text": "...", "label": "..."}.',
        )
    return value


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with reading(path), path.open(encoding="utf-8-sig", newline="\n") as file:
        for line, text in enumerate(file, start=1):
            if text.strip():
                yield line, parsed_line(text, f"{path}:{line}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key '{twice}' stands twice in one object")
    return found


def _unknown_number(_: str) -> None:
    """Read NaN and Infinity, which some writers put for 'no value', as null."""


def _objects(path: Path, tree: Any) -> list[dict[str, Any]]:
    if isinstance(tree, dict) and "data" in tree:
        tree = tree["data"]
    shape = 'Write a list of objects, [{"text": ..., "label": ...}, ...], or {"data": [...]}.'
    if isinstance(tree, dict) and tree and all(isinstance(item, dict) for item in tree.values()):
        return by_number(tree) or _by_key(tree)
    if not isinstance(tree, list):
        kind = "an object" if isinstance(tree, dict) else KINDS.get(type(tree), "a number")
        raise DataError(f"the file is {kind}, not a list of objects", where=str(path), mend=shape)
    for number, item in enumerate(tree, start=1):
        if not isinstance(item, dict):
            raise DataError(
                f"the item is {KINDS.get(type(item), 'a number')}, not an object",
                where=f"{path}: row {number}",
                mend=shape,
            )
    if not tree:
        raise DataError("the list is empty", where=str(path), mend="Name a file that has rows.")
    return tree


def _by_key(tree: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the objects of {key: object}, each with its key in a column of an unused name."""
    taken = set(_keys(tree.values()))
    column = next(name for name in _key_names() if name not in taken)
    return [{column: key, **item} for key, item in tree.items()]


def _key_names() -> Iterator[str]:
    yield "key"
    for n in itertools.count(2):
        yield f"key {n}"


def by_number(tree: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of {column: {number: value}}, pandas' usual JSON; none if it isn't that."""
    first, *others = (list(cells) for cells in tree.values())
    if not all(key.isdecimal() for key in first) or any(first != other for other in others):
        return []
    return [{column: cells[key] for column, cells in tree.items()} for key in first]


def _keys(objects: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for item in objects:
        found.update(dict.fromkeys(item))
    return tuple(found)


def _not_json(path: Path, text: str, error: json.JSONDecodeError) -> DataError:
    lines = text.lstrip().splitlines()
    jsonl = error.msg == "Extra data" and len(lines) > 1 and lines[0].startswith("{")
    return DataError(
        f"this isn't JSON ({error.msg}, column {error.colno})",
        where=f"{path}:{error.lineno}",
        mend="It looks like JSONL; give it a name that ends in .jsonl."
        if jsonl
        else "Mend this line.",
    )
