"""Texts found by their words: BM25, over whatever has texts.

Given texts, gives back which of them a question's words point at, the best first. Words are taken
without case; none are left out as too frequent, since BM25 weighs them anyway. Knows nothing of
embeddings or prompts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tunewise.errors import BadInput

WORD = re.compile(r"\w+")


class Lexical:
    """An index of texts by their words.

    Args:
        texts: at least one.

    Raises:
        BadInput: bm25s isn't installed.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        try:
            import bm25s
        except ImportError as error:
            raise BadInput(
                "finding texts by their words needs the bm25s package",
                mend="Install it with: pip install 'tunewise[retrieval]'",
            ) from error
        self._count = len(texts)
        corpus = [words(text) for text in texts]
        self._index: Any = None
        if any(corpus):
            self._index = bm25s.BM25()
            self._index.index(corpus, show_progress=False)

    def ranking(self, question: str, most: int) -> list[int]:
        """Return texts that share a word with the question, the best first, at most so many."""
        known = [word for word in words(question) if self._index and word in self._index.vocab_dict]
        if not known:
            return []
        scores = np.asarray(self._index.get_scores(known))
        order = np.argsort(-scores, kind="stable")[:most]
        return [int(n) for n in order if scores[n] > 0]


def words(text: str) -> list[str]:
    """Return a text's words, without case."""
    return WORD.findall(text.casefold())
