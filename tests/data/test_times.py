"""Faults these catch: a date read as another day, an unreadable one passed over, a wrong order."""

from __future__ import annotations

import pytest

from tests.data.conftest import TICKETS, csv_of
from tunewise.data.times import with_times
from tunewise.errors import DataError
from tunewise.records import Example


def read(*texts: str | None) -> list[str | None]:
    rows = [Example(str(n), "x", "y", n, "t.csv", time=text) for n, text in enumerate(texts, 1)]
    return [row.time for row in with_times(rows, "date")]


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-03-05", "2026-03-05"),
        ("20260305", "2026-03-05"),
        ("2026-03-05T14:30:00Z", "2026-03-05T14:30:00"),
        ("2026-03-05 14:30:00+02:00", "2026-03-05T12:30:00"),
        ("2026-03-05 14:30", "2026-03-05T14:30:00"),
        ("2026/3/5", "2026-03-05"),
        ("05.03.2026", "2026-03-05"),
        ("5.3.2026 14:30", "2026-03-05T14:30:00"),
        ("25/03/2026", "2026-03-25"),
        ("03/25/2026 2:05 PM", "2026-03-25T14:05:00"),
        ("12/25/2026 12:05 am", "2026-12-25T00:05:00"),
        ("04/04/2026", "2026-04-04"),
        ("5 March 2026", "2026-03-05"),
        ("Mar 5th, 2026", "2026-03-05"),
        ("Thu, 05 Mar 2026 14:30:00 +0100", "2026-03-05T13:30:00"),
        ("1772721000", "2026-03-05T14:30:00"),
        ("1772721000000", "2026-03-05T14:30:00"),
    ],
)
def test_dates_are_read_as_people_write_them(text: str, iso: str) -> None:
    assert read(text) == [iso]


def test_other_dates_of_the_column_tell_which_comes_first() -> None:
    assert read("05/03/2026", "25/03/2026") == ["2026-03-05", "2026-03-25"]
    assert read("05/03/2026", "03/25/2026") == ["2026-05-03", "2026-03-25"]


def test_a_date_that_could_be_two_days_is_refused() -> None:
    with pytest.raises(DataError, match=r"t\.csv: row 2: the date '05/03/2026' .* could be two"):
        read("2026-01-01", "05/03/2026")


def test_a_column_with_both_orders_is_refused() -> None:
    with pytest.raises(DataError, match=r"row 1: .*'25/03/2026'.*'03/25/2026'.* row 2"):
        read("25/03/2026", "03/25/2026")


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "2026-02-30",
        "31.02.2026",
        "12",
        "0001-01-01",
        "99/99/2026",
        "5 Foo 2026",
        "05/03/26",
        "1/1/2026 13:00 PM",
    ],
)
def test_what_is_no_date_is_refused_with_its_row(text: str) -> None:
    with pytest.raises(DataError, match=r"t\.csv: row 2: the date .* can't be read\. Write dates"):
        read("2026-01-01", text)


@pytest.mark.parametrize("text", [None, "", "  "])
def test_a_row_without_a_date_is_refused(text: str | None) -> None:
    with pytest.raises(DataError, match=r"t\.csv: row 2: the row has no date in column 'date'"):
        read("2026-01-01", text)


def test_a_file_is_read_with_its_dates(write, dataset) -> None:
    rows = [f"{text},{label},{1 + n % 28}/3/2026" for n, (text, label) in enumerate(TICKETS)]
    write("train.csv", "\n".join(["text,label,sent", *rows]))
    found = dataset(time="sent")
    assert [row.time for row in found.examples][:2] == ["2026-03-01", "2026-03-02"]
    assert ("time", "sent") in [(choice.role, choice.column) for choice in found.columns]


def test_a_file_without_the_column_of_dates_is_refused(write, dataset) -> None:
    write("train.csv", csv_of())
    with pytest.raises(DataError, match=r"no column 'sent'|'sent'"):
        dataset(time="sent")


def test_a_row_without_a_readable_date_is_told_by_file_and_row(write, dataset) -> None:
    rows = [f"{text},{label},2026-03-01" for text, label in TICKETS]
    rows[4] = rows[4].replace("2026-03-01", "yesterday")
    write("train.csv", "\n".join(["text,label,sent", *rows]))
    with pytest.raises(
        DataError, match=r"train\.csv: row 5: the date 'yesterday' in column 'sent'"
    ):
        dataset(time="sent")
