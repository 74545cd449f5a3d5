"""Candidates among texts of some length: those whose words overlap much, by MinHash and bands.

Broder 1997; banding as in Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4. The
features of a text are its words, and the beginnings and ends of its longer words, which slips
seldom hit both: order is no matter, and short words count for less. Knows nothing of the rule that
judges pairs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tunewise.data.near.buckets import LARGE, coded, decoded, neighbours, pairs_of, unique
from tunewise.data.near.table import Hashes, Numbers, Table, fixed_hash

LEAST = 6  # words; shorter texts are all found by deletions
BANDS = 24
ROWS = 6  # minima in a band
AGREE = 0.5  # share of minima that must agree: the estimated Jaccard similarity of the features
STRICT = 40  # words below which numbers and negations must agree
LOOSE = 32  # words from which on they needn't; between the two a text is searched in both ways
FOLLOWING = 8  # bands that order the texts of a crowd
BEST = 2  # partners kept of each text of a crowd
WORDS_AT_ONCE = 1 << 17  # bounds memory
PAIRS_AT_ONCE = 1 << 19
SPREAD = np.uint64(0x9E3779B97F4A7C15)


def sketched_candidates(table: Table) -> Numbers:
    """Return pairs of texts that may be near copies."""
    lengths = table.lengths
    texts = np.flatnonzero(lengths >= LEAST)
    if not len(texts):
        return unique([])
    bands, sketches = _sketched(table, texts)
    salts = _vital_sums(table)[texts]
    strict = np.flatnonzero(lengths[texts] < STRICT)
    loose = np.flatnonzero(lengths[texts] >= LOOSE)
    found = []
    for chosen, salt in ((strict, salts[strict]), (loose, np.zeros(len(loose), np.uint64))):
        one, other = decoded(_banded(bands[:, chosen] + salt, sketches[chosen]))
        found.append(coded(texts[chosen[one]], texts[chosen[other]]))
    return unique(found)


def _banded(bands: Hashes, sketches: npt.NDArray[np.uint8]) -> Numbers:
    """Return pairs of columns that are equal in a band and alike in all.

    A text that is so with more than LARGE others, as texts with much boilerplate are, is in a
    crowd: of the pairs of a crowd only the likeliest are kept, and in the bands to come it is
    paired with neighbours in an order of several bands (as in LSH Forest, Bawa et al. 2005).
    """
    count = bands.shape[1]
    crowded = np.zeros(count, np.bool_)
    found = crowd = unique([])
    for band in range(BANDS):
        free = np.flatnonzero(~crowded)
        pairs, large = pairs_of(bands[band, free], free)
        found = unique([found, _alike(pairs, sketches)[0]])
        for at in large:
            crowded[free[at]] = True
        crowded |= np.bincount(np.concatenate(decoded(found)), minlength=count) > LARGE
        if not crowded.any():
            continue
        thick = np.flatnonzero(crowded)
        following = np.array([(band + n) % BANDS for n in range(FOLLOWING - 1, -1, -1)])
        one, other = neighbours(np.lexsort(bands[np.ix_(following, thick)]))
        low, high = decoded(found)
        crowds = crowded[low] | crowded[high]
        crowd = unique([crowd, found[crowds], coded(thick[one], thick[other])])
        crowd = _best(*_alike(crowd, sketches))
        found = found[~crowds]
    return unique([found, crowd])


def _alike(pairs: Numbers, sketches: npt.NDArray[np.uint8]) -> tuple[Numbers, Numbers]:
    """Return the pairs whose sketches agree in enough minima, and in how many they do."""
    kept, counts = [], []
    for at in range(0, len(pairs), PAIRS_AT_ONCE):
        some = pairs[at : at + PAIRS_AT_ONCE]
        one, other = decoded(some)
        agree = (sketches[one] == sketches[other]).sum(1)
        chosen = agree >= AGREE * BANDS * ROWS
        kept.append(some[chosen])
        counts.append(agree[chosen])
    if not kept:
        return pairs, pairs
    return np.concatenate(kept), np.concatenate(counts)


def _best(pairs: Numbers, agree: Numbers) -> Numbers:
    """Return the pairs that are among the best few of one of their texts."""
    chosen = np.zeros(len(pairs), np.bool_)
    for side in decoded(pairs):
        order = np.lexsort((-agree, side))
        first = np.r_[True, side[order][1:] != side[order][:-1]][: len(order)]
        rank = np.arange(len(order)) - np.maximum.accumulate(
            np.where(first, np.arange(len(order)), 0)
        )
        chosen[order[rank < BEST]] = True
    return pairs[chosen]


def _sketched(table: Table, texts: Numbers) -> tuple[Hashes, npt.NDArray[np.uint8]]:
    """Return the key of each band, [bands, texts], and eight bits of each minimum, [texts, minima].

    Minimum k of a text is the least of its features' hashes (a_k x + b_k) >> 32.
    """
    count = BANDS * ROWS
    factors = np.array([fixed_hash(f"factor {k}") | 1 for k in range(count)], np.uint64)
    offsets = np.array([fixed_hash(f"offset {k}") for k in range(count)], np.uint64)
    bands = np.empty((BANDS, len(texts)), np.uint64)
    sketches = np.empty((len(texts), count), np.uint8)
    for start, stop in _parts(table.lengths[texts]):
        words, starts = _words_of(table, texts[start:stop])
        known, places = np.unique(words, return_inverse=True)
        least = np.full((len(known), count), 0xFFFFFFFF, np.uint32)
        for feature in table.features[known].T:
            hashed = (feature[:, None] * factors + offsets) >> np.uint64(32)
            np.minimum(least, hashed.astype(np.uint32), out=least)
        minima = np.minimum.reduceat(least[places], starts, axis=0)
        sketches[start:stop] = minima
        keys = np.zeros((stop - start, BANDS), np.uint64)
        for row in range(ROWS):
            keys = (keys ^ minima[:, row::ROWS]) * SPREAD
            keys ^= keys >> np.uint64(29)
        bands[:, start:stop] = keys.T
    return bands, sketches


def _parts(lengths: Numbers) -> Iterator[tuple[int, int]]:
    """Yield where parts of the texts begin and end that have about WORDS_AT_ONCE words each."""
    ends = np.cumsum(lengths)
    start = 0
    while start < len(lengths):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + WORDS_AT_ONCE, "right")))
        yield start, stop
        start = stop


def _words_of(table: Table, texts: Numbers) -> tuple[npt.NDArray[np.int32], Numbers]:
    """Return the words of some texts, one text after another, and where each begins."""
    lengths = table.lengths[texts]
    starts = np.r_[0, np.cumsum(lengths)[:-1]]
    at = np.arange(lengths.sum()) + np.repeat(table.starts[texts] - starts, lengths)
    return table.words[at], starts


def _vital_sums(table: Table) -> Hashes:
    """Return a hash of each text's numbers and negations, however ordered; 0 where it has none."""
    hashes = np.where(table.vital, table.features[:, 0] * SPREAD, np.uint64(0))[table.words]
    sums = np.r_[np.uint64(0), np.cumsum(hashes, dtype=np.uint64)]
    each: Hashes = sums[table.starts[1:]] - sums[table.starts[:-1]]
    return each
