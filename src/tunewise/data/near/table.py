"""Texts as words -> arrays: each word's number, and hashes of it that are the same everywhere.

Given the words of many texts, gives back what the searches for candidates are vectorised over.
Knows nothing of pairs.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tunewise.data.near.words import is_vital, lists

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]
ENDS = 3  # letters of a word's beginning and end; a slip seldom hits both
FEATURES = 3  # of a word: itself, its beginning, its end


@dataclass(frozen=True)
class Table:
    """Words of all texts, one text after another.

    Attributes:
        words: number of each word in the vocabulary, [all words].
        starts: where each text begins in `words`, [texts + 1].
        features: hashes of each word of the vocabulary, its beginning and its end,
            [vocabulary, FEATURES]; all three the word's own where it is short. Negations all
            have the same.
        vital: which words of the vocabulary are numbers or negations, [vocabulary].
    """

    words: npt.NDArray[np.int32]
    starts: Numbers
    features: Hashes
    vital: npt.NDArray[np.bool_]

    @property
    def lengths(self) -> Numbers:
        """Words in each text."""
        return np.diff(self.starts)


def table_of(texts: Sequence[Sequence[str]]) -> Table:
    """Return the table of texts that are given as words."""
    different = dict.fromkeys(itertools.chain.from_iterable(texts))
    numbers = {word: number for number, word in enumerate(different)}
    numbered = map(numbers.__getitem__, itertools.chain.from_iterable(texts))
    words = np.fromiter(numbered, dtype=np.int32, count=sum(map(len, texts)))
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in texts], out=starts[1:])
    features = np.array([_features(word) for word in numbers], dtype=np.uint64)
    vital = np.array([is_vital(word) for word in numbers], dtype=np.bool_)
    return Table(words, starts, features.reshape(-1, FEATURES), vital)


def fixed_hash(text: str) -> int:
    """Return 64 bits that stand for a text, in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _features(word: str) -> tuple[int, int, int]:
    own = fixed_hash("not" if word in lists().negations else word)
    if len(word) <= ENDS or word in lists().negations:
        return own, own, own
    return own, fixed_hash(f"^{word[:ENDS]}"), fixed_hash(f"{word[-ENDS:]}$")
