"""Outliers in meaning: inputs that are about something else than all the others.

The embedded encoder turns texts into vectors; a text is far off when its 15th nearest neighbour
is (the distance to the k-th neighbour: Ramaswamy, Rastogi and Shim 2000), so that a handful of
strangers that resemble each other are found as well. Labels play no part. Of more text than a
minute's worth, a sample and the rows with the rarest words are looked at; the finding says so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunewise.audit.clusters import place
from tunewise.audit.embedded import READ_TOKENS, drawn
from tunewise.audit.sides import Sides
from tunewise.audit.texts import Text, counted, quoted
from tunewise.errors import Unreachable
from tunewise.records import Example, Finding

if TYPE_CHECKING:
    import numpy as np

FEWEST = 100  # rows below which nothing is said of what is usual
NEIGHBOUR = 15  # whose distance counts
FAR = 3.5  # spreads above the median (Iglewicz and Hoaglin 1993)
LEAST_SPREAD = 0.01  # of cosine distance; below it all texts are as good as the same
READ = 300  # characters of a text that it may cost to read so many tokens
ALL_CHARACTERS = 900_000  # up to so many, every row is looked at
CHARACTERS = 150_000  # of a sample of more, and of as many rows with rare words
RARE_AMONG = 10_000  # rows that tell how rare a word is
FEWEST_WORDS = 4  # in fewer words one rare one says little
WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Looked:
    """Which rows are looked at: `sample` tells what is usual, `odd` are those with rare words."""

    sample: tuple[Example, ...]
    odd: tuple[Example, ...]


def outliers(sides: Sides) -> list[Finding]:
    """Return one finding on the inputs that lie far from the others, the farthest first."""
    rows = sides.used
    if len(rows) < FEWEST:
        return []
    looked = _looked(rows)
    try:
        X = sides.embedded.of([*looked.sample, *looked.odd])
    except Unreachable as error:
        return [_not_made(error)]
    scores = far_off(X, len(looked.sample))
    order = sorted(range(len(scores)), key=lambda at: -scores[at])
    held = [*looked.sample, *looked.odd]
    found = [Text(held[at], "input", held[at].input) for at in order if scores[at] > FAR]
    return [_finding(found, looked, len(rows))] if found else []


def far_off(X: np.ndarray, usual: int) -> np.ndarray:
    """Return how far each vector lies from the usual ones, in spreads above their median.

    Args:
        X: vectors of unit length [rows, hidden]; the first `usual` rows tell what is usual.
        usual: more than NEIGHBOUR.
    """
    import numpy as np

    distances = np.empty(len(X), dtype=np.float64)
    for start in range(0, len(X), 1_000):
        part = slice(start, start + 1_000)
        nearness = X[part] @ X[:usual].T  # [part, usual], cosines
        own = np.arange(start, min(start + 1_000, usual))
        nearness[own - start, own] = -np.inf  # nobody is their own neighbour
        distances[part] = 1 - np.partition(nearness, -NEIGHBOUR, axis=1)[:, -NEIGHBOUR]
    middle, high = np.quantile(distances[:usual], (0.5, 0.9))
    mad = float(np.median(np.abs(distances[:usual] - middle)))
    # Of a normal distribution both are one standard deviation; of a skewed one the larger counts.
    spread = max(1.4826 * mad, (high - middle) / 1.2816, LEAST_SPREAD)
    scores: np.ndarray = (distances - middle) / spread
    return scores


def _looked(rows: Sequence[Example]) -> Looked:
    """Return all rows, or a sample by lot and the rows with the rarest words among the others."""
    if sum(min(len(row.input), READ) for row in rows) <= ALL_CHARACTERS:
        return Looked(tuple(rows), ())
    by_lot = drawn(rows)
    sample = _up_to(by_lot)
    known: Counter[str] = Counter()
    for row in by_lot[:RARE_AMONG]:
        known.update(set(_words(row)))
    rest = by_lot[len(sample) :]
    rest.sort(key=lambda row: -_rareness(row, known))
    return Looked(tuple(sample), tuple(_up_to(rest)))


def _up_to(rows: Sequence[Example]) -> list[Example]:
    """Return the first rows whose texts have no more than CHARACTERS together."""
    kept, left = [], CHARACTERS
    for row in rows:
        left -= min(len(row.input), READ)
        if left < 0:
            break
        kept.append(row)
    return kept


def _words(row: Example) -> list[str]:
    return WORD.findall(row.input[:READ].casefold())


def _rareness(row: Example, known: Counter[str]) -> float:
    """Return the share of a text's words that hardly any other text has."""
    words = set(_words(row))
    rare = sum(known[word] <= 2 for word in words)  # itself may be one of them
    return rare / max(FEWEST_WORDS, len(words))


def _finding(found: Sequence[Text], looked: Looked, count: int) -> Finding:
    how = (
        f" Looked at were {len(looked.sample):,} of the {count:,} rows, drawn by lot, and the"
        f" {len(looked.odd):,} others with the rarest words."
        if looked.odd
        else ""
    )
    verb = "is" if len(found) == 1 else "are"
    return Finding(
        check="outliers",
        severity="note",
        reason=f"{counted(len(found), 'input')} of {count:,} {verb} far from all others in"
        f" meaning, farthest first: {quoted(found)}. Decided by the first {READ_TOKENS} tokens'"
        f" embedding: its {NEIGHBOUR}th nearest neighbour is more than {FAR:g} spreads farther"
        f" away than is usual.{how}",
        mend="Look whether they belong to the task; delete those that don't.",
        rows=tuple(place(one.row) for one in found),
    )


def _not_made(error: Unreachable) -> Finding:
    return Finding(
        check="outliers",
        severity="note",
        reason=f"Outliers in meaning weren't looked for, as the encoder couldn't be fetched:"
        f" {error.what}.",
        mend=error.mend or "Try again with a connection.",
    )
