"""A row with another input or target -> the cells that say so; the way back from `reader`.

Whatever the shape, what is written is read again before it is given back, so a change that the
row's cells can't hold is told and never half made. Knows nothing of files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tunewise.data.cells import cell_text
from tunewise.data.readers import Row, Table
from tunewise.data.shapes import Said, Shape, reader
from tunewise.data.shapes.formats import SPECS
from tunewise.data.shapes.turns import KEYS, ROLES, SAID_BY, Unusable, style_of
from tunewise.records import Message
from tunewise.task.settings import Kind

MARK = re.compile(rf"(?:\A|\n\n)(?:{'|'.join(SAID_BY.values())}): ")
MEND = "Reject the change, or make it by hand."
Write = Callable[[Row, str | None, str | None], dict[str, object]]


def writer(shape: Shape, table: Table, kind: Kind) -> Write:
    """Return what gives the new cells, by column, of a row, its new input and its new target.

    Either text may be None, which leaves it as it is. It raises Unusable where the row's cells
    can't be made to say so.

    Args:
        shape: of the rows.
        table: one of the files.
        kind: of the task; labels are compared without white space at their ends.

    Raises:
        DataError: a column isn't there.
    """
    read = reader(shape, table, kind)
    plain = shape.format == "columns"
    target_part = "target" if plain else SPECS[shape.format].target
    target_at = table.columns.index(shape.columns[target_part])
    columns = [table.columns.index(column) for column in shape.columns.values()]
    input_at = [table.columns.index(shape.columns["input"])] if plain else columns

    def cells(row: Row, text: str | None, target: str | None) -> dict[str, object]:
        old = read(row)
        if old.fault is not None:
            raise Unusable(old.fault.what, old.fault.mend)
        values = list(row.values)
        if text is not None:
            for before, after in _parts(old, text, [values[n] for n in input_at]):
                for n in input_at:
                    values[n] = _replaced(values[n], before, after)
        if target is not None:
            values[target_at] = _answered(values[target_at], target)
        new = read(row._replace(values=tuple(values)))
        if not _says(new, text or old.input, target or old.target or "", kind):
            raise Unusable("cells that can't say this", MEND)
        return {
            table.columns[n]: value for n, value in enumerate(values) if value is not row.values[n]
        }

    return cells


def _says(said: Said, text: str, target: str, kind: Kind) -> bool:
    found = said.target or ""
    same = found.strip() == target.strip() if kind == "classification" else found == target
    return said.fault is None and said.input == text and same


def _parts(old: Said, text: str, cells: Sequence[object]) -> list[tuple[str, str]]:
    """Return the texts that are to be changed, each with what it is to be.

    A conversation is cut where its turns begin; a turn that two cells make up, as an instruction
    and what it is about do, where they meet.
    """
    asked: Sequence[Message] = old.messages[:-1]
    if len(asked) > 1:
        marks = [f"{SAID_BY[turn.role]}: " for turn in asked]
        found = list(MARK.finditer(text))
        if [mark[0].lstrip("\n") for mark in found] != marks:
            raise Unusable("several turns, of which the change doesn't say which is which", MEND)
        ends = [*(mark.start() for mark in found[1:]), len(text)]
        news = [text[mark.end() : end] for mark, end in zip(found, ends, strict=True)]
        pairs = [(turn.content, new) for turn, new in zip(asked, news, strict=True)]
    else:
        pairs = [(asked[0].content if asked else old.input, text)]
    return [
        part
        for before, after in pairs
        if before != after
        for part in ([(before, after)] if _holds(cells, before) else _halves(before, after))
    ]


def _holds(cells: Sequence[object], text: str) -> bool:
    return any(_replaced(cell, text, text + ".") is not cell for cell in cells)


def _halves(before: str, after: str) -> list[tuple[str, str]]:
    """Return the two cells of a turn that is made of two, which an empty line joins."""
    old, new = before.split("\n\n"), after.split("\n\n")
    if len(old) != 2 or len(new) != 2:
        raise Unusable("a text from several cells, and where they meet can't be told", MEND)
    return [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]


def _replaced(cell: object, before: str, after: str) -> object:
    """Return a cell in which a text, or a turn with it, is another; the same cell if none is."""
    style = style_of(cell)
    if style is None:
        same = not isinstance(cell, dict | list | tuple) and cell_text(cell, "", "") == before
        return after if same else cell
    what = KEYS[style][1]
    turns = _turns(cell)
    if not any(turn.get(what) == before for turn in turns):
        return cell
    return _like(cell, [_turn(t, what, after) if t.get(what) == before else t for t in turns])


def _answered(cell: object, target: str) -> object:
    """Return a cell with another answer: the whole of it, or its last turn of the assistant."""
    style = style_of(cell)
    if style is None:
        return target
    who, what = KEYS[style]
    turns = _turns(cell)
    for n in reversed(range(len(turns))):
        name = str(turns[n].get(who))
        if (ROLES[style].get(name) or ROLES[style].get(name.strip().lower())) == "assistant":
            turns[n] = _turn(turns[n], what, target)
            break
    return _like(cell, turns)


def _turns(cell: Any) -> list[Mapping[str, Any]]:
    return list(json.loads(cell) if isinstance(cell, str) else cell)


def _turn(turn: Mapping[str, Any], what: str, text: str) -> Mapping[str, Any]:
    return {**turn, what: text}


def _like(cell: object, turns: list[Mapping[str, Any]]) -> object:
    """Return turns as the cell held them: as a list, or as JSON text of one."""
    return json.dumps(turns, ensure_ascii=False) if isinstance(cell, str) else turns
