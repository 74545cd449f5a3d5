"""A row -> the same request in other words, by small changes that keep its meaning.

Each change is the same at every run. To add one: a word in Rewording (task/settings/) and a line
in CHANGES. Knows nothing of answers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from tunewise.audit.languages import language
from tunewise.records import Example
from tunewise.task.settings import Rewording

MARK = "~"  # stands between a row's id and the change made to it
END = re.compile(r"[.!?…]+\s*$")
LONG_WORD = re.compile(r"\b[^\W\d_]{5,}\b")
GREETINGS = {
    "de": "Guten Tag, ",
    "en": "Hello, ",
    "es": "Hola, ",
    "fr": "Bonjour, ",
    "it": "Buongiorno, ",
    "nl": "Goedendag, ",
    "pt": "Olá, ",
}


def reworded(row: Example, change: Rewording) -> Example | None:
    """Return the row's request in other words; None where the change leaves it as it was.

    In a conversation it is what was said last before the answer that is changed.
    """
    if not row.messages:
        text = CHANGES[change](row.input)
        return None if text == row.input else replace(row, id=_id(row, change), input=text)
    last = row.messages[-1]
    text = CHANGES[change](last.content)
    if text == last.content or not row.input.endswith(last.content):
        return None
    return replace(
        row,
        id=_id(row, change),
        input=row.input.removesuffix(last.content) + text,
        messages=(*row.messages[:-1], replace(last, content=text)),
    )


def all_rewordings(rows: Sequence[Example], changes: Sequence[Rewording]) -> list[Example]:
    """Return every row in all the other words that there are for it."""
    return [found for row in rows for c in changes if (found := reworded(row, c)) is not None]


def request_of(row_id: str) -> str:
    """Return the id of the row that a reworded one was made from; its own where it wasn't."""
    return row_id.partition(MARK)[0]


def _id(row: Example, change: Rewording) -> str:
    return f"{row.id}{MARK}{change}"


def _other_case(text: str) -> str:
    return text.lower() if text != text.lower() else text.upper()


def _other_end(text: str) -> str:
    bare = END.sub("", text)
    return bare if bare != text else f"{text.rstrip()}."


def _greeted(text: str) -> str:
    return GREETINGS.get(language(text) or "en", GREETINGS["en"]) + text


def _mistyped(text: str) -> str:
    """Return the text with two inner letters of one long word exchanged, drawn by its hash."""
    words = list(LONG_WORD.finditer(text))
    draw = int(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(), 16)
    for turn in range(len(words)):
        word = words[(draw + turn) % len(words)]
        for step in range(1, len(word.group()) - 2):
            place = word.start() + 1 + (draw + step) % (len(word.group()) - 3)
            if text[place] != text[place + 1]:
                return f"{text[:place]}{text[place + 1]}{text[place]}{text[place + 2 :]}"
    return text


CHANGES: dict[Rewording, Callable[[str], str]] = {
    "case": _other_case,
    "punctuation": _other_end,
    "greeting": _greeted,
    "typo": _mistyped,
}
