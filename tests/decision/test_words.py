"""Faults these catch: false precision, a little rounded to nothing, wrong plurals and signs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.decision.words import (
    asked,
    chance,
    counted,
    dollars,
    percent,
    percent_range,
    points,
    points_range,
    rounded_up,
    time,
)
from tunewise.records import Interval


@pytest.mark.parametrize(
    ("value", "rows", "text"),
    [
        (0.92403, 3080, "92.4"),
        (0.92403, 60, "92"),
        (1.0, 60, "100"),
        (0.0, 3080, "0"),
        (3079 / 3080, 3080, "99.97"),
        (0.996, 100, "99.6"),
        (1 / 3080, 3080, "0.03"),
        (1e-9, 3080, "under 0.001"),
        (1 - 1e-9, 3080, "over 99.999"),
    ],
)
def test_percent_has_the_decimals_that_the_rows_bear(value: float, rows: int, text: str) -> None:
    assert percent(value, rows) == text


@given(st.floats(0, 1), st.integers(1, 100_000))
def test_only_none_and_all_are_written_0_and_100(value: float, rows: int) -> None:
    text = percent(value, rows)
    assert (text == "0") == (value == 0)
    assert (text == "100") == (value == 1)


@pytest.mark.parametrize(
    ("value", "rows", "text"),
    [
        (0.295, 400, "29.5 points"),
        (-0.01, 100, "1 point"),
        (0.01, 400, "1.0 points"),
        (0.0, 400, "0 points"),
        (0.0003, 3080, "0.03 points"),
        (0.0667, 60, "7 points"),
    ],
)
def test_points_read_well(value: float, rows: int, text: str) -> None:
    assert points(value, rows) == text


def test_ranges_keep_their_signs_and_turn() -> None:
    interval = Interval(0.01, -0.015, 0.032, "")
    assert points_range(interval, 400) == "−1.5 to 3.2"
    assert points_range(interval, 400, -1) == "−3.2 to 1.5"
    assert percent_range(Interval(0.9, 0.876, 1.0, ""), 400) == "87.6 to 100%"


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (asked(0.02), "2 points"),
        (asked(0.01), "1 point"),
        (asked(0.005), "0.5 points"),
        (chance(0.0004), "p < 0.001"),
        (chance(0.0123), "p = 0.012"),
        (chance(0.24), "p = 0.24"),
        (counted(1, "row"), "1 row"),
        (counted(3080, "row"), "3,080 rows"),
        (time(38.4), "38 ms"),
        (time(0.42), "0.42 ms"),
        (time(2140), "2.1 seconds"),
    ],
)
def test_figures_read_well(found: str, text: str) -> None:
    assert found == text


@given(st.integers(1, 10_000_000))
def test_rounded_up_rows_are_never_too_few_and_at_most_a_tenth_too_many(rows: int) -> None:
    assert rows <= rounded_up(rows) <= rows * 1.1


@pytest.mark.parametrize(
    ("high", "rows", "text"),
    [
        (0.0198, 350, "−5.4 to 1.98"),
        (0.02004, 350, "−5.4 to 2.004"),
        (0.02, 350, "−5.4 to 2.0"),
        (0.0187, 350, "−5.4 to 1.9"),
        (0.0198, 60, "−5 to 1.98"),
    ],
)
def test_an_end_is_never_rounded_to_the_gain_that_it_falls_short_of(
    high: float, rows: int, text: str
) -> None:
    assert points_range(Interval(-0.017, -0.054, high, "m"), rows, apart=0.02) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "$0.00"),
        (1.5e-05, "under $0.0001"),
        (0.0031, "$0.0031"),
        (0.42, "$0.42"),
        (1234, "$1,234"),
    ],
)
def test_money_is_never_written_in_powers(value: float, text: str) -> None:
    assert dollars(value) == text
