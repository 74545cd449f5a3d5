"""How alike a written answer and the right one are, between 0 and 1.

ROUGE-L is the F measure of the longest common subsequence of stemmed words (Lin 2004, ACL workshop
Text Summarization Branches Out; the package rouge-score). chrF (Popović 2015, WMT, 392-395)
compares character n-grams, BLEU (Papineni et al. 2002, ACL, 311-318) word n-grams, of one sentence
with the orders it has; both by sacrebleu (Post 2018, arXiv 1804.08771). Token F1 and exact match
are those of SQuAD (Rajpurkar et al. 2016, arXiv 1606.05250): case, punctuation and articles don't
count. Knows nothing of rows or candidates.
"""

from __future__ import annotations

import functools
import re
import string
from collections import Counter
from typing import Any

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def rouge_l(target: str, answer: str) -> float:
    """Return the F measure of the longest common subsequence of stemmed words."""
    from rapidfuzz.distance import LCSseq

    right, said = _stems(target), _stems(answer)
    if not right or not said:
        return 0.0
    return 2 * LCSseq.similarity(right, said) / (len(right) + len(said))


def token_f1(target: str, answer: str) -> float:
    """Return the F measure of the words that both have, in any order."""
    right, said = normal(target).split(), normal(answer).split()
    if not right or not said:
        return float(right == said)
    shared = sum((Counter(right) & Counter(said)).values())
    return 2 * shared / (len(right) + len(said))


def exact_match(target: str, answer: str) -> float:
    """Return 1 where both are the same but for case, punctuation, articles and spaces, else 0."""
    return float(normal(target) == normal(answer))


def chrf(target: str, answer: str) -> float:
    """Return the F measure of shared character n-grams of 1 to 6, recall counting twice."""
    return min(1.0, float(_chrf().sentence_score(answer, [target]).score) / 100)


def bleu(target: str, answer: str) -> float:
    """Return the sentence's BLEU, of the orders of n-grams that it has."""
    return min(1.0, float(_bleu().sentence_score(answer, [target]).score) / 100)


def normal(text: str) -> str:
    """Return a text without case, punctuation, articles and superfluous spaces."""
    bare = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def _stems(text: str) -> list[str]:
    """Return a text's words as rouge-score takes them: lower case, stemmed, ASCII letters only."""
    from rouge_score.tokenize import tokenize

    return [_stem(word) if len(word) > 3 else word for word in tokenize(text, None)]


@functools.lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    return str(_stemmer().stem(word))


@functools.cache
def _stemmer() -> Any:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


@functools.cache
def _chrf() -> Any:
    from sacrebleu.metrics import CHRF

    return CHRF()


@functools.cache
def _bleu() -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(effective_order=True)


MEASURES = {
    "rouge_l": rouge_l,
    "token_f1": token_f1,
    "exact_match": exact_match,
    "chrf": chrf,
    "bleu": bleu,
}
