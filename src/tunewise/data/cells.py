"""A cell of any format -> the text that stands for it, or the reason why none can.

Given what a reader gave, gives back text, None for 'no value', or raises DataError with the
place. Knows nothing of columns' roles.
"""

from __future__ import annotations

import datetime
import decimal
import json
import math

from tunewise.data.readers.table import Fault
from tunewise.data.readers.text import MOST_CHARACTERS
from tunewise.errors import DataError


def cell_text(value: object, place: str, column: str) -> str | None:
    """Return the text of a cell; None where it has no value.

    Numbers are written in their shortest form, whole ones without a point (formats that know no
    missing integer make them 3.0), truth values as JSON does, dates and times as ISO 8601 has
    them (with a space between the two).

    Raises:
        DataError: it is nested, far too long, a fault, or holds what no text can.
    """
    if isinstance(value, str):
        return _usable(value, place, column)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(
        value, int | decimal.Decimal | datetime.date | datetime.time | datetime.timedelta
    ):
        return str(value)
    if isinstance(value, Fault):
        raise DataError(
            f"the cell in column '{column}' holds {value.what}", where=place, mend=value.mend
        )
    if isinstance(value, dict | list | tuple):
        kind = "an object" if isinstance(value, dict) else "a list"
        raise DataError(
            f"the value in column '{column}' is {kind}, not a text",
            where=place,
            mend="Write it as one text, or choose another column.",
        )
    raise DataError(
        f"the value in column '{column}' is of type {type(value).__name__}, not a text",
        where=place,
        mend="Write it as text, or choose another column.",
    )


def other_text(value: object, place: str, column: str) -> str | None:
    """Return a cell as a candidate may want it: like `cell_text`, nested values as JSON."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return cell_text(value, place, column)


def _usable(text: str, place: str, column: str) -> str:
    if len(text) > MOST_CHARACTERS:
        raise DataError(
            f"the cell in column '{column}' has {len(text):,} characters, more than the"
            f" {MOST_CHARACTERS:,} that one text may have",
            where=place,
            mend="Shorten it or delete the row.",
        )
    broken = "a NUL character" if "\0" in text else ""
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        broken = "half of a character (a lone surrogate)"
    if broken:
        raise DataError(
            f"the text in column '{column}' holds {broken}", where=place, mend="Delete it."
        )
    return text
