"""What is found of personal data in a text: where, of which kind, and how it may be shown.

Knows nothing of how it is found. `shown` never holds enough to use or to recognise the original.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "secret",
    "e-mail address",
    "payment card",
    "bank account",
    "identity number",
    "phone number",
    "IP address",
]
PLACEHOLDERS: dict[Kind, str] = {
    "secret": "[SECRET]",
    "e-mail address": "[EMAIL]",
    "payment card": "[CARD]",
    "bank account": "[IBAN]",
    "identity number": "[ID_NUMBER]",
    "phone number": "[PHONE]",
    "IP address": "[IP]",
}
BEFORE, AFTER = 48, 20  # characters around a number in which a word may say what it is
NEAR = 24  # characters before a number in which a word may say that it is something else
SENTENCE = re.compile(r"[.!?]\s|\n")

# What numbers are called that are nobody's personal data, nearest to the number wins.
OTHER_NUMBER = re.compile(
    r"(?<!\w)(?:order|invoice|ref(?:erence)?|ticket|case|tracking|parcel|shipment|item|sku|product"
    r"|serial|part|model|batch|lot|isbn|issn|ean|upc|imei|gtin|transaction|booking|reservation"
    r"|confirmation|version|build|error|code|quantity|bestell\w{0,20}|auftrag\w{0,20}"
    r"|rechnung\w{0,20}|sendung\w{0,20}|commande|facture|colis|pedido|factura|ordine|fattura)"
    r"(?: ?(?:number|no\.?|nr\.?|id|code|#))?(?!\w)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One piece of personal data.

    Attributes:
        start, end: characters of the text that it takes.
        kind: what it is.
        shown: it in words, masked: 'j***@e***.com', 'card ending 4242'.
    """

    start: int
    end: int
    kind: Kind
    shown: str


def without_overlaps(hits: Iterable[Hit]) -> list[Hit]:
    """Return hits in the text's order; of those that overlap, the one given first."""
    kept: list[Hit] = []
    for hit in hits:
        at = bisect.bisect_left(kept, hit.start, key=lambda other: other.start)
        is_free = at == len(kept) or hit.end <= kept[at].start
        if is_free and (at == 0 or kept[at - 1].end <= hit.start):
            kept.insert(at, hit)
    return kept


def replaced(text: str, hits: Sequence[Hit]) -> str:
    """Return the text with a placeholder in the place of each hit."""
    parts, at = [], 0
    for hit in hits:
        parts += [text[at : hit.start], PLACEHOLDERS[hit.kind]]
        at = hit.end
    return "".join([*parts, text[at:]])


def nearest_before(text: str, start: int, words: re.Pattern[str]) -> int:
    """Return where the last of `words` before `start` ends, or -1 when there is none nearby."""
    found = -1
    for match in words.finditer(text, max(0, start - BEFORE), start):
        found = match.end()
    return found


def is_other_number(text: str, start: int, own_word_at: int = -1) -> bool:
    """Tell whether words just before, in the same sentence, say it's an order, a part or the like.

    Args:
        text: the whole.
        start: where the number begins.
        own_word_at: where a word ends that says otherwise; the nearer one is believed.
    """
    named = nearest_before(text, start, OTHER_NUMBER)
    return named > own_word_at and start - named <= NEAR and not SENTENCE.search(text, named, start)
