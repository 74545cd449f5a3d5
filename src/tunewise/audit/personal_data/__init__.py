"""Personal data and secrets in a text: where they are, and the text without them.

Given any text, gives back hits or the text with placeholders. Works offline, by form and check
digits; names, dates of birth and street addresses have neither and aren't looked for. Knows
nothing of rows or findings.
"""

from __future__ import annotations

import re

from tunewise.audit.personal_data.contacts import emails, ip_addresses, phones
from tunewise.audit.personal_data.hits import Hit, Kind, replaced, without_overlaps
from tunewise.audit.personal_data.numbers import DIGITS, cards, ibans, identity_numbers
from tunewise.audit.personal_data.secrets import known, secrets
from tunewise.errors import one_line

__all__ = ["Hit", "Kind", "found", "masked", "quote", "replaced"]

GIVEN = re.compile(r"pass|pwd|kennwort|contraseña|wacht|secret|key|token|pin|cv[vc]|bearer")
_MARKS = tuple(mark for secret in known() for mark in secret.marks)


def found(text: str) -> list[Hit]:
    """Return all personal data of a text, in its order, without overlaps."""
    hits: list[Hit] = []
    if GIVEN.search(text.lower()) or _has_mark(text):
        hits += secrets(text)
    hits += emails(text)
    if DIGITS.search(text):
        hits += (*ibans(text), *cards(text), *identity_numbers(text), *ip_addresses(text))
        hits += phones(text)
    return without_overlaps(hits) if hits else hits


def masked(text: str) -> str:
    """Return the text with placeholders for personal data."""
    return replaced(text, found(text))


READ = 1_000  # characters behind a quote that are looked at, so that no number is cut in half


def quote(text: str, most: int) -> str:
    """Return the text's beginning on one line, masked before it is cut: half a card is still one.

    Args:
        text: as it stands in the row.
        most: characters to show.
    """
    return one_line(masked(text[: 8 * most + READ]), most)


def _has_mark(text: str) -> bool:
    for mark in _MARKS:  # noqa: SIM110 - a generator takes twice as long
        if mark in text:
            return True
    return False
