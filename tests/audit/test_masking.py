"""Faults these catch: personal data shown, or half of it; harmless text masked; a hang."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.audit.masking import change_excerpts, excerpt, masked

SECRET = [
    "ann.smith+news@mail.example.co.uk",
    "+44 20 7946 0958",
    "0049-89-636-48018",
    "(555) 123-4567",
    "078-05-1120",
    "4111 1111 1111 1111",
    "GB82 WEST 1234 5698 7654 32",
    "DE89370400440532013000",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "sk-proj-abcdefghijklmnopqrstuvwx",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("secret", SECRET)
def test_what_must_not_be_shown_is_not(secret: str) -> None:
    shown = masked(f"Please note: {secret}, thanks.")
    assert shown.startswith("Please note: [")
    assert shown.endswith("], thanks.")
    assert not any(part in shown for part in secret.split() if len(part) > 3)


@pytest.mark.parametrize(
    "text",
    [
        "4 of the 3,080 test rows (data/train.csv:2268, data/test.csv:1433)",
        "1234 5678 9012 3456 is no card by Luhn's test",
        "on 2024-05-17 at 10:45, order 20240517, version 1.2.3, £1,000.00",
        "me @ home, 10% of 100_000, 3 - 4",
    ],
)
def test_what_is_harmless_stays(text: str) -> None:
    assert masked(text) == text


@given(st.text(st.sampled_from("ab1 0+@.-_(){}é\n4"), max_size=80))
def test_masking_twice_is_masking_once(text: str) -> None:
    assert masked(masked(text)) == masked(text)


@pytest.mark.parametrize(
    "piece", ["a", "a@", "1 ", "1", "+", "A1", "a.", "sk-", "eyJ.", "0 (", "-"]
)
def test_no_text_makes_it_hang(piece: str) -> None:
    assert masked(piece * 200_000 + "@")


def test_an_excerpt_never_cuts_a_datum_in_half() -> None:
    text = "x" * 90 + " ann.smith@example.org and more"
    for most in range(80, 120):
        shown = excerpt(text, most)
        assert "ann" not in shown
        assert len(shown) <= most + 1


def test_a_short_text_is_its_own_excerpt() -> None:
    assert excerpt("Where is my card?", 100) == "Where is my card?"
    assert excerpt("Where is my card?", 5) == "Where…"


def test_a_change_is_shown_where_it_is_with_data_masked() -> None:
    old = "call 0049-89-636-48018 " * 100 + "naÃ¯ve " + "and so on " * 100
    before, after = change_excerpts(old, old.replace("Ã¯", "ï"), 60)
    assert "naÃ¯ve" in before
    assert "naïve" in after
    assert "636" not in before + after
    assert before.startswith("…")
    assert before.endswith("…")
    assert change_excerpts("Ã¯", "ï", 60) == ("Ã¯", "ï")


@given(st.text(max_size=50), st.text(max_size=50), st.integers(1, 40))
def test_excerpts_of_any_change_are_short(old: str, new: str, most: int) -> None:
    for shown in change_excerpts(old, new, most):
        assert len(shown) <= most + 2 + 9, "the ellipses, and a mask that is longer than its datum"
