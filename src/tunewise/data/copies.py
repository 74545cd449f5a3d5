"""What of a row counts when rows are compared: what was asked, not how the model was told to be.

In a conversation the system's turns are left out: where all rows share a long one, they would all
be near copies of one another. It hangs on the row alone, so what is decided by it stays decided
when rows are added.
"""

from __future__ import annotations

from tunewise.data.identity import normalised
from tunewise.data.shapes.turns import last_answer
from tunewise.records import Example, Message


def asked(row: Example) -> str:
    """Return the text that is compared: of a conversation, what was said before its last answer."""
    if not row.messages:
        return row.input
    said = "\n\n".join(turn.content for turn in _before(row) if turn.role != "system")
    return said if said.strip() else row.input


def compared(row: Example) -> str:
    """Return what a row asks, small differences removed: rows with the same are the same."""
    return normalised(asked(row))


def told(row: Example) -> str:
    """Return what the system says in a conversation; empty elsewhere."""
    return "\n\n".join(turn.content for turn in _before(row) if turn.role == "system")


def _before(row: Example) -> tuple[Message, ...]:
    return row.messages[: last_answer(row.messages) or 0]
