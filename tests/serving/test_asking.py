"""Faults these catch: turns dropped or put elsewhere, a system message ignored, empty questions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tunewise.records import Message
from tunewise.serving.asking import example_of, example_of_turns
from tunewise.serving.engine import Card
from tunewise.serving.refusals import Refused

PLAIN = Card("c", "lora", "t", "generation", (), "columns", "transformers", True, None, 0)
TALK = replace(PLAIN, format="messages")
ASKED = [
    Message("system", "Be brief."),
    Message("user", "Hello"),
    Message("assistant", "Hi."),
    Message("user", "Where is it?"),
]


def test_a_conversation_keeps_its_turns_where_rows_are_conversations() -> None:
    example = example_of_turns(TALK, ASKED, "id")
    assert example.messages == tuple(ASKED)
    assert example.input == (
        "System: Be brief.\n\nUser: Hello\n\nAssistant: Hi.\n\nUser: Where is it?"
    )
    silent = example_of_turns(TALK, [Message("system", " "), *ASKED[3:]], "id")
    assert silent.messages == tuple(ASKED[3:])
    assert silent.input == "Where is it?"


def test_a_text_alone_is_a_conversation_of_one_turn_there() -> None:
    assert example_of(TALK, "Where is it?", "id").messages == (Message("user", "Where is it?"),)
    assert example_of(PLAIN, "Where is it?", "id").messages == ()


def test_a_single_message_is_the_text_where_rows_are_texts() -> None:
    example = example_of_turns(PLAIN, ASKED[3:], "id")
    assert (example.id, example.input, example.messages) == ("id", "Where is it?", ())


@pytest.mark.parametrize(
    ("card", "turns", "code"),
    [
        (PLAIN, [], "no_question"),
        (TALK, ASKED[:3], "no_question"),
        (PLAIN, [ASKED[0], ASKED[3]], "system_message"),
        (PLAIN, ASKED[1:], "too_many_messages"),
        (TALK, [Message("user", "\n")], "empty_message"),
        (TALK, [Message("user", "a"), Message("assistant", ""), Message("user", "b")],
         "empty_message"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(card: Card, turns: list[Message], code: str) -> None:
    with pytest.raises(Refused) as told:
        example_of_turns(card, turns, "id")
    assert told.value.status == 400
    assert told.value.code == code
