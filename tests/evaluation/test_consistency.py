"""Faults these catch: rewordings that change nothing or differ by run; answers counted wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.evaluation.consistency import by_column, by_request, consistency
from tunewise.evaluation.rewording import CHANGES, all_rewordings, request_of, reworded
from tunewise.records import Example, Message, Prediction


def row(text: str, row_id: str = "a", **more: object) -> Example:
    return Example(row_id, text, "", 1, "f.csv", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "text", "then"),
    [
        ("case", "Where is my CARD?", "where is my card?"),
        ("case", "where is my card?", "WHERE IS MY CARD?"),
        ("punctuation", "Where is my card?!", "Where is my card"),
        ("punctuation", "Where is my card", "Where is my card."),
        ("greeting", "Where is my card?", "Hello, Where is my card?"),
        (
            "greeting",
            "Wo ist meine Karte, ich warte schon seit zwei Wochen auf sie?",
            "Guten Tag, Wo ist meine Karte, ich warte schon seit zwei Wochen auf sie?",
        ),
        ("typo", "is it", "is it"),  # no long word
        ("typo", "aaaaaaa", "aaaaaaa"),  # no two letters that differ
    ],
)
def test_a_request_is_reworded(change: str, text: str, then: str) -> None:
    assert CHANGES[change](text) == then  # type: ignore[index]


@given(st.text(max_size=60))
def test_a_typo_exchanges_two_inner_letters_of_one_word(text: str) -> None:
    typed = CHANGES["typo"](text)
    assert sorted(typed) == sorted(text)
    apart = [n for n, (a, b) in enumerate(zip(text, typed, strict=True)) if a != b]
    assert apart == [] or (len(apart) == 2 and apart[1] == apart[0] + 1)
    assert typed == CHANGES["typo"](text)


def test_a_rewording_keeps_the_row_and_knows_its_request() -> None:
    rows = [row("Where is my card?", "1f2e-2", columns={"x": "y"})]
    found = all_rewordings(rows, ["case", "typo"])
    assert [(r.id, request_of(r.id)) for r in found] == [
        ("1f2e-2~case", "1f2e-2"),
        ("1f2e-2~typo", "1f2e-2"),
    ]
    assert found[0].columns == {"x": "y"}
    assert request_of("1f2e-2") == "1f2e-2"


def test_in_a_conversation_the_last_turn_is_reworded() -> None:
    turns = (Message("user", "Hi"), Message("assistant", "Yes?"), Message("user", "My card?"))
    found = reworded(row("User: Hi\nAssistant: Yes?\nUser: My card?", messages=turns), "case")
    assert found is not None
    assert found.input == "User: Hi\nAssistant: Yes?\nUser: my card?"
    assert [m.content for m in found.messages] == ["Hi", "Yes?", "my card?"]


def test_a_request_counts_as_alike_only_if_all_its_answers_are() -> None:
    found = consistency(
        "rewordings", {"a": ["x", "x", "x"], "b": ["x", "x", "y"], "c": ["x"]}, labelled=True
    )
    assert found is not None
    assert (found.requests, found.answers, found.alike.value) == (2, 6, 0.5)
    assert found.likeness is None
    assert found.figure is found.alike
    assert consistency("seeds", {"a": ["x"]}, labelled=True) is None


def test_written_answers_have_a_likeness() -> None:
    answers = {"a": ["you may not sue", "You may not sue."], "b": ["you may sue", "cats"]}
    found = consistency("seeds", answers, labelled=False)
    assert found is not None
    assert found.alike.value == 0.5
    assert found.likeness is not None
    assert found.likeness.value == pytest.approx(0.5)
    empty = consistency("seeds", {"a": ["", ""]}, labelled=False)
    assert empty is not None
    assert empty.figure.value == 1


def test_rows_of_the_same_request_are_found_by_their_column() -> None:
    rows = [row("x", str(n), columns={"request": r}) for n, r in enumerate(["1", "1", "2", ""])]
    said = [Prediction(str(n), "abca"[n]) for n in range(4)]
    assert by_column("request", rows, said) == {"1": ["a", "b"], "2": ["c"]}


def test_answers_of_other_seeds_stand_beside_the_first_ones() -> None:
    assert by_request({"a": "x"}, {"a": "y", "b": "z"}) == {"a": ["x", "y"]}
