"""Ratings of a run's answers in its folder: added one at a time, read, and as a table out and in.

One file for each reviewer, one line a rating, synced before the page goes on: closing the window or
a power cut loses nothing. A later rating of the same row stands for the earlier one. Knows nothing
of pages.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tunewise.errors import DataError, FileMissing
from tunewise.files import disk_errors, plain, read_records, write_text
from tunewise.review.items import Sheet
from tunewise.workspace.folder import RunFolder

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
COLUMNS = ("id", "text", "left", "right", "rating")
ONE_COLUMNS = ("id", "text", "answer", "rating")


@dataclass(frozen=True, slots=True)
class Rating:
    """What a reviewer said of a row's answers.

    Attributes:
        row: id of the row.
        candidates: that were rated.
        choice: the better candidate's name, 'tie', 'neither'; 'accept' or 'reject' for one.
        time: when, in UTC.
    """

    row: str
    reviewer: str
    candidates: tuple[str, ...]
    choice: str
    time: str


def ratings_folder(folder: RunFolder) -> Path:
    """Return where a run's ratings lie."""
    return folder.path / "reviews"


def checked_reviewer(name: str) -> str:
    """Return the name if it can be a file's.

    Raises:
        DataError: it can't.
    """
    if not NAME.fullmatch(name):
        raise DataError(
            f"'{name}' is no name for a reviewer",
            mend="Use letters, digits, '.', '_' and '-', at most 64.",
        )
    return name


def add(sheet: Sheet, row: str, said: str) -> Rating:
    """Write down a rating at once, on the disk when this returns.

    Raises:
        BadInput: a row that isn't to be rated, or a word that is no rating.
    """
    item = next((one for one in sheet.items if one.id == row), None)
    if item is None:
        raise DataError(f"the row '{row}' isn't one to be rated")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    rating = Rating(row, sheet.reviewer, sheet.candidates, item.choice(said), now)
    path = _file(sheet)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(plain(rating), ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
    return rating


def given(sheet: Sheet) -> dict[str, Rating]:
    """Return what this reviewer has rated on this sheet, by row."""
    rows, names = {item.id for item in sheet.items}, sorted(sheet.candidates)
    read = _read(_file(sheet))
    return {r.row: r for r in read if r.row in rows and sorted(r.candidates) == names}


def all_ratings(folder: RunFolder) -> list[Rating]:
    """Return the ratings of all reviewers, each row's last word."""
    found: dict[tuple[str, str, tuple[str, ...]], Rating] = {}
    for path in sorted(ratings_folder(folder).glob("*.jsonl")):
        for rating in _read(path):
            found[rating.row, rating.reviewer, tuple(sorted(rating.candidates))] = rating
    return list(found.values())


def table(sheet: Sheet) -> str:
    """Return the sheet as CSV, blind, with an empty or given rating for each row."""
    out = io.StringIO()
    writer = csv.writer(out)
    done = given(sheet)
    two = len(sheet.candidates) == 2
    writer.writerow(COLUMNS if two else ONE_COLUMNS)
    for item in sheet.items:
        said = item.word(done[item.id].choice) if item.id in done else ""
        cells = [item.id, item.text, *item.answers.values(), said]
        writer.writerow([_inert(cell) for cell in cells])
    return out.getvalue()


def taken_in(sheet: Sheet, path: Path) -> int:
    """Add the ratings of a filled table; rows without one are left for later.

    Raises:
        FileMissing: no such file.
        DataError: other columns, a row that isn't on the sheet, or a word that is no rating; then
            nothing is added.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise FileMissing("the file isn't there", where=str(path)) from error
    rows = list(csv.DictReader(io.StringIO(text)))
    items = {item.id: item for item in sheet.items}
    said: list[tuple[str, str]] = []
    for number, row in enumerate(rows, start=1):
        where = f"{path}:{number}"
        if "id" not in row or "rating" not in row:
            raise DataError(
                "the table has no columns 'id' and 'rating'",
                where=str(path),
                mend="Fill the table that --csv-out writes.",
            )
        word = (row["rating"] or "").strip().lower()
        if not word:
            continue
        if row["id"] not in items:
            raise DataError(
                f"the row '{row['id']}' isn't one to be rated",
                where=where,
                mend="Take the same candidates, reviewer and number of rows as for --csv-out.",
            )
        try:
            items[row["id"]].choice(word)
        except ValueError as error:
            raise DataError(str(error), where=where) from error
        said.append((row["id"], word))
    for row_id, word in said:
        add(sheet, row_id, word)
    return len(said)


def _inert(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def write_table(sheet: Sheet, path: Path) -> None:
    """Write the sheet as a CSV file, whole or not at all."""
    write_text(path, table(sheet))


def _file(sheet: Sheet) -> Path:
    return ratings_folder(sheet.folder) / f"{checked_reviewer(sheet.reviewer)}.jsonl"


def _read(path: Path) -> Iterable[Rating]:
    """Return a file's ratings; a last line that a power cut left half-written is none."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    if text and not text.endswith("\n"):
        write_text(path, text[: text.rfind("\n") + 1])
    return read_records(path, Rating)
