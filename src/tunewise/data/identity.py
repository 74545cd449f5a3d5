"""What makes two rows the same: hashes of their content, and texts with small differences removed.

Given texts, gives back ids, normal forms and lots in [0, 1). Nothing here depends on the order or
number of rows, so what is decided by these stays decided when rows are added.
"""

from __future__ import annotations

import functools
import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Sequence

from tunewise.records import Example

REMEMBERED = 2**17  # texts whose normal form is kept: each is asked for a dozen times
ID_CHARACTERS = 16  # of SHA-256 in hex: a clash among a million rows has odds below 1 in 10 million


def content_hash(text: str, target: str) -> str:
    """Return 16 hex characters that stand for a row's input and target."""
    content = json.dumps([text, target], ensure_ascii=False).encode()
    return hashlib.sha256(content).hexdigest()[:ID_CHARACTERS]


class Ids:
    """Gives each row its id: the hash of its content, '-2', '-3' for further identical rows."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._again: Counter[str] = Counter()

    def of(self, text: str, target: str) -> str:
        """Return the id of the next row with this content."""
        plain = content_hash(text, target)
        if plain not in self._seen:
            self._seen.add(plain)
            return plain
        self._again[plain] += 1
        return f"{plain}-{self._again[plain] + 1}"


@functools.lru_cache(maxsize=REMEMBERED)
def normalised(text: str) -> str:
    """Return the text as it is compared: Unicode NFKC, case folded, runs of white space as one."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def lot(*parts: object) -> float:
    """Return a number in [0, 1), uniform over what the parts may be and fixed by them."""
    content = json.dumps(parts, ensure_ascii=False).encode()
    return (int.from_bytes(hashlib.sha256(content).digest()[:8]) >> 11) / 2**53


def drawn(rows: Sequence[Example], most: int, what: str, seed: int) -> list[Example]:
    """Return the `most` rows with the lowest hashes, in the order that they were in.

    Smaller parts lie inside larger ones, so any two candidates share the smaller one's rows.

    Args:
        rows: to draw from.
        most: how many are wanted.
        what: they are drawn for, such as their side; of another purpose other rows are drawn.
        seed: of the task.
    """

    def hashed(row: Example) -> str:
        return hashlib.sha256(f"{what} {seed} {row.id}".encode()).hexdigest()

    kept = {row.id for row in sorted(rows, key=hashed)[:most]}
    return [row for row in rows if row.id in kept]
