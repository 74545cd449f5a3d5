"""Faults these catch: text that breaks out of the terminal or passes itself off as trained on."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tunewise.rendering.faults import Fault
from tunewise.rendering.pieces import Piece
from tunewise.report.seen import print_faults, print_view, ranges
from tunewise.viewing.view import View, part

HOSTILE = (
    "[bold]x[/bold] \x1b[31mred\x1b[0m \x9b2J \u202eabc\u2066 \x07\r\b\x00 <b>&amp; \u2028 \ud800"
)


def view(*pieces: Piece, kind="training", **more) -> View:
    found = {"max_length": 99, "end_token": "<|im_end|>", "notes": (), "side": "train"} | more
    faults = found.pop("faults", ())
    return View("rows.csv:3", "ab12", found["side"], "some-model", kind, found["max_length"],
                found["end_token"], (part(list(pieces), faults),), found["notes"])  # fmt: skip


def printed(view: View, width: int = 80, *, color: bool = False, ids: bool = False) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=color, color_system="truecolor" if color else None,
        highlight=False,
    )  # fmt: skip
    print_view(console, view, ids=ids)
    return out.getvalue()


def text(words: str, mark="read", *, control: bool = False, ids=(5,)) -> Piece:
    return Piece(words, ids, mark, control)


CHAT = view(
    text("<|im_start|>", control=True),
    text("user\nWhere  is it? "),
    text("<|im_end|>", control=True),
    text("\n"),
    text("Here\tit is.", "trained", ids=(7, 8)),
    text("<|im_end|>", "trained", control=True),
    text("\n"),
)


def test_what_is_trained_on_shows_without_colour():
    lines = printed(CHAT).splitlines()
    start = lines.index("  <|im_start|>user⏎")
    assert lines[start : start + 4] == [
        "  <|im_start|>user⏎",
        "  Where··is it?·<|im_end|>⏎",
        "+ Here⇥it is.<|im_end|>",
        "  ⏎",
    ]


def test_tokens_are_counted_and_the_end_is_named():
    assert "8 tokens of at most 99: prompt 4, answer 3 with its end <|im_end|>, after it 1" in (
        printed(CHAT)
    )


def test_an_end_that_is_not_learnt_is_said_loudly():
    assert "answer 1, its end NOT among them" in printed(view(text("a"), text("b", "trained")))


def test_colour_only_adds_to_what_is_there():
    import re

    plain = re.sub(r"\x1b\[[0-9;]*m", "", printed(CHAT, color=True))
    assert plain == printed(CHAT)
    assert "\x1b[1;4;35m<|im_end|>" in printed(CHAT, color=True)


def test_what_is_cut_off_has_a_sign_and_is_shortened():
    told = printed(view(text("read"), text("lost " * 300, "cut", ids=tuple(range(300)))))
    assert "- lost lost" in told
    assert "… and 900 more characters" in " ".join(told.replace("\n- ", " ").split())
    assert "cut off 300" in told


def test_ids_are_listed_token_by_token():
    lines = printed(CHAT, ids=True).splitlines()
    assert "+      4       7 8  Here⇥it·is." in lines
    assert "+      6         5  <|im_end|>" in lines


@pytest.mark.parametrize("ids", [False, True])
@pytest.mark.parametrize("width", [80, 40])
def test_hostile_text_stays_text(width, ids):
    told = printed(view(text(HOSTILE), text(HOSTILE, "trained"), notes=(HOSTILE,)), width, ids=ids)
    assert "[bold]x[/bold]" in told
    assert not set(told) & set("\x1b\x9b\u202e\u2066\x07\r\b\x00\u2028\ud800")
    assert ids or all(cell_len(line) <= width for line in told.splitlines())


@given(
    st.lists(
        st.tuples(st.text(max_size=80), st.sampled_from(["read", "trained", "cut"]), st.booleans()),
        min_size=1, max_size=8,
    ),
    st.integers(24, 100),
)  # fmt: skip
@settings(max_examples=150)
def test_no_line_is_wider_than_the_terminal_and_no_text_loses_its_sign(parts, width):
    """Only what is trained on stands on lines that begin with '+'."""
    pieces = [text(words, mark) for words, mark, _ in parts]
    told = printed(view(*pieces), width)
    body = told.split("\n\n")[2].split("\n") if "\n\n" in told else []
    assert all(cell_len(line) <= width for line in told.split("\n"))
    assert told.isprintable() or all(c.isprintable() or c == "\n" for c in told if ord(c) < 0x200)
    trained = "".join(words for words, mark, _ in parts if mark == "trained")
    if trained.isascii() and trained.isalnum():
        signed = "".join(line[2:] for line in body if line.startswith("+ "))
        assert signed == trained


def test_a_wide_sign_behind_a_space_takes_a_line_of_its_own():
    told = printed(view(text("0 000\x7f"), text("0000\x7f")), 24)
    assert all(cell_len(line) <= 24 for line in told.split("\n"))


def test_a_text_cannot_pretend_to_be_trained_on():
    told = printed(view(text("a\n+ pretended\n"), text("b", "trained")))
    assert "\n  +·pretended⏎" in told or "\n  + pretended⏎" in told
    assert "\n+ pretended" not in told


def test_faulty_rows_are_listed_by_kind():
    faults = [Fault("truncated-answer", f"a.csv:{n}", "cut") for n in (3, 4, 5, 9)]
    faults.append(Fault("no-end-token", "b.csv:1", "it has none"))
    out = io.StringIO()
    print_faults(Console(file=out, width=80), faults, 100, "for m, max_length 8")
    told = out.getvalue()
    assert "100 training rows for m, max_length 8: 5 rows with faults." in told
    assert "truncated-answer: 4 rows" in told
    assert "a.csv: 3-5, 9" in told
    assert "no-end-token: 1 row\n" in told
    assert max(map(len, told.splitlines())) <= 80


def test_no_fault_is_said_too():
    out = io.StringIO()
    print_faults(Console(file=out, width=80), [], 100, "for m")
    assert out.getvalue() == "100 training rows for m: none has a fault.\n"


def test_runs_of_numbers_are_shortened():
    assert ranges([1, 2, 4, 5, 6, 9]) == ["1", "2", "4-6", "9"]
    assert ranges([]) == []
