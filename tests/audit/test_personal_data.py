"""Faults these catch: personal data missed, or shown in clear; amounts and orders taken for it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.audit.personal_data import Kind, found, masked, quote
from tunewise.audit.personal_data.hits import OTHER_NUMBER, PLACEHOLDERS
from tunewise.audit.personal_data.numbers import luhn, nationals
from tunewise.audit.personal_data.secrets import known


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("mail john.smith+x@mail.example.co.uk!", "e-mail address", None),
        ("write to anna [at] example [dot] org", "e-mail address", None),
        ("call (415) 555-2671 now", "phone number", "(415) 555-2671"),
        ("+49 30 901820", "phone number", None),
        ("ring me on 07700 900123", "phone number", "07700 900123"),
        ("mon portable: 06 12 34 56 78.", "phone number", "06 12 34 56 78"),
        ("card 4242-4242-4242-4242 lost", "payment card", "4242-4242-4242-4242"),
        ("378282246310005", "payment card", None),
        ("to DE89 3704 0044 0532 0130 00 is fine", "bank account", "DE89 3704 0044 0532 0130 00"),
        ("to gb82west12345698765432", "bank account", "gb82west12345698765432"),
        ("my SSN is 536904399", "identity number", "536904399"),
        ("536-90-4399", "identity number", None),
        ("NHS number 943 476 5919", "identity number", "943 476 5919"),
        ("PESEL 44051401359", "identity number", "44051401359"),
        ("RSSMRA85T10A562S", "identity number", None),
        ("AKIAIOSFODNN7EXAMPLE", "secret", None),
        ("my pin is 4711", "secret", "4711"),
        ("password: hunter2", "secret", "hunter2"),
        ("API_KEY = 'a8f5f167f44f4964e6c998dee827110c'", "secret", None),
        ("from 84.17.216.44", "IP address", "84.17.216.44"),
    ],
)
def test_personal_data_of_every_kind_is_found(text: str, kind: Kind, value: str | None) -> None:
    [hit] = found(text)
    assert hit.kind == kind
    assert value is None or text[hit.start : hit.end] == value
    assert PLACEHOLDERS[kind] in masked(text)
    assert found(masked(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "I paid $1,234,567.89 on 2024-01-15 10:30:00, that is 12.03.2024.",
        "Order number 4111111111111111 and invoice 020 7946 0958 are late.",
        "Card 4111 1111 1111 1112 has a wrong digit.",
        "ticket 943 476 5919, tracking number 1Z999AA10123456784",
        "my password is not working, my pin is blocked, the key: unknown",
        "password: [reset] password: ******** token=${TOKEN}",
        "version 84.17.216.44, section 2.1.3.4, at 192.168.0.1",
        "values 62 09 21 32 94 69, years 1991 1994 1993",
        "commit 9fceb02c0a1d4e3b8f6a7c5d2e1f0a9b8c7d6e5f, @anna42, DE89 3704 0044 0532 0130 01",
        "RSSMRA85T10A562X is no tax code",
    ],
)
def test_other_numbers_are_not_accused(text: str) -> None:
    assert found(text) == []


# A word such as 'model' just before a number says that it is no card's.
@given(st.text(), st.text().filter(lambda after: not OTHER_NUMBER.search(after)))
def test_what_is_shown_never_holds_the_original(before: str, after: str) -> None:
    text = f"{before} anna.smith@example.org {after} 4242424242424242 {after}"
    for shown in (masked(text), quote(text, 500), *(hit.shown for hit in found(text))):
        assert "anna.smith" not in shown
        assert "424242424242" not in shown


@given(st.text(alphabet="0123456789 .-/()+@aA:=&\x00é", max_size=300))
def test_any_text_is_read_and_hits_never_overlap(text: str) -> None:
    hits = found(text)
    assert all(0 <= hit.start < hit.end <= len(text) for hit in hits)
    assert all(one.end <= other.start for one, other in itertools.pairwise(hits))


def test_a_number_that_a_quote_would_cut_in_half_is_masked() -> None:
    text = "x" * 50 + " 4242 4242 4242 4242"
    assert "4242" not in quote(text, 62)


@pytest.mark.parametrize(
    "unit", ["a@", "a.", "1 ", "4111 1111 1111 1111 ", "eyJa.", "password: ", "://a:", "+1("]
)
def test_long_hostile_lines_are_read_in_linear_work(unit: str) -> None:
    """A pattern that backtracks would not come back from this."""
    found(unit * 20_000)


def test_catalogues_can_be_read_and_their_modules_are_there() -> None:
    for number in nationals():
        assert number.module is None or not number.is_valid("x")
        assert number.form or number.loose
    assert all(secret.pattern for secret in known())


def test_luhn_knows_a_right_check_digit() -> None:
    assert luhn("4539578763621486")
    assert not luhn("4539578763621487")
