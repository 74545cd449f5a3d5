"""Texts -> clusters of near copies: retyped, reordered, shortened a little, greeted.

Whether two texts are near copies is a matter of these two alone (rule.py), so it hangs neither on
other rows nor on their order, and rows that are added can only add to clusters. Candidates are
found by deletions (short.py) and sketches (sketches.py), which are fixed by each text alone too.
The one exception is a guard: of more than LARGE different texts that agree in all but two words, or
in nearly all words, each is compared with its likeliest neighbours only.
Knows nothing of labels, sides or files.
"""

from __future__ import annotations

import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tunewise.data.near.buckets import decoded, unique
from tunewise.data.near.rule import near_copies
from tunewise.data.near.short import short_candidates
from tunewise.data.near.sketches import sketched_candidates
from tunewise.data.near.table import table_of
from tunewise.data.near.words import words_of

__all__ = ["are_near", "near_clusters", "near_copies", "near_pairs", "near_texts", "words_of"]


def are_near(text: str, other: str) -> bool:
    """Tell whether two texts are near copies."""
    return near_copies(words_of(text), words_of(other))


def near_clusters(texts: Sequence[str]) -> list[list[int]]:
    """Return the places of texts that are near copies, directly or in a chain, two or more each.

    Places in a cluster rise, and so do the clusters' first places.
    """
    same = _same_words(texts)
    parent = list(range(len(same)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    words = list(same)
    for one, other in _candidates(words):
        first, second = root(one), root(other)
        if first != second and near_copies(words[one], words[other]):
            parent[max(first, second)] = min(first, second)
    found: dict[int, list[int]] = defaultdict(list)
    for place, places in enumerate(same.values()):
        found[root(place)] += places
    return sorted(sorted(places) for places in found.values() if len(places) > 1)


_found: dict[str, list[list[str]]] = {}  # the last answer of near_texts, by its question


def near_texts(texts: Iterable[str]) -> list[list[str]]:
    """Return the different texts that are near copies, two or more each, in alphabetical order.

    The last answer is kept: an audit asks for the same texts twice, to split them and to look for
    copies, and 100,000 texts take half a minute.
    """
    different = sorted(set(texts))
    question = hashlib.sha256("\0".join(different).encode(errors="surrogatepass")).hexdigest()
    if question not in _found:
        _found.clear()
        _found[question] = [[different[at] for at in same] for same in near_clusters(different)]
    return _found[question]


def near_pairs(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Return the places of all pairs of texts that are near copies of one another, in order."""
    same = _same_words(texts)
    words, places = list(same), list(same.values())
    pairs = [
        (one, other) for all_ in places for n, one in enumerate(all_) for other in all_[n + 1 :]
    ]
    for first, second in _candidates(words):
        if near_copies(words[first], words[second]):
            pairs += [(min(a, b), max(a, b)) for a in places[first] for b in places[second]]
    return sorted(pairs)


def _same_words(texts: Sequence[str]) -> dict[tuple[str, ...], list[int]]:
    """Return the places of the texts by their words."""
    found: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        found[tuple(map(sys.intern, words_of(text)))].append(place)
    return found


def _candidates(words: Sequence[Sequence[str]]) -> Iterator[tuple[int, int]]:
    """Yield pairs of different texts that are worth comparing, each once."""
    if len(words) < 2:
        return
    table = table_of(words)
    pairs = unique([short_candidates(table), sketched_candidates(table)])
    del table
    low, high = decoded(pairs)
    yield from zip(low.tolist(), high.tolist(), strict=True)
