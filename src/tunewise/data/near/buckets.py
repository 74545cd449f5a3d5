"""Equal keys -> pairs of texts to be compared, with a guard against buckets that are too large.

A pair is one number: the lower text's times 2**32 plus the higher's. A text may have many keys, and
a pair may come up often. Knows nothing of what the keys are made of.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tunewise.data.near.table import Hashes, Numbers

LARGE = 256  # entries above which a bucket isn't compared all with all
WINDOW = 4  # neighbours in an order that an entry of a large bucket is compared with


def pairs_of(keys: Hashes, owners: npt.NDArray[np.integer]) -> tuple[Numbers, list[Numbers]]:
    """Return the pairs of owners with an equal key, but for the buckets that are too large.

    Args:
        keys: one of each entry, [entries].
        owners: whose each entry is, [entries].

    Returns:
        Pairs, and for each bucket that is too large the positions of its entries.
    """
    order = np.argsort(keys)
    in_order = keys[order]
    first = np.flatnonzero(np.r_[True, in_order[1:] != in_order[:-1]][: len(keys)])
    sizes = np.diff(np.r_[first, len(keys)])
    crowds = zip(*_where(first, sizes, sizes > LARGE), strict=True)
    large = [order[at : at + size] for at, size in crowds]
    first, sizes = _where(first, sizes, (sizes > 1) & (sizes <= LARGE))
    owners = owners[order]
    found = []
    # All pairs in a bucket that are one apart, then two apart, and so on.
    for apart in range(1, int(sizes.max(initial=1))):
        first, sizes = _where(first, sizes, sizes > apart)
        counts = sizes - apart
        at = np.repeat(first - np.r_[0, np.cumsum(counts)[:-1]], counts) + np.arange(counts.sum())
        found.append(coded(owners[at], owners[at + apart]))
    return unique(found), large


def neighbours(order: Numbers) -> tuple[Numbers, Numbers]:
    """Return the positions of pairs of entries that lie close in an order (sorted neighbourhood).

    Hernández and Stolfo 1995. The cost grows with the entries, not with their square.
    """
    steps = range(1, min(WINDOW, len(order) - 1) + 1)
    if not steps:
        return order[:0], order[:0]
    return (
        np.concatenate([order[:-apart] for apart in steps]),
        np.concatenate([order[apart:] for apart in steps]),
    )


def coded(one: npt.NDArray[np.integer], other: npt.NDArray[np.integer]) -> Numbers:
    """Return pairs as numbers."""
    low, high = np.minimum(one, other), np.maximum(one, other)
    pairs: Numbers = (low.astype(np.int64) << 32) | high.astype(np.int64)
    return pairs


def decoded(pairs: Numbers) -> tuple[Numbers, Numbers]:
    """Return the lower and the higher texts of pairs."""
    return pairs >> 32, pairs & 0xFFFFFFFF


def unique(parts: Sequence[Numbers]) -> Numbers:
    """Return each pair once, in order; pairs of a text with itself are left out."""
    if not parts:
        return np.empty(0, np.int64)
    pairs: Numbers = np.unique(np.concatenate(parts))
    low, high = decoded(pairs)
    different: Numbers = pairs[low != high]
    return different


def _where(
    first: Numbers, sizes: Numbers, chosen: npt.NDArray[np.bool_]
) -> tuple[Numbers, Numbers]:
    return first[chosen], sizes[chosen]
