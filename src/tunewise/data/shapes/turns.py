"""A conversation as a file holds it -> Messages, and plain text of what was said.

Given a cell (a list of turns, or JSON text of one), gives back turns in order or raises Unusable
with what the row has instead. Knows nothing of columns or of which turn is the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tunewise.data.cells import cell_text
from tunewise.data.readers import Fault
from tunewise.errors import did_you_mean, one_line
from tunewise.records import Message, Role

Style = Literal["messages", "sharegpt"]
KEYS: dict[Style, tuple[str, str]] = {
    "messages": ("role", "content"),
    "sharegpt": ("from", "value"),
}
ROLES: dict[Style, dict[str, Role]] = {
    "messages": {
        "system": "system",
        "developer": "system",  # OpenAI's newer word for it
        "user": "user",
        "assistant": "assistant",
    },
    "sharegpt": {
        **dict.fromkeys(["system"], "system"),
        **dict.fromkeys(["human", "user"], "user"),
        **dict.fromkeys(
            ["gpt", "assistant", "chatgpt", "bing", "bard", "bot", "model"], "assistant"
        ),
    },
}
TOOLS = {
    "tool",
    "function",
    "function_call",
    "observation",
    "tool_call",
    "tool_response",
    "ipython",
}
SAID_BY: dict[Role, str] = {"system": "System", "user": "User", "assistant": "Assistant"}
REWRITE = "Write it, or delete the row."


class Unusable(Exception):
    """A row can't be used, and why; whoever reads the rows collects these."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.fault = Fault(what, mend)


def style_of(value: object) -> Style | None:
    """Return how a cell writes its turns; None when it holds no list of turns."""
    turns = _parsed(value) if isinstance(value, str) else value
    if not isinstance(turns, list | tuple) or not turns or not isinstance(turns[0], Mapping):
        return None
    return next((style for style, keys in KEYS.items() if set(keys) <= turns[0].keys()), None)


def turns_in(value: object, style: Style, place: str, column: str) -> list[Message]:
    """Return the turns of a cell; an empty turn of the system counts as none.

    Args:
        value: a list of objects, or JSON text of one.
        style: how they are written.
        place: of the row, for faults that stop at once.
        column: that holds the cell.

    Raises:
        Unusable: it isn't a list of turns, a role is unknown, or a turn is empty.
        DataError: a text is far too long, or holds what no text can.
    """
    turns = _parsed(value) if isinstance(value, str) else value
    if turns is None or turns == [] or (isinstance(turns, str) and not turns.strip()):
        raise Unusable(f"no turns in column '{column}'", REWRITE)
    keys = " and ".join(f"'{key}'" for key in KEYS[style])
    if not isinstance(turns, list | tuple):
        raise Unusable(
            f"no list of turns in column '{column}', but something else",
            f"Write a list of objects with {keys}.",
        )
    found = [_turn(turn, style, keys, place, column) for turn in turns]
    said = [turn for turn in found if turn is not None]
    if not said:
        raise Unusable(f"no turns in column '{column}'", REWRITE)
    return said


def _turn(turn: object, style: Style, keys: str, place: str, column: str) -> Message | None:
    who, what = KEYS[style]
    if not isinstance(turn, Mapping) or turn.get(who) is None:
        raise Unusable(f"a turn without '{who}' in column '{column}'", f"Give every turn {keys}.")
    role = _role(str(turn[who]), style)
    if turn.get("tool_calls") or turn.get("function_call"):
        raise Unusable("a turn that calls a tool", "Tools aren't supported yet; delete the row.")
    text = cell_text(_joined(turn.get(what)), place, column)
    if text is None or not text.strip():
        if role == "system":
            return None
        raise Unusable(f"an empty turn of the {role} in column '{column}'", REWRITE)
    return Message(role, text)


def _role(name: str, style: Style) -> Role:
    known = ROLES[style]
    role = known.get(name) or known.get(name.strip().lower())
    if role is not None:
        return role
    shown = one_line(name, 40)
    if name.lower() in TOOLS:
        raise Unusable(
            f"a turn of the role '{shown}'", "Tools aren't supported yet; delete the row."
        )
    raise Unusable(f"a turn of the unknown role '{shown}'", did_you_mean(shown, known))


def _joined(content: object) -> object:
    """Return a content's text where it is a list of parts, as OpenAI's may be."""
    if not isinstance(content, list | tuple):
        return content
    texts: list[str] = []
    for part in content:
        text = part.get("text") if isinstance(part, Mapping) else part
        if not isinstance(text, str):
            kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
            raise Unusable(
                f"a turn with a part that is no text ('{one_line(str(kind), 40)}')",
                "Only texts are learnt from; delete the row.",
            )
        texts.append(text)
    return "\n".join(texts)


def _parsed(text: str) -> Any:
    """Return the value of JSON text that may be a list; any other text as it is."""
    if not text.lstrip().startswith("["):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def plain_text(turns: Sequence[Message]) -> str:
    """Return what was said as one text: a single turn's words alone, several with who said each."""
    if len(turns) == 1:
        return turns[0].content
    return "\n\n".join(f"{SAID_BY[turn.role]}: {turn.content}" for turn in turns)


def last_answer(turns: Sequence[Message]) -> int | None:
    """Return the place of the last turn of the assistant, None where there is none."""
    return max((n for n, turn in enumerate(turns) if turn.role == "assistant"), default=None)
