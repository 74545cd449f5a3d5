"""What a client says becomes an Example, as rows that are only to be answered are.

Clients send the text alone: the task's own prompt is put around it by the candidate. Turns before
it are taken where the task's rows are conversations, and refused where they aren't, since dropping
them would answer something else. Knows nothing of HTTP beyond the refusal.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewise.data.shapes.turns import plain_text
from tunewise.records import Example, Message
from tunewise.serving.engine import Card
from tunewise.serving.refusals import Refused

CONVERSATIONS = ("messages", "sharegpt")


def example_of(card: Card, text: str, name: str) -> Example:
    """Return a text as the candidate is asked it.

    Args:
        card: of the candidate.
        text: the client's.
        name: by which the answer is known again.
    """
    turns = (Message("user", text),) if card.format in CONVERSATIONS else ()
    return Example(name, text, "", 1, "the text", messages=turns)


def example_of_turns(card: Card, turns: Sequence[Message], name: str) -> Example:
    """Return a conversation as the candidate is asked it: its last turn is the question.

    Raises:
        Refused: there is no question, or turns that the task has no place for.
    """
    for number, turn in enumerate(turns):
        if not turn.content.strip() and turn.role != "system":
            raise Refused(
                400,
                f"messages.{number} is empty: write its text or leave it out",
                param=f"messages.{number}.content",
                code="empty_message",
            )
    if not turns or turns[-1].role != "user":
        raise Refused(
            400,
            "the last of the messages must be the user's: it is what is answered",
            param="messages",
            code="no_question",
        )
    if card.format in CONVERSATIONS:
        said = [turn for turn in turns if turn.role != "system" or turn.content.strip()]
        return Example(name, plain_text(said), "", 1, "the text", messages=tuple(said))
    if turns[0].role == "system":
        raise Refused(
            400,
            "leave the system message out: the task's own prompt is applied on the server",
            param="messages.0",
            code="system_message",
        )
    if len(turns) > 1:
        raise Refused(
            400,
            "the task answers single texts: send the last message alone",
            param="messages",
            code="too_many_messages",
        )
    return example_of(card, turns[0].content, name)


def text_checked(text: str, param: str) -> str:
    """Return a text that has something in it.

    Raises:
        Refused: it has nothing but white space.
    """
    if not text.strip():
        raise Refused(400, f"{param} has no text to answer", param=param, code="empty_text")
    return text
