"""Dates as people write them -> ISO 8601, in UTC, so that they sort as text.

Given the texts of one column, gives back one ISO text for each, or stops with the file and row of
the first that can't be read or could be two days. Knows nothing of what the dates are for.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from tunewise.errors import DataError
from tunewise.records import Example

Order = Literal["day first", "month first"]
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
EARLIEST, LATEST = 1800, 2200  # years that a date may have; others are slips
MEND = "Write dates as 2026-03-05 or 2026-03-05T14:30:00."

_CLOCK = (
    r"(?:[ T,]+(?P<clock>\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[ap]m)?)"
    r"(?: ?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}))?)?"
)
_NUMBERS = re.compile(rf"(\d{{1,2}})([/.-])(\d{{1,2}})\2(\d{{4}}){_CLOCK}", re.I)
_YEAR_FIRST = re.compile(rf"(\d{{4}})([/.])(\d{{1,2}})\2(\d{{1,2}}){_CLOCK}", re.I)
_NAMED = re.compile(
    rf"(?:[a-z]{{3,9}},? )?(?:(\d{{1,2}})(?:st|nd|rd|th)?[ -]([a-z]{{3,9}})\.?,?[ -](\d{{4}})"
    rf"|([a-z]{{3,9}})\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})){_CLOCK}",
    re.I,
)


def with_times(rows: Sequence[Example], column: str) -> list[Example]:
    """Return the rows with `time` in ISO 8601.

    05/03/2026 is read by whatever other dates of the column tell, such as 25/03/2026; with dots,
    the day is first.

    Args:
        rows: `time` as it stands in their files.
        column: its name, for errors.

    Raises:
        DataError: a row has no date, one that can't be read, or one that could be two days.
    """
    order = _order(rows, column)
    return [replace(row, time=_iso(row, column, order)) for row in rows]


def _order(rows: Iterable[Example], column: str) -> Order | None:
    """Return what dates such as 25/03/2026 say of the column; None where there are none."""
    seen: dict[Order, Example] = {}
    for row in rows:
        found = _NUMBERS.fullmatch((row.time or "").strip())
        if found and found[2] != ".":
            if int(found[1]) > 12:
                seen.setdefault("day first", row)
            elif int(found[3]) > 12:
                seen.setdefault("month first", row)
    if len(seen) == 2:
        day, month = seen["day first"], seen["month first"]
        raise DataError(
            f"the dates in column '{column}' have the day first ('{day.time}') here and the month"
            f" first ('{month.time}') in {_place(month)}",
            where=_place(day),
            mend=MEND,
        )
    return next(iter(seen), None)


def _iso(row: Example, column: str, order: Order | None) -> str:
    text = (row.time or "").strip()
    if not text:
        raise DataError(
            f"the row has no date in column '{column}'",
            where=_place(row),
            mend="Write the date, delete the row, or leave out data.time.",
        )
    try:
        return _moment(text, order)
    except _TwoDaysError:
        raise DataError(
            f"the date '{text}' in column '{column}' could be two days, and no other row tells"
            " whether days or months come first",
            where=_place(row),
            mend=MEND,
        ) from None
    except (ValueError, OverflowError):
        raise DataError(
            f"the date '{text}' in column '{column}' can't be read", where=_place(row), mend=MEND
        ) from None


class _TwoDaysError(Exception):
    """A date such as 05/03/2026 in a column that doesn't tell."""


def _moment(text: str, order: Order | None) -> str:
    """Return a date in ISO 8601; ValueError when it is none."""
    if re.fullmatch(r"\d{9,10}(\.\d+)?|\d{13}", text):  # seconds or milliseconds since 1970
        seconds = float(text) / (1000 if len(text) == 13 else 1)
        return _utc(datetime.datetime.fromtimestamp(seconds, datetime.UTC))
    if found := _NUMBERS.fullmatch(text):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        if first == second or found[2] == "." or first > 12:
            order = "day first"
        elif second > 12:
            order = "month first"
        elif order is None:
            raise _TwoDaysError
        day, month = (first, second) if order == "day first" else (second, first)
        return _dated(year, month, day, found)
    if found := _YEAR_FIRST.fullmatch(text):
        return _dated(int(found[1]), int(found[3]), int(found[4]), found)
    if found := _NAMED.fullmatch(text):
        day_text, name, year_text = found.group(1, 2, 3) if found[1] else found.group(5, 4, 6)
        month = MONTHS.index(name[:3].lower()) + 1
        return _dated(int(year_text), month, int(day_text), found)
    moment = datetime.datetime.fromisoformat(text)
    date_only = ":" not in text and "T" not in text.upper()
    return _checked(moment).date().isoformat() if date_only else _utc(moment)


def _dated(year: int, month: int, day: int, found: re.Match[str]) -> str:
    date = datetime.datetime(year, month, day)
    if not found["clock"]:
        return _checked(date).date().isoformat()
    clock = found["clock"].lower().replace(" ", "")
    hour, rest = clock.split(":", 1)
    if clock[-2:] in ("am", "pm"):
        if not 1 <= int(hour) <= 12:
            raise ValueError(clock)
        hour, rest = str(int(hour) % 12 + 12 * (clock[-2] == "p")), rest[:-2]
    zone = (found["zone"] or "").upper().replace("UTC", "Z").replace("GMT", "Z")
    return _utc(datetime.datetime.fromisoformat(f"{date.date()}T{int(hour):02}:{rest}{zone}"))


def _utc(moment: datetime.datetime) -> str:
    """Return it without its zone, which is UTC; what has no zone is taken as UTC."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC).replace(tzinfo=None)
    return _checked(moment).isoformat()


def _checked(moment: datetime.datetime) -> datetime.datetime:
    if not EARLIEST <= moment.year < LATEST:
        raise ValueError(moment)
    return moment


def _place(row: Example) -> str:
    return f"{row.source}: row {row.row}"
