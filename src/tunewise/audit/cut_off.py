"""Answers that stop before their end: a model trained on them learns to stop there too.

Told by how the others end: without a final sign where nearly all have one, or with dots where
hardly any has them; and by a word or sign that can't be the last, whatever the others do.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Sequence
from importlib import resources

from tunewise.audit.clusters import place
from tunewise.audit.personal_data import quote
from tunewise.audit.sides import Sides
from tunewise.audit.texts import SHOWN, Text, counted, rows_of, shown, writes_texts
from tunewise.records import Finding

NEARLY_ALL = 0.9  # share of targets with a final sign, from which one without is odd
ALL_BUT_FEW = 0.99  # ... from which even a short one is
RARE = 0.02  # share of targets up to which dots at the end are odd
SHORT = 4  # words; a note such as 'Depression' needs no final sign
CLOSED = re.compile(r"[.!?…:;)\]}\"'”’»>*`|~。！？」』；।؟%\U0001f300-\U0001faff☺-☻]\s*$")
DOTS = re.compile(r"(?:\.\.|…|\[\.\.\.\]|\[…\])[\"'”’)]?\s*$")
OPEN_END = re.compile(r"(?:,|[-–—]|[(\[{]|(?<=\s)[&+/])\s*$")
LAST_WORD = re.compile(r"([^\W\d_]+)\s*$")
READ = 300  # characters of the end that are masked before it is quoted
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
    found = []
    for one, ends in zip(rows, closed, strict=True):
        if ends:
            if dotted <= max(1, RARE * len(rows)) and DOTS.search(one.text):
                found.append(one)
        elif _stops_short(one.text, share):
            found.append(one)
    return _finding(found, len(rows), share)


def _stops_short(text: str, share: float) -> bool:
    if OPEN_END.search(text):
        return True
    words = text.split()
    match = LAST_WORD.search(text)
    if match and len(words) > 1 and match[1].casefold() in dangling() and not match[1].isupper():
        return True
    if share >= ALL_BUT_FEW:
        return len(words) > 1
    return share >= NEARLY_ALL and len(words) >= SHORT


def _finding(found: Sequence[Text], count: int, share: float) -> list[Finding]:
    if not found:
        return []
    ends = shown([f"'…{_tail(one.text)}' ({place(one.row)})" for one in found[:SHOWN]], len(found))
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
    part = text[-READ:]
    return quote(part, 2 * READ)[-TAIL:]
