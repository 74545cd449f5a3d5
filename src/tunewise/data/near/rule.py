"""Whether two texts, given as words, are near copies: a matter of these two alone.

What differs is looked at word by word, order apart. Slips of the pen, a few function words more or
less, and a few words that only one text has, are what a copy may differ in. Content words exchanged
for others, and other numbers or negations, make another text however much else agrees. Knows
nothing of how pairs come to be compared.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from rapidfuzz.distance import OSA, LCSseq

from tunewise.data.near.words import is_vital, lists, weight

EXCHANGED = 0.3  # weight of words exchanged that is tolerated in any text: two function words
EXCHANGED_SHARE = 0.01  # of the text's weight, that is tolerated besides
EXTRA = 0.275  # share of the longer text's weight that the other may lack
MORE = 0.2
SLIPS = 0.34  # share of the words that may be slips
VITAL_SHARE = 0.25  # of all words that differ, above which vital ones make another text
LONG = 40  # words from which on a vital word may be lost to noise at all


def near_copies(first: Sequence[str], second: Sequence[str]) -> bool:
    """Tell whether two texts' words are those of near copies; symmetric.

    Args:
        first: words as `words_of` gives them.
        second: likewise.
    """
    counts, others = Counter(first), Counter(second)
    left, right = counts - others, others - counts
    if not left and not right:
        return True
    differ = left.total() + right.total()
    shorter = min(len(first), len(second))
    if min(left.total(), right.total()) > max(1, SLIPS * shorter) + 3:
        return False
    vital = sum(n for side in (left, right) for word, n in side.items() if is_vital(word))
    if vital and not _same_negations(left, right):
        if shorter < LONG or vital > VITAL_SHARE * differ:
            return False
    slips = _take_slips(left, right, first, second)
    if slips > max(1, SLIPS * shorter):
        return False
    lost, gained = _weight(left), _weight(right)
    whole = max(_weight(counts), _weight(others))
    exchanged = min(lost, gained)
    if exchanged > EXCHANGED + EXCHANGED_SHARE * whole:
        return False
    if max(lost, gained) - exchanged > EXTRA * whole:
        return False
    if max(left.total(), right.total()) > max(1, MORE * max(len(first), len(second)) + 0.5):
        return False
    return LCSseq.similarity(first, second) >= 0.5 * shorter


def is_slip(word: str, other: str) -> bool:
    """Tell whether one word may be the other mistyped: one or two letters off, not its opposite."""
    longer, shorter = (word, other) if len(word) >= len(other) else (other, word)
    if longer.endswith(shorter) and longer[: -len(shorter)] in lists().negating_prefixes:
        return False
    most = 2 if len(longer) >= 10 else 1
    if len(longer) - len(shorter) > most or len(longer) < 3:
        return False
    distance = OSA.distance(word, other, score_cutoff=most)
    if distance > most:
        return False
    return len(longer) > 3 or sorted(word) == sorted(other) or len(longer) > len(shorter)


def _same_negations(left: Counter[str], right: Counter[str]) -> bool:
    """Tell whether no number differs and negations are as many, if in other words."""
    known = lists().negations
    many = [sum(n for word, n in side.items() if word in known) for side in (left, right)]
    other = any(is_vital(word) and word not in known for side in (left, right) for word in side)
    return not other and many[0] == many[1]


def _take_slips(left, right, first, second) -> int:
    slips = 0
    for word in sorted(left, key=len, reverse=True):
        if is_vital(word):
            continue
        for other in sorted(right, key=len, reverse=True):
            while left[word] > 0 and right[other] > 0 and not is_vital(other) and is_slip(word, other):
                left[word] -= 1
                right[other] -= 1
                slips += 1
    return slips + _take_joins(left, right, first) + _take_joins(right, left, second)


def _take_joins(parts, wholes, words) -> int:
    """parts on one side joined on the other"""
    joins = 0
    if not any(n > 0 and len(w) > 3 for w, n in wholes.items()):
        return 0
    for one, two in zip(words, words[1:]):
        whole = one + two
        if wholes.get(whole, 0) > 0 and (parts[one] > 0 or parts[two] > 0):
            parts[one] -= 1
            parts[two] -= 1
            wholes[whole] -= 1
            joins += 1
    return joins


def _weight(words: Counter[str]) -> float:
    return sum(n * weight(word) for word, n in words.items() if n > 0)
