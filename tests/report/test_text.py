from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.report.text import markdown, middle_cut, one_line, shortened, shown


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("plain", "plain"),
        ("a\x00b\x1b", "a␀b␛"),
        ("x\u202ey", "x[U+202E]y"),
        ("\ud800", "[U+D800]"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("a\rb", "a␍b"),
        ("שלום\u200f", "שלום\u200f"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("zero\u200bwidth", "zero[U+200B]width"),
    ],
)
def test_hidden_characters_become_visible(given_text: str, expected: str) -> None:
    assert shown(given_text) == expected


@given(st.text(st.characters()))
def test_shown_text_is_writable_and_shown_again_the_same(text: str) -> None:
    once = shown(text)
    once.encode("utf-8")
    assert shown(once) == once
    kept = {unicodedata.category(c) for c in once} & {"Cs", "Zl", "Zp"}
    assert not kept


@given(st.text(st.characters()))
def test_a_label_is_always_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1


def test_long_text_says_its_full_length() -> None:
    assert shortened("ab" * 5000, 10) == "ababababab … (10,000 characters in all)"
    assert shortened("short", 10) == "short"


@given(st.text(max_size=60), st.integers(3, 40))
def test_middle_cut_keeps_both_ends_within_the_width(text: str, most: int) -> None:
    cut = middle_cut(text, most)
    assert len(cut) <= most or cut == text
    if len(text) > most:
        assert len(cut) == most
        assert (cut[0], cut[-1]) == (text[0], text[-1])


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("a | b", r"a \| b"),
        ("<b>", "&lt;b>"),
        ("`x` *y* _z_", r"\`x\` \*y\* \_z\_"),
        ("# head", r"\# head"),
        ("1. item", r"1\. item"),
        ("92.7%", "92.7%"),
        ("- item", r"\- item"),
        ("+12.3", "+12.3"),
        ("[a](javascript:b)", r"\[a\](javascript:b)"),
        ("https://evil.example", r"https\://evil.example"),
        ("&lt;", "&amp;lt;"),
        ("a\n# b", "a⏎# b"),
        ("$x$", r"\$x\$"),
    ],
)
def test_markdown_is_shown_as_written(given_text: str, expected: str) -> None:
    assert markdown(given_text) == expected
