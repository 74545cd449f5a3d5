from __future__ import annotations

import pytest

from tunewise.records import Interval
from tunewise.report import figures


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.9266, "92.7%"),
        (0.0, "0.0%"),
        (1.0, "100.0%"),
        (0.0001, "<0.1%"),
        (0.99999, ">99.9%"),
        (None, "—"),
    ],
)
def test_share_never_rounds_to_nothing_or_all(value: float | None, expected: str) -> None:
    assert figures.share(value) == expected


def test_interval_of_shares_has_its_unit_once() -> None:
    assert figures.share_range(Interval(0.9, 0.8812, 0.9136, "")) == "88.1–91.4%"
    assert figures.share_range(Interval(0.0002, 0.0001, 0.0003, "")) == "<0.1%"
    assert figures.share_range(None) == "—"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.123, "+12.3"), (-0.0212, "−2.1"), (0.0004, "+0.04"), (0.0, "0.0"), (None, "—")],
)
def test_points_keep_their_sign(value: float | None, expected: str) -> None:
    assert figures.points(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(1e-12, "< 0.001"), (0.0, "< 0.001"), (0.0344, "0.034"), (1.0, "1.000")]
)
def test_p_is_never_zero(value: float, expected: str) -> None:
    assert figures.p_value(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.00001, "<0.1 ms"),
        (0.0004, "0.4 ms"),
        (0.0068, "6.8 ms"),
        (0.0727, "73 ms"),
        (0.9999, "1.0 s"),
        (1.23, "1.2 s"),
        (9.99, "10 s"),
        (125.0, "2 min 5 s"),
        (None, "—"),
    ],
)
def test_duration_has_the_unit_that_suits_it(seconds: float | None, expected: str) -> None:
    assert figures.duration(seconds) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1234.4, "1,234"),
        (16.2, "16"),
        (9.96, "10"),
        (9.6, "9.6"),
        (3.24, "3.2"),
        (0.05, "0.05"),
        (None, "—"),
    ],
)
def test_quantity_has_about_two_digits(value: float | None, expected: str) -> None:
    assert figures.quantity(value) == expected


def test_an_unknown_count_is_a_dash() -> None:
    assert figures.count(None) == "—"
    assert figures.count(0) == "0"
    assert figures.count(3080) == "3,080"


def test_rows_judged_say_when_they_are_a_part() -> None:
    assert figures.rows_of(400, 3080) == "400 of 3,080"
    assert figures.rows_of(3080, 3080) == "3,080"


def test_time_of_a_fit_below_a_second_is_of_no_interest() -> None:
    assert figures.fit_time(0.02) == "<1 s"
    assert figures.fit_time(None) == "—"
    assert figures.fit_time(141.3) == "2 min 21 s"
