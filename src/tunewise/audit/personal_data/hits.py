"""What is found of personal data in a text: where, of which kind, and how it may be shown.

Knows nothing of how it is found. `shown` never holds enough to use or to recognise the original.
"""

from __future__ import annotations

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
        if all(hit.end <= other.start or other.end <= hit.start for other in kept):
            kept.append(hit)
    return sorted(kept, key=lambda hit: hit.start)


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
    """Tell whether the word before a number says it's an order, a part or the like."""
    return nearest_before(text, start, OTHER_NUMBER) > own_word_at
