"""Answers that stop before their end: a model trained on them learns to stop there too.

Told by how the others end: without a final sign where nearly all have one, in the middle of a
word, after a word that can't end a sentence, or with dots where hardly any other has them.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from importlib import resources

from tunewise.audit.clusters import place
from tunewise.audit.sides import Sides
from tunewise.audit.texts import Text, counted, quote, rows_of, shown, writes_texts
from tunewise.records import Finding

NEARLY_ALL = 0.9  # share of targets with a final sign, from which one without is odd
ALL_BUT_FEW = 0.99  # ... from which even a short one is
RARE = 0.02  # share of targets up to which dots at the end are odd
SHORT = 4  # words; a note such as 'Depression' needs no final sign
CLOSED = re.compile(r"[.!?…:;)\]}\"'”’»>*`|~。！？」』；।؟%\U0001f300-\U0001faff☺-☻]\s*$")
DOTS = re.compile(r"(?:\.\.|…|\[\.\.\.\]|\[…\])[\"'”’)]?\s*$")
OPEN_END = re.compile(r"(?:,|[-–—]|[(\[{]|(?<=\s)[&+/])\s*$")
LAST_WORD = re.compile(r"([^\W\d_]+)\s*$")
TAIL = 40  # characters quoted of the end


@functools.cache
def dangling() -> frozenset[str]:
    """Return the words that can't end a sentence, from endings.toml."""
    text = resources.files(__package__).joinpath("endings.toml").read_text("utf-8")
    return frozenset(tomllib.loads(text)["dangling"])


def cut_off(sides: Sides) -> list[Finding]:
    """Return a finding on targets that look cut off; nothing where targets are labels."""
    if not writes_texts(sides):
        return []
    rows = [Text(row, "target", row.target) for row in sides.used]
    closed = [bool(CLOSED.search(one.text)) for one in rows]
    share = sum(closed) / max(1, len(rows))
    dotted = sum(bool(DOTS.search(one.text)) for one in rows)
    vocabulary = _vocabulary(rows) if share >= NEARLY_ALL else Counter[str]()
    starts = _starts(vocabulary)
    found = []
    for one, ends in zip(rows, closed, strict=True):
        if ends:
            if dotted <= max(1, RARE * len(rows)) and DOTS.search(one.text):
                found.append(one)
        elif _stops_short(one.text, share, vocabulary, starts):
            found.append(one)
    return _finding(found, len(rows), share)


def _stops_short(text: str, share: float, vocabulary: Counter[str], starts: frozenset[str]) -> bool:
    if OPEN_END.search(text):
        return True
    match = LAST_WORD.search(text)
    word = match[1].casefold() if match else ""
    words = text.split()
    if word in dangling() and len(words) > 1 and not match[1].isupper():
        return True
    if share >= ALL_BUT_FEW or (share >= NEARLY_ALL and len(words) >= SHORT):
        return len(words) > 1
    return share >= NEARLY_ALL and vocabulary[word] <= 1 and word in starts


def _vocabulary(rows: Sequence[Text]) -> Counter[str]:
    """Return how often each word stands in the inputs and targets."""
    return Counter(
        word
        for one in rows
        for text in (one.text, one.row.input)
        for word in re.findall(r"[^\W\d_]+", text.casefold())
    )


def _starts(vocabulary: Counter[str]) -> frozenset[str]:
    """Return the beginnings, two letters or more, of all words met at least twice."""
    return frozenset(
        word[:end] for word, count in vocabulary.items() if count > 1 for end in range(2, len(word))
    )


def _finding(found: Sequence[Text], count: int, share: float) -> list[Finding]:
    if not found:
        return []
    ends = shown([f"'…{_tail(one.text)}' ({place(one.row)})" for one in found])
    return [
        Finding(
            check="cut_off",
            severity="warning",
            reason=f"{counted(len(found), 'target')} of {count:,} look cut off: {ends}. Of all"
            f" targets {share:.0%} end with a final sign.",
            mend="Write the answers to their end, or delete the rows; models learn to stop there.",
            rows=rows_of(found),
        )
    ]


def _tail(text: str) -> str:
    return quote(text, len(text) + 20)[-TAIL:]
