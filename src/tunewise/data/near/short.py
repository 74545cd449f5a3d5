"""Candidates among short texts: those that are equal once up to two words of each are deleted.

The deletion neighbourhood of Mor and Fraenkel (1982), known from SymSpell, over words instead of
letters: a text's key is the sum of its words' hashes, so order is no matter, and the key less one
or two words is that of the text without them. Every pair that differs in no more words is found.
Numbers and negations aren't deleted: short near copies don't differ in them. Knows nothing of the
rule that judges pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tunewise.data.near.buckets import coded, neighbours, pairs_of, unique
from tunewise.data.near.table import Numbers, Table

LONGEST = 20  # words of a text that is short
TWO_FROM = 6  # words from which on two may be deleted
KEYS_AT_ONCE = 4_000_000  # bounds memory; more are gone through in parts
SPREAD = np.uint64(0x9E3779B97F4A7C15)  # odd, so that sums of hashes are spread anew
Each = TypeVar("Each", np.uint64, np.bool_)
NONE_DELETED = 0  # the way that leaves a text whole


def short_candidates(table: Table) -> Numbers:
    """Return pairs of short texts that may be near copies."""
    lengths = table.lengths
    groups = [
        (length, texts)
        for length in range(1, LONGEST + 1)
        if len(texts := np.flatnonzero(lengths == length))
    ]
    count = sum(len(texts) * len(_ways(length)) for length, texts in groups)
    parts = count // KEYS_AT_ONCE + 1
    return unique([_pairs(table, groups, part, parts) for part in range(parts)])


@cache
def _ways(length: int) -> npt.NDArray[np.int16]:
    """Return which two words each way deletes, [ways, 2]; `length` stands for no word."""
    ways = [(length, length), *((at, length) for at in range(length) if length > 1)]
    if length >= TWO_FROM:
        ways += [(one, two) for two in range(length) for one in range(two)]
    return np.array(ways, dtype=np.int16)


def _pairs(table: Table, groups: list[tuple[int, Numbers]], part: int, parts: int) -> Numbers:
    """Return the pairs with an equal key among those keys that fall to one of `parts` parts."""
    keys, owners, ways = [], [], []
    for length, texts in groups:
        for some in _slices(texts, KEYS_AT_ONCE // 4 // len(_ways(length)) + 1):
            words = table.words[table.starts[some, None] + np.arange(length)]
            hashes = _with_none(table.features[words, 0] * SPREAD)
            vital = _with_none(table.vital[words])
            one, two = _ways(length).T
            left = hashes.sum(1, dtype=np.uint64)[:, None] - hashes[:, one] - hashes[:, two]
            chosen = ~(vital[:, one] | vital[:, two])
            if parts > 1:
                chosen &= (left >> np.uint64(32)) % np.uint64(parts) == np.uint64(part)
            rows, columns = np.nonzero(chosen)
            keys.append(left[rows, columns])
            owners.append(some[rows].astype(np.int32))
            ways.append(columns.astype(np.int16))
    if not keys:
        return unique([])
    owner, way = np.concatenate(owners), np.concatenate(ways)
    found, large = pairs_of(np.concatenate(keys), owner)
    return unique([found, *(_of_large(table, owner[at], way[at]) for at in large)])


def _of_large(table: Table, owners: npt.NDArray[np.int32], ways: npt.NDArray[np.int16]) -> Numbers:
    """Return pairs of a large bucket, such as all texts of a pattern with one word to fill in.

    A whole text is a candidate with all others, which have a word more. Others are candidates when
    the deleted words begin or end alike, as the two spellings of a slip do.
    """
    whole = ways == NONE_DELETED
    found = [coded(owners, np.full_like(owners, text)) for text in np.unique(owners[whole])]
    lengths = table.lengths[owners]
    alike = np.zeros((2, len(owners)), np.uint64)
    own = np.zeros(len(owners), np.uint64)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        words = table.words[table.starts[owners[rows], None] + np.arange(length)]
        deleted = _ways(int(length))[ways[rows]]
        for feature, sums in ((0, own), (1, alike[0]), (2, alike[1])):
            hashes = _with_none(table.features[words, feature])
            sums[rows] = np.take_along_axis(hashes, deleted.astype(np.int64), 1).sum(1)
    for ends in alike:
        one, other = neighbours(np.lexsort((own, ends)))
        same = ends[one] == ends[other]
        found.append(coded(owners[one[same]], owners[other[same]]))
    return unique(found)


def _with_none(values: npt.NDArray[Each]) -> npt.NDArray[Each]:
    """Return [texts, words + 1]: the last column, of zeros, stands for no word."""
    return np.concatenate([values, np.zeros((len(values), 1), values.dtype)], axis=1)


def _slices(texts: Numbers, size: int) -> Iterator[Numbers]:
    return (texts[at : at + size] for at in range(0, len(texts), size))
