"""Whether two texts, given as words, are near copies: a matter of these two alone.

What differs is looked at word by word. Slips of the pen, a function word exchanged, and a few words
that only one text has are what a copy may differ in. Content words exchanged for others, and other
numbers or negations, make another text however much else agrees. Knows nothing of how pairs come to
be compared.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from rapidfuzz.distance import OSA, LCSseq

from tunewise.data.near.words import is_negation, is_vital, lists, weight

NOISE = 0.01  # share of a text's weight that may be exchanged for other words
EXCHANGED = 0.3  # weight that may be exchanged besides where nothing else differs: a function word
EXTRA = 0.275  # share of the longer text's weight that the other may lack where none is exchanged
EXTRA_WORDS = 0.2  # share of its words, likewise, rounded; one word in any case
SLIPS = 0.25  # share of the words that may be slips; one word in any case
JOINS = 3  # words of a text that may be written as one with their neighbour
IN_ORDER = 0.5  # share of the shorter text's words that must come in the same order
LONG = 40  # words from which on a number or negation may be lost by chance ...
VITAL_SHARE = 0.25  # ... if it is no more than this share of what differs

Words = Counter[str]


def near_copies(first: Sequence[str], second: Sequence[str]) -> bool:
    """Tell whether two texts' words are those of near copies; symmetric.

    Args:
        first: words as `words_of` gives them.
        second: likewise.
    """
    first, second = sorted((tuple(first), tuple(second)))  # so that greed can't make it lopsided
    if first == second:
        return True
    shorter, longer = sorted((len(first), len(second)))
    most_slips = max(1.0, SLIPS * shorter)
    only_first, only_second = set(first).difference(second), set(second).difference(first)
    if min(_said(only_first), _said(only_second)) > most_slips + 1 + NOISE * longer:
        return False  # soon seen, and true of most pairs that aren't near
    counts, others = Counter(first), Counter(second)
    left, right = counts - others, others - counts
    if not _vital_agree(left, right, shorter):
        return False
    slips = _take_slips(left, right)
    most_exchanged = EXCHANGED + NOISE * longer
    if min(_weight(left), _weight(right)) > most_exchanged + JOINS:
        return False
    slips += _take_joins(left, right, first) + _take_joins(right, left, second)
    lost, gained = _weight(left), _weight(right)
    if min(lost, gained) > most_exchanged:
        return False
    whole = max(_weight(counts), _weight(others))
    exchanged, changed = min(lost, gained), max(lost, gained)
    noise = NOISE * whole
    return (
        slips <= most_slips
        and (changed <= EXCHANGED + noise or (exchanged <= noise and changed <= EXTRA * whole))
        and max(left.total(), right.total()) <= max(1, round(EXTRA_WORDS * longer))
        and LCSseq.similarity(first, second) >= IN_ORDER * shorter
    )


def is_slip(word: str, other: str) -> bool:
    """Tell whether one word may be the other mistyped: a letter or two off, and no opposite."""
    shorter, longer = sorted((word, other), key=len)
    most = 2 if len(longer) >= 10 else 1
    if len(longer) < 3 or len(longer) - len(shorter) > most:
        return False
    if longer.endswith(shorter) and longer[: -len(shorter)] in lists().negating_prefixes:
        return False
    if OSA.distance(word, other, score_cutoff=most) > most:
        return False
    # Of three letters, one exchanged makes another word: pin, pan.
    return len(longer) > 3 or len(longer) > len(shorter) or sorted(word) == sorted(other)


def _said(words: Iterable[str]) -> int:
    """Return how many content words there are."""
    return sum(weight(word) == 1 for word in words)


def _weight(words: Words) -> float:
    return sum(count * weight(word) for word, count in words.items())


def _vital_agree(left: Words, right: Words, shorter: int) -> bool:
    """Tell whether numbers agree, and negations in number; a long text may lose some by chance."""
    negations = [sum(n for w, n in side.items() if is_negation(w)) for side in (left, right)]
    vital = [sum(n for w, n in side.items() if is_vital(w)) for side in (left, right)]
    if vital == negations and negations[0] == negations[1]:
        return True
    return shorter >= LONG and sum(vital) <= VITAL_SHARE * (left.total() + right.total())


def _take_slips(left: Words, right: Words) -> int:
    """Remove from both sides what may be the same word mistyped; return how many were removed.

    A slip leaves the first or the last letter as it was, which spares most comparisons.
    """
    by_end: dict[tuple[int, str], list[str]] = defaultdict(list)
    for word in sorted(right):
        if not is_vital(word):
            by_end[0, word[0]].append(word)
            by_end[-1, word[-1]].append(word)
    slips = 0
    for word in sorted(left) if by_end else ():
        if is_vital(word):
            continue
        for other in by_end[0, word[0]] + by_end[-1, word[-1]]:
            same = min(left[word], right[other])
            if same and is_slip(word, other):
                slips += same
                left[word] -= same
                right[other] -= same
    return slips


def _take_joins(parts: Words, wholes: Words, words: Sequence[str]) -> int:
    """Remove words that stand as one on the other side ("top up", "topup"); return how many."""
    joins = 0
    if not any(wholes.values()):
        return joins
    for one, two in itertools.pairwise(words):
        if parts[one] > 0 and parts[two] > 0 and wholes[one + two] > 0:
            parts[one] -= 1
            parts[two] -= 1
            wholes[one + two] -= 1
            joins += 1
    return joins
